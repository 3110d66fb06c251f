"""Sessions that are their client's alone.

asyncua 2.1 gives sessions and subscriptions numbers that can be guessed, and serves whoever names one: it even serves
a session to a client that has just failed to log in to it. Here a session ends with its connection, and nobody touches
a subscription of another.
"""

import struct
from collections.abc import Callable, Iterable
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import uacrypto
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession

from goodpart_station.opcua.channels import channel

_OPENED = {
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep": uacrypto.decrypt_rsa_oaep,
    "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256": uacrypto.decrypt_rsa_oaep_sha256,
}
"""How a password may be encrypted. PKCS#1 v1.5, which asyncua takes as well, tells too much to who asks often."""


class OwnSession(InternalSession):
    """A session that touches its own subscriptions alone."""

    async def create_session(self, params: Any, sockname: Any = None) -> Any:
        """Begins, if the client shows the certificate with which it has opened the secure channel."""
        shown = channel().certificate
        if not (params.ClientCertificate or b"").startswith(shown):
            raise ServiceError(ua.StatusCodes.BadSecurityChecksFailed)
        # without those of its signers; asyncua expects one alone
        params.ClientCertificate = shown or None
        return await super().create_session(params, sockname)

    def modify_subscription(self, params: Any) -> Any:
        """Changes nothing, as asyncua does."""
        self.check_own(params.SubscriptionId)
        return super().modify_subscription(params)

    async def create_monitored_items(self, params: Any) -> Any:
        """Adds items."""
        self.check_own(params.SubscriptionId)
        return await super().create_monitored_items(params)

    async def modify_monitored_items(self, params: Any) -> Any:
        """Changes items."""
        self.check_own(params.SubscriptionId)
        return await super().modify_monitored_items(params)

    async def delete_monitored_items(self, params: Any) -> Any:
        """Removes items."""
        self.check_own(params.SubscriptionId)
        return await super().delete_monitored_items(params)

    async def set_monitoring_mode(self, params: Any) -> Any:
        """Switches items."""
        self.check_own(params.SubscriptionId)
        return await super().set_monitoring_mode(params)

    async def set_publishing_mode(self, params: Any) -> Any:
        """Switches subscriptions."""
        for each in params.SubscriptionIds:
            self.check_own(each)
        return await super().set_publishing_mode(params)

    async def delete_subscriptions(self, ids: list[int]) -> Any:
        """Removes subscriptions; those of others are unknown."""
        return await super().delete_subscriptions([each if self._has(each) else 0 for each in ids])

    def republish(self, params: Any) -> Any:
        """Tells once more; the message stays until it is acknowledged.

        asyncua answers an empty message for one that is not there: a client that asks until there is none never ends.

        Raises:
            ServiceError: there is no such message any more, as OPC 10000-4, 5.13.6 demands.
        """
        self.check_own(params.SubscriptionId)
        kept = self.subscription_service.subscriptions[params.SubscriptionId]._not_acknowledged_results
        found = kept.get(params.RetransmitSequenceNumber)
        if found is None:
            raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
        return found.NotificationMessage

    def publish(self, acks: Iterable[Any] | None = None) -> Any:
        """Waits for news of its own subscriptions."""
        own = sum(each.session_id == self.session_id for each in self.subscription_service.subscriptions.values())
        if not own:
            raise ServiceError(ua.StatusCodes.BadNoSubscription)
        acks = list(acks or ())
        for each in acks:
            each.SubscriptionId = each.SubscriptionId if self._has(each.SubscriptionId) else 0
        return own, super().publish(acks)[1]

    async def transfer_subscriptions(self, params: Any, callback: Callable[..., Any]) -> Any:
        """Refuses: a subscription ends with its session."""
        raise ServiceError(ua.StatusCodes.BadServiceUnsupported)

    def check_own(self, subscription: int) -> None:
        """Refuses the number of a subscription that is not this session's.

        Raises:
            ServiceError: it is not.
        """
        if not self._has(subscription):
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)

    def _has(self, subscription: int) -> bool:
        found = self.subscription_service.subscriptions.get(subscription)
        return found is not None and found.session_id == self.session_id


class OwnSessions(InternalServer):
    """The part of asyncua that knows sessions, and opens passwords."""

    def lookup_external_session(self, auth_token: Any) -> None:
        """None: no other connection takes a session over."""
        return

    def decrypt_user_token(self, isession: Any, token: Any) -> tuple[str, str]:
        """The name and the password of a login. A password that was encrypted once cannot be shown again."""
        password = bytes(token.Password or b"")
        if token.EncryptionAlgorithm:
            password = _opened(_OPENED[token.EncryptionAlgorithm](self.private_key, password), isession.nonce)
        elif channel().signs and not channel().encrypts:
            # everybody on the way could read it
            raise ServiceError(ua.StatusCodes.BadIdentityTokenInvalid)
        return token.UserName or "", password.decode("utf-8")


def _opened(plain: bytes, nonce: bytes) -> bytes:
    """The password in the structure of OPC 10000-4, 7.41.2.2: length, password, the server's newest nonce."""
    (length,) = struct.unpack_from("<I", plain)
    end = 4 + length - len(nonce)
    if 4 + length != len(plain) or end < 4 or plain[end:] != nonce:
        raise ServiceError(ua.StatusCodes.BadIdentityTokenInvalid)
    return plain[4:end]
