"""What links, sinks and the page may ask of the station, and what the station asks of them."""

from typing import Protocol

from goodpart_station.codes import Command, Reason
from goodpart_station.part import Part, Result, Slot, Status


class Line(Protocol):
    """The station as a link or the page sees it. Every method returns at once; any thread may call it."""

    def trigger(self, plc_seq: int | None, *, product: int = 0, part_id: int = 0) -> int | None:
        """A part is there. It always gets an answer: its verdict, or REFUSED with the reason.

        Args:
            plc_seq: the number that the PLC gave it, 1 to 65535. The last number again is no trigger. 0 is none either:
                it says that the PLC counts anew, and the next number is a trigger even if it is the last one. None for
                a part that no PLC has announced.
            product: the number of the product that the PLC wants, 0 for whatever is judged now.
            part_id: what the PLC calls the part, 0 to 2^32 - 1.

        Returns:
            the station's own number of the part (`Part.seq`), or None if this was no trigger. The answer may have been
            given before this returns.
        """

    def plc_heartbeat(self) -> None:
        """The PLC's heartbeat has changed."""

    def acknowledge(self, plc_seq: int) -> None:
        """The PLC has used the result with this number."""

    def command(self, command: int, *, product: int = 0, who: str) -> Reason:
        """Does what a PLC or a person asks for.

        Args:
            command: a `Command`; another number is `Reason.UNKNOWN_COMMAND`.
            product: the product to prepare.
            who: for the audit, such as "plc" or the name of a token.

        Returns:
            `Reason.NONE` if it was carried out or has begun, else why not.
        """

    def status(self) -> Status:
        """The newest state."""


class Link(Protocol):
    """A server that lives in the station's event loop, such as the Modbus server and the page."""

    async def open(self) -> None:
        """Starts to serve.

        Raises:
            UsageError: it cannot, such as an address that is taken.
        """

    async def close(self) -> None:
        """Ends within a second."""


class PlcLink(Link, Protocol):
    """A link that shows results to a PLC."""

    def publish(self, slot: Slot) -> None:
        """Shows a result. Called by the judging thread: it writes memory, and never waits."""


class Watcher(Protocol):
    """A link that tells others each step of a part. Any thread calls it: it writes memory, and never waits."""

    def taken(self, part: Part) -> None:
        """A part was announced, and will be judged. Without triggers no part is announced."""

    def acquired(self, part: Part) -> None:
        """The picture of a part is there, and goes to the judge."""


class Sink(Protocol):
    """A place that results go to beside the PLC. It has a thread and a mailbox of its own."""

    name: str

    def put(self, result: Result) -> None:
        """Hands a result over. Called by the judging thread: it never waits; a full mailbox drops its oldest result."""

    @property
    def dropped(self) -> int:
        """How many results were dropped since the start."""

    def start(self) -> None:
        """Starts the thread."""

    def close(self) -> None:
        """Writes what is still in the mailbox for at most two seconds, and ends."""


class Wakes(Protocol):
    """The event loop, as far as the engine needs it."""

    def wake(self) -> None:
        """The conductor wants to be told the time earlier than it said before. Any thread but the judge's calls it."""


__all__ = ["Command", "Line", "Link", "PlcLink", "Sink", "Wakes", "Watcher"]
