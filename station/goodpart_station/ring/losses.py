"""Frames that were drawn at random and are not in the ring: an export must say how many were drawn."""

import sqlite3
from collections import Counter

from goodpart_station.part import Result
from goodpart_station.ring.keeping import KeptFor
from goodpart_station.ring.room import HOUR_S

Place = tuple[int, str, int]
"""The hour since 1970, the name of the product, and whether it was simulated."""


class Losses:
    """Counts them until the index takes the counts. One thread calls `drop`, another one the rest."""

    def __init__(self) -> None:
        self._dropped: Counter[Place] = Counter()
        self._taken: Counter[Place] = Counter()
        self._unwritten: Counter[Place] = Counter()

    def drop(self, result: Result, kept: KeptFor | None) -> None:
        """Counts a frame that the ring's thread never saw; microseconds, without a lock."""
        _count(self._dropped, result, kept)

    def add(self, result: Result, kept: KeptFor) -> None:
        """Counts a frame that could not be written."""
        _count(self._unwritten, result, kept)

    def write(self, connection: sqlite3.Connection) -> None:
        """Adds the counts to the table `lost`, within a transaction; `clear` must follow once that is done."""
        # copied in one step: the other thread goes on counting
        dropped = Counter(dict(self._dropped))
        self._unwritten += dropped - self._taken
        self._taken = dropped
        for place, frames in self._unwritten.items():
            connection.execute(
                "INSERT INTO lost (hour, product, simulated, label, frames) VALUES (?, ?, ?, '', ?) "
                "ON CONFLICT DO UPDATE SET frames = frames + excluded.frames",
                (*place, frames),
            )

    def clear(self) -> None:
        """Forgets what was written."""
        self._unwritten.clear()


def _count(counter: Counter[Place], result: Result, kept: KeptFor | None) -> None:
    judged = result.inspection is not None and result.inspection.verdict.value in ("GOOD", "DEFECT")
    if kept is KeptFor.RANDOM and judged:
        counter[int(result.at // HOUR_S), result.product, int(result.simulated)] += 1
