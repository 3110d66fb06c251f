"""Rows: one line on stdout for each part, for a person who watches a simulation."""

import threading

from goodpart.cli.rows import say
from goodpart_station.mailbox import Mailbox
from goodpart_station.part import Result

_SIZE = 1000
_END_WITHIN_S = 2.0


class Rows:
    """A sink that prints a row for each part."""

    name = "rows"

    def __init__(self) -> None:
        self._mailbox: Mailbox[Result | None] = Mailbox(_SIZE)
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    @property
    def dropped(self) -> int:
        """How many rows were dropped because nobody read them."""
        return self._mailbox.dropped

    def put(self, result: Result) -> None:
        """Hands a result over."""
        self._mailbox.put(result)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def close(self) -> None:
        """Prints what is left, for two seconds at most."""
        self._mailbox.put(None)
        self._thread.join(_END_WITHIN_S)

    def _run(self) -> None:
        while (result := self._mailbox.take()) is not None:
            say(_row(result))


def _row(result: Result) -> str:
    inspection, frame = result.inspection, result.frame
    judged = "" if inspection is None else f"{inspection.verdict.value}, score {inspection.score:.2f}"
    judged += "" if inspection is None else f" of {inspection.threshold:.2f}"
    name = "" if frame is None or frame.name is None else frame.name
    why = "" if result.detail is None else f"  {result.detail}"
    return f"{result.part.seq:>6}  {result.verdict.name:<10}{result.ms['total']:>8.1f} ms  {name}  {judged}{why}"
