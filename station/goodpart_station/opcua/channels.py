"""Secure channels: whose certificate is trusted, and what a client may ask before it has shown one.

asyncua 2.1 looks at a client's certificate only if the client sends it once more with its session, and serves every
service on a channel without security, whatever endpoints it offers.
"""

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import ServiceError
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicyFactory
from asyncua.server.internal_session import SessionState
from asyncua.server.uaprocessor import UaProcessor

from goodpart_station.links.clients import Journal
from goodpart_station.opcua.certificates import is_in_date
from goodpart_station.opcua.trust import TrustList, fingerprint, out_of_date

_CHUNK_LEAST = 8192
"""The shortest that OPC 10000-6 allows; one of a few bytes would turn an answer into thousands of pieces."""

_FREE = {
    ua.NodeId(each)
    for each in (
        ua.ObjectIds.FindServersRequest_Encoding_DefaultBinary,
        ua.ObjectIds.GetEndpointsRequest_Encoding_DefaultBinary,
        ua.ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary,
    )
}
"""What a client may ask without security: how to get it."""

_NEVER = {
    ua.NodeId(each)
    for each in (
        ua.ObjectIds.RegisterServerRequest_Encoding_DefaultBinary,
        ua.ObjectIds.RegisterServer2Request_Encoding_DefaultBinary,
        ua.ObjectIds.AddNodesRequest_Encoding_DefaultBinary,
        ua.ObjectIds.DeleteNodesRequest_Encoding_DefaultBinary,
        ua.ObjectIds.AddReferencesRequest_Encoding_DefaultBinary,
        ua.ObjectIds.DeleteReferencesRequest_Encoding_DefaultBinary,
    )
}
"""asyncua remembers each server that anybody registers, for ever and without asking who it is."""

_CREATE = ua.NodeId(ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary)

_NONE = ua.MessageSecurityMode.None_


@dataclasses.dataclass(slots=True)
class Channel:
    """The secure channel of one connection.

    Attributes:
        address: of the client.
        certificate: of the client, DER; b"" without security.
        signs, encrypts: what is done to messages.
    """

    address: str
    certificate: bytes = b""
    signs: bool = False
    encrypts: bool = False


_CHANNEL: ContextVar[Channel] = ContextVar("channel")


def channel() -> Channel:
    """The channel of the request that is served now, in this task.

    Raises:
        LookupError: there is none: the station itself acts.
    """
    return _CHANNEL.get()


@contextlib.contextmanager
def _serving(found: Channel) -> Iterator[None]:
    token = _CHANNEL.set(found)
    try:
        yield
    finally:
        _CHANNEL.reset(token)


class Limits(TransportLimits):
    """Limits of a connection; a client may narrow them, but not to nothing."""

    def create_acknowledge_and_set_limits(self, msg: Any) -> Any:
        """Answers a Hello."""
        if min(msg.ReceiveBufferSize, msg.SendBufferSize) < _CHUNK_LEAST:
            raise ServiceError(ua.StatusCodes.BadConnectionRejected)
        return super().create_acknowledge_and_set_limits(msg)


class TrustedPolicy(SecurityPolicyFactory):
    """Makes the secure channel of a client whose certificate is trusted, and of nobody else."""

    def __init__(self, made: SecurityPolicyFactory, trust: TrustList, journal: Journal) -> None:
        """Takes the place of a factory of asyncua."""
        super().__init__(made.cls, made.mode, made.certificate, made.private_key, made.permission_ruleset)
        self._trust, self._journal = trust, journal

    def create(self, peer_certificate: Any) -> Any:
        """The channel. What asyncua does not expect raises too, and nothing is opened then.

        Raises:
            ServiceError: the certificate is none, is not trusted, or is out of date.
        """
        if self.mode != _NONE:
            found = uacrypto.x509_from_der(peer_certificate)
            if found is None:
                raise ServiceError(ua.StatusCodes.BadSecurityChecksFailed)
            plain = uacrypto.der_from_x509(found)
            if not self._trust.trusts(fingerprint(plain)):
                self._trust.meet(plain)
                raise ServiceError(ua.StatusCodes.BadSecurityChecksFailed)
            if not is_in_date(found):
                self._journal.say(logging.WARNING, out_of_date(found))
                raise ServiceError(ua.StatusCodes.BadCertificateTimeInvalid)
        return super().create(peer_certificate)


class Processor(UaProcessor):
    """The services of one connection."""

    def __init__(self, iserver: Any, transport: Any, limits: TransportLimits, *, secured: bool) -> None:
        """Serves nobody yet.

        Args:
            iserver: asyncua's server.
            transport: of the connection.
            limits: of the connection.
            secured: whether a channel without security is for looking around alone.
        """
        super().__init__(iserver, transport, limits)
        self.session: Any = None
        self._secured = secured
        self.channel = Channel(address=str((self.name or ("?",))[0]))

    async def process(self, header: Any, body: Any) -> Any:
        """Serves a message.

        Raises:
            ServiceError: it comes without a secure channel.
        """
        if header.MessageType == ua.MessageType.SecureMessage and not self._connection.is_open():
            raise ServiceError(ua.StatusCodes.BadTcpSecureChannelUnknown)
        return await super().process(header, body)

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        policy = self._connection.security_policy
        if typeid in _NEVER:
            raise ServiceError(ua.StatusCodes.BadServiceUnsupported)
        if self._secured and policy.Mode == _NONE and typeid not in _FREE:
            raise ServiceError(ua.StatusCodes.BadSecurityModeRejected)
        self.channel.signs = policy.Mode != _NONE
        self.channel.encrypts = policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        self.channel.certificate = policy.peer_certificate if self.channel.signs else b""
        with _serving(self.channel):
            if typeid != _CREATE:
                return await super()._process_message(typeid, requesthdr, seqhdr, body)
            # asyncua would forget the session before, and keep it
            await self._end_session()
            try:
                return await super()._process_message(typeid, requesthdr, seqhdr, body)
            except BaseException:
                await self._end_session()
                raise

    async def _end_session(self) -> None:
        if self._session_watchdog_task is not None:
            self._session_watchdog_task.cancel()
        session, self.session = self.session, None
        if session is not None and session.state is not SessionState.Closed:
            await session.close_session(True)

    def _should_close_session_on_transport_loss(self) -> bool:
        # asyncua would keep it, and its subscriptions, for whoever names its number
        return self.session is not None

    @property
    def has_session(self) -> bool:
        """Whether somebody has logged in."""
        return self.session is not None and bool(self.session.is_activated())
