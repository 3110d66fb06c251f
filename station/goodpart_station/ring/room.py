"""Room in the ring: how much each reason may take, and which frames go first."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from goodpart_station.ring.index import FRAMES, Index
from goodpart_station.ring.keeping import SHARES, KeptFor
from goodpart_station.ring.pictures import on_disk

LABELLED_SHARE = 0.5
"""The most of a reason's room that frames may take which are labelled and not yet exported."""

_AT_ONCE = 200
HOUR_S = 3600


class Room:
    """Counts what the frames of a ring take, and makes room for new ones; for one thread."""

    def __init__(self, folder: Path, index: Index, max_bytes: int) -> None:
        """Counts what is there.

        Raises:
            sqlite3.Error: the index cannot be read.
        """
        self._folder, self._index, self._max_bytes = folder / FRAMES, index, max_bytes
        self._used = dict.fromkeys(KeptFor, 0)
        self._index_bytes = index.size_bytes()
        with index.writing() as connection:
            for kept, size in connection.execute("SELECT kept_for, bytes FROM frame"):
                self._used[KeptFor(kept)] += on_disk(size)

    @property
    def used_bytes(self) -> int:
        """What the frames and the index take, at most. Any thread may ask: it does not wait for the disk."""
        return sum(self._used.values()) + self._index_bytes

    def limit_bytes(self, kept: KeptFor) -> float:
        """What the frames of a reason may take now: a share of what the index leaves."""
        self._index_bytes = self._index.size_bytes()
        return SHARES[kept] * max(0, self._max_bytes - self._index_bytes)

    def take(self, kept: KeptFor, size_bytes: int) -> None:
        """Counts a frame that was written."""
        self._used[kept] += on_disk(size_bytes)

    def make(self, kept: KeptFor, size_bytes: int) -> bool:
        """Removes frames until another one fits: the oldest that have no label, or were exported with it.

        Returns:
            whether it fits; frames that are labelled and not exported are never removed.

        Raises:
            OSError, sqlite3.Error: the disk does not take the change.
        """
        fits = True
        for each in KeptFor:
            # the index grows, and then all of them have less room
            wanted = on_disk(size_bytes) if each is kept else 0
            while self._used[each] + wanted > self.limit_bytes(each):
                if not self._remove_some(each, self._used[each] + wanted - self.limit_bytes(each)):
                    fits = fits and each is not kept
                    break
        return fits

    def _remove_some(self, kept: KeptFor, wanted_bytes: float) -> bool:
        """Removes at most some hundred frames that take `wanted_bytes`; returns whether there was one."""
        chosen, files, found_bytes = [], [], 0
        with self._index.writing() as connection:
            for number, file, size in _removable(connection, kept):
                chosen.append(number)
                files.append(file)
                found_bytes += on_disk(size)
                if found_bytes >= wanted_bytes:
                    break
            remove_rows(connection, chosen)
        self._used[kept] -= found_bytes
        for file in files:
            # a file that stays behind now is removed at the next start
            (self._folder / file).unlink(missing_ok=True)
        return bool(chosen)


def protected_bytes(connection: sqlite3.Connection, kept: KeptFor) -> int:
    """What the frames of a reason take that are labelled and not exported."""
    asked = "SELECT bytes FROM frame WHERE kept_for = ? AND label IS NOT NULL AND exported IS NULL"
    return sum(on_disk(size) for (size,) in connection.execute(asked, (kept.value,)))


def remove_rows(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    """Removes rows, and counts those of the random draw: an export must say how many were drawn."""
    values = [(number,) for number in numbers]
    connection.executemany(
        f"""INSERT INTO lost (hour, product, simulated, label, frames)
        SELECT cast(at / {HOUR_S} AS INTEGER), product, simulated, coalesce(label, ''), 1 FROM frame
        WHERE id = ? AND kept_for = 'random' AND judged IN ('GOOD', 'DEFECT')
        ON CONFLICT DO UPDATE SET frames = frames + 1""",  # noqa: S608 - a constant
        values,
    )
    connection.executemany("DELETE FROM frame WHERE id = ?", values)


def _removable(connection: sqlite3.Connection, kept: KeptFor) -> list[tuple[int, str, int]]:
    # the condition is that of the index
    asked = """SELECT id, file, bytes FROM frame WHERE kept_for = ? AND (label IS NULL OR exported IS NOT NULL)
        ORDER BY id LIMIT ?"""
    return connection.execute(asked, (kept.value, _AT_ONCE)).fetchall()
