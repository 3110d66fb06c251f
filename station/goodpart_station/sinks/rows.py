"""Rows: a line on stdout for each part and a sum for each folder, for a person who watches a simulation."""

from collections import Counter
from collections.abc import Callable
from pathlib import PurePosixPath

from goodpart.cli.rows import say
from goodpart_station.codes import PartVerdict
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
        self._counts: dict[str, Counter[str]] = {}
        self._is_read = True

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
        """Prints what is left, for two seconds at most, and how many parts of each folder got which verdict."""
        self._worker.close()
        if self._is_read:
            self._say(*(_sum(folder, counts) for folder, counts in sorted(self._counts.items())))
            if self.dropped:
                self._say(f"{self.dropped:,} parts more are in no row and in no sum: the reader was too slow")

    def _print(self, result: Result) -> None:
        self._say(_row(result))
        if not result.late:
            self._counts.setdefault(_folder(result), Counter())[_verdict(result)] += 1

    def _say(self, *rows: str) -> None:
        try:
            say(*rows)
        except BrokenPipeError:
            self._is_read = False
            self._when_closed()


def _row(result: Result) -> str:
    inspection, frame = result.inspection, result.frame
    judged = "" if inspection is None else f"{inspection.verdict.value}, score {inspection.score:.2f}"
    judged += "" if inspection is None else f" of {inspection.threshold:.2f}"
    name = "" if frame is None or frame.name is None else frame.name
    why = "" if result.detail is None else f"  {result.detail}"
    return f"{result.part.seq:>6}  {result.verdict.name:<10}{result.ms['total']:>8.1f} ms  {name}  {judged}{why}"


def _verdict(result: Result) -> str:
    """What the inspection said: in a simulation no verdict itself reads as GOOD."""
    return result.verdict.name if result.inspection is None else result.inspection.verdict.value


def _folder(result: Result) -> str:
    """The folder of a part's image below the one that is replayed, "" for that itself."""
    name = None if result.frame is None else result.frame.name
    return "" if name is None else PurePosixPath(name).parent.as_posix().removeprefix(".")


def _sum(folder: str, counts: Counter[str]) -> str:
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(counts.items(), key=_order))
    parts = "part" if counts.total() == 1 else "parts"
    return f"{folder or '.'}  {counts.total():,} {parts}: {verdicts}"


def _order(counted: tuple[str, int]) -> int:
    return PartVerdict[counted[0]].value
