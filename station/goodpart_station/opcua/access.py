"""Access: who may connect, and as whom."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions

from goodpart import UsageError
from goodpart_station.gate import Visitor
from goodpart_station.links.clients import Journal
from goodpart_station.opcua.around import Around
from goodpart_station.opcua.callers import StationUser
from goodpart_station.opcua.certificates import Identity, faults, is_in_date, parsed, read_identity, warning
from goodpart_station.opcua.channels import Channel, channel
from goodpart_station.opcua.options import WHERE, OpcuaTable, application_uri
from goodpart_station.opcua.trust import TrustList, fingerprint
from goodpart_station.opcua.users import Users

_log = logging.getLogger("goodpart_station.opcua")

_DAY_S = 86400.0

_KINDS = ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")


class Access:
    """What asyncua asks about clients. All of it runs in the server's loop; a thread of its own reads the disk.

    Attributes:
        trust: whose certificates are trusted.
        journal: each line once a minute at most.
    """

    def __init__(self, table: OpcuaTable, around: Around, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads tokens and certificates.

        Args:
            table: of the file.
            around: what the server stands in.
            clock: seconds from any beginning.

        Raises:
            UsageError: others could reach the server without them, or they cannot be read.
        """
        self._table, self._clock = table, clock
        # when it was last told that the own certificate ends
        self._told_s = -math.inf
        self._uri = application_uri(around.station)
        self.journal = Journal(clock, _log)
        self._identity: Identity | None = None
        if table.certificate is not None and table.key is not None:
            self._identity = read_identity(table.certificate, table.key)
        self._users = Users(table, around.data, self.journal)
        self.trust = TrustList(around.data)
        self._errand: asyncio.Future[None] | None = None

    def faults(self) -> Sequence[str]:
        """Why clients would not accept the server's certificate: a line each, for `check`."""
        if self._identity is None:
            return ()
        return list(faults(self._identity.certificate, uri=self._uri, host=self._table.listen.host))

    def warnings(self) -> Sequence[str]:
        """What will be wrong soon: a line each, for `check`."""
        found = None if self._identity is None else warning(self._identity.certificate)
        return () if found is None else (found,)

    async def prepare(self, server: Server) -> None:
        """Sets what clients must show. Called before the server listens."""
        self._tell_faults()
        await asyncio.to_thread(self._read)
        # dates, and the client's URI; `TrustedPolicy` has looked at trust before
        server.iserver.certificate_validator = CertificateValidator(
            CertificateValidatorOptions.BASIC_VALIDATION | CertificateValidatorOptions.PEER_CLIENT
        )
        users = [ua.UserNameIdentityToken]
        # who comes without a user is let in only while there are no tokens
        server.set_identity_tokens([ua.AnonymousIdentityToken, *users] if self._table.listen.loopback else users)
        if self._identity is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            return
        server.iserver.certificate, server.iserver.private_key = self._identity.certificate, self._identity.key
        modes = ("Sign", "SignAndEncrypt")
        server.set_security_policy([ua.SecurityPolicyType[f"{kind}_{mode}"] for kind in _KINDS for mode in modes])

    async def refresh(self, server: Server) -> None:
        """Looks for changed tokens and certificates. Called once a second; it does not wait for the disk."""
        self._tell_faults()
        server.bserver.look_again(self._fault)
        # a disk that hangs gets one such errand, not one more each second
        if self._errand is None or self._errand.done():
            self._errand = asyncio.get_running_loop().run_in_executor(None, self._read)

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        """Whom a session belongs to; None refuses it. asyncua calls it when a session is activated."""
        found = self._users.admit(username, password, channel().address)
        return None if found is None else StationUser(name=found.name, may=found.role, sha256=found.sha256)

    def _tell_faults(self) -> None:
        """Says once a day what is wrong with the own certificate: a station may run for longer than it is valid."""
        if (now_s := self._clock()) - self._told_s >= _DAY_S:
            self._told_s = now_s
            for each in (*self.faults(), *self.warnings()):
                _log.warning("[%s] %s", WHERE, each)

    def _read(self) -> None:
        for each in (self._users, self.trust):
            try:
                each.refresh()
            except UsageError as error:
                self.journal.say(logging.WARNING, f"nobody gets in until this is mended: {error}")

    def _fault(self, found: Channel, user: Any) -> str | None:
        if found.certificate and not self.trust.trusts(fingerprint(found.certificate)):
            return "its certificate is trusted no more"
        if found.certificate and not ((own := parsed(found.certificate)) and is_in_date(own)):
            return "its certificate has ended"
        if isinstance(user, StationUser) and not self._users.still(Visitor(user.name or "", user.may, user.sha256)):
            return "its user may not come in any more"
        return None
