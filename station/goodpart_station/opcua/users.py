"""Users of the OPC UA server: the station's tokens. The user's name is the token's, the password the token itself."""

import logging
from pathlib import Path

from goodpart import UsageError
from goodpart_station.gate import Gate, TooManyTriesError, Visitor
from goodpart_station.links.clients import Journal
from goodpart_station.opcua.options import WHERE, OpcuaTable
from goodpart_station.tokens import TOKENS_NAME, TokenFile


class Users:
    """Knows who may log in. The server's loop asks `admit` and `still`; a thread calls `refresh`."""

    def __init__(self, table: OpcuaTable, data: Path, journal: Journal) -> None:
        """Reads the tokens.

        Args:
            table: where the server listens.
            data: the station's data folder.
            journal: takes one line for each login that is refused.

        Raises:
            UsageError: the tokens cannot be read, or others reach the server and there are none.
        """
        self._journal = journal
        self._gate = Gate(TokenFile(data / TOKENS_NAME), is_loopback=table.listen.loopback)
        if not table.listen.loopback and not len(self._gate):
            raise UsageError(
                f"[{WHERE}] listen: expected tokens for {table.listen}, which other computers can reach, found none; "
                f"add one with goodpart-station token add, or listen on 127.0.0.1"
            )

    def admit(self, name: str | None, password: str | None, address: str) -> Visitor | None:
        """Who logs in.

        Args:
            name: of the token; None without a login.
            password: the token itself.
            address: that the client comes from.

        Returns:
            the visitor, or None if nobody may come in so.
        """
        try:
            found = self._gate.who(None if name is None else password or "", address)
        except TooManyTriesError:
            self._journal.say(logging.WARNING, f"a login from {address} is refused: too many wrong ones in a minute")
            return None
        if found.role is None or (name is not None and found.name != name):
            what = "without a user" if name is None else "of a wrong user or with a wrong password"
            self._journal.say(logging.WARNING, f"a login from {address} is refused: it comes {what}")
            return None
        return found

    def still(self, visitor: Visitor) -> bool:
        """Whether somebody who was let in would be let in now."""
        return self._gate.still(visitor)

    def refresh(self) -> None:
        """Reads the tokens again if their file has changed. It waits for the disk.

        Raises:
            UsageError: the file is damaged or open to others. Nobody has a role until it is mended.
        """
        self._gate.refresh()
