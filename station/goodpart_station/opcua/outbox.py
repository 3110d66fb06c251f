"""Outbox: what the station tells OPC UA clients, in the order in which it happened."""

import dataclasses

from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Part, Result

_SIZE = 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Taken:
    """A part was announced, and will be judged."""

    part: Part


@dataclasses.dataclass(frozen=True, slots=True)
class Acquired:
    """The picture of a part is there."""

    part: Part


News = Taken | Acquired | Result
"""What clients are told about a part. A result comes without its frame, which would hold megabytes."""


class Outbox:
    """A sink and a watcher without a thread: the station leaves news, and the server's thread takes them out.

    The station's lock orders its calls, and each costs it one hand-over. A full outbox drops its oldest news.
    """

    name = "opcua"

    def __init__(self) -> None:
        """Starts empty."""
        self._box: Mailbox[News] = Mailbox(_SIZE)

    def taken(self, part: Part) -> None:
        """A part was announced, and will be judged."""
        self._box.put(Taken(part))

    def acquired(self, part: Part) -> None:
        """The picture of a part is there, and goes to the judge."""
        self._box.put(Acquired(part))

    def put(self, result: Result) -> None:
        """A part is answered. Called by the judging thread; it never waits."""
        self._box.put(dataclasses.replace(result, frame=None))

    @property
    def dropped(self) -> int:
        """How many news the server's thread has not taken in time. Clients miss the events of them."""
        return self._box.dropped

    def __len__(self) -> int:
        return len(self._box)

    def start(self) -> None:
        """Nothing: the link has the thread."""

    def close(self) -> None:
        """Nothing: the link has the thread."""

    def take_in(self) -> list[News]:
        """News that have come since the last call, the oldest first."""
        found: list[News] = []
        while len(found) < _SIZE and (news := self._box.take(0)) is not None:
            found.append(news)
        return found
