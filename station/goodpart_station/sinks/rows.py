"""Rows: one line on stdout for each part, for a person who watches a simulation."""

from collections.abc import Callable

from goodpart.cli.rows import say
from goodpart_station.part import Result
from goodpart_station.sinks.worker import Worker

_SIZE = 1000


class Rows:
    """A sink that prints a row for each part."""

    name = "rows"

    def __init__(self, *, when_closed: Callable[[], None]) -> None:
        """Prints nothing yet.

        Args:
            when_closed: called when nobody reads the rows any more, as after `| head`.
        """
        self._when_closed = when_closed
        self._worker = Worker(self.name, _SIZE, self._print)

    @property
    def dropped(self) -> int:
        """How many rows were dropped because their reader was too slow."""
        return self._worker.dropped

    def put(self, result: Result) -> None:
        """Hands a result over."""
        self._worker.put(result)

    def start(self) -> None:
        """Starts the thread."""
        self._worker.start()

    def close(self) -> None:
        """Prints what is left, for two seconds at most."""
        self._worker.close()

    def _print(self, result: Result) -> None:
        try:
            say(_row(result))
        except BrokenPipeError:
            self._when_closed()


def _row(result: Result) -> str:
    inspection, frame = result.inspection, result.frame
    judged = "" if inspection is None else f"{inspection.verdict.value}, score {inspection.score:.2f}"
    judged += "" if inspection is None else f" of {inspection.threshold:.2f}"
    name = "" if frame is None or frame.name is None else frame.name
    why = "" if result.detail is None else f"  {result.detail}"
    return f"{result.part.seq:>6}  {result.verdict.name:<10}{result.ms['total']:>8.1f} ms  {name}  {judged}{why}"
