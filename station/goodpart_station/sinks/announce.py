"""What a sink that leaves the PC tells beside results: the state, alarms, figures."""

from collections.abc import Mapping
from typing import Any, Protocol

from goodpart_station.message import as_json
from goodpart_station.part import Result

Plain = Mapping[str, Any]
"""Plain values for JSON."""


def encode(plain: Plain) -> bytes:
    """The message as JSON without white space."""
    return as_json(dict(plain))


class Makes(Protocol):
    """What makes the message of a result: `Messages` does."""

    def line(self, result: Result, *, dropped: int = 0) -> bytes:
        """The message as JSON; `dropped` says how many results this way has dropped since the message before."""


class Announcer(Protocol):
    """A sink that tells more than results. Every method returns at once; one thread calls them all."""

    def tell_state(self, plain: Plain) -> None:
        """The state has changed."""

    def tell_alarm(self, plain: Plain) -> None:
        """An alarm has come, has other words, or has gone: `plain["active"]` says it."""

    def tell_stats(self, plain: Plain) -> None:
        """The figures of the last minute."""
