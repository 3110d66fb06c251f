"""Trend: quantiles of the scores per minute and product, kept for 30 days in a small database of its own.

The ring's database could hold them, but a station may have no ring, its folder goes with its disk, and its writer must
not wait for anybody else.
"""

import contextlib
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from goodpart_station.codes import PartVerdict
from goodpart_station.part import Result

KEPT_DAYS = 30

_MINUTE_S, _DAY_S = 60, 86_400

_QUANTILES = (0.05, 0.5, 0.95, 1.0)

MOST_POINTS = 480
"""How many points a trend has at most; longer spans are drawn together."""

_TABLE = """
create table if not exists minute (
    minute integer not null, product text not null,
    scored integer not null, low real, median real, high real, highest real, threshold real,
    good integer not null, defect integer not null, unknown integer not null, refused integer not null,
    timeout integer not null, simulated integer not null,
    primary key (minute, product)
) without rowid
"""

COUNTED = (
    PartVerdict.GOOD, PartVerdict.DEFECT, PartVerdict.UNKNOWN, PartVerdict.REFUSED, PartVerdict.TIMEOUT,
    PartVerdict.SIMULATED,
)  # fmt: skip

_COLUMNS = ", ".join(verdict.name.lower() for verdict in COUNTED)

_log = logging.getLogger(__name__)


class Minute:
    """One minute of one product, while it grows. It belongs to the loop."""

    def __init__(self, minute: int, product: str) -> None:
        """Starts empty; `minute` is UTC seconds since 1970 over 60."""
        self.minute, self.product = minute, product
        self._scores: list[float] = []
        self._threshold: float | None = None
        self._counts = dict.fromkeys(COUNTED, 0)

    def add(self, result: Result) -> None:
        """Takes a part."""
        if result.verdict in self._counts and not result.late:
            self._counts[result.verdict] += 1
        if result.inspection is not None:
            self._scores.append(result.inspection.score)
            self._threshold = result.inspection.threshold

    def row(self) -> tuple[Any, ...]:
        """What is stored of it."""
        found = np.quantile(self._scores, _QUANTILES).tolist() if self._scores else [None] * len(_QUANTILES)
        return (
            self.minute, self.product, len(self._scores), *found, self._threshold,
            *(self._counts[verdict] for verdict in COUNTED),
        )  # fmt: skip


class Trend:
    """The minutes that are over, and those that grow.

    The loop calls `add` and `finished`; one other thread calls the rest, which waits for the disk.
    """

    def __init__(self, path: Path) -> None:
        """Names the database; `open` makes it."""
        self._path = path
        self._growing: dict[str, Minute] = {}
        self._database: sqlite3.Connection | None = None

    def open(self) -> None:
        """Opens the database. A trend is not worth a station that does not start.

        A damaged database is set aside. On a disk that takes none there is no trend, and the journal says so.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = _opened(self._path)
            except sqlite3.OperationalError:
                # the disk's fault: what the file holds may be whole
                raise
            except sqlite3.DatabaseError as error:
                _log.warning("%s: expected a trend, found %s; it is moved aside", self._path, error)
                self._move_aside()
                self._database = _opened(self._path)
        except (OSError, sqlite3.Error) as error:
            _log.warning("%s: expected a disk that takes the trend, found %s; there is none", self._path, error)

    def _move_aside(self) -> None:
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                there = self._path.with_name(self._path.name + ending)
                there.replace(self._path.with_name(f"{self._path.name}.damaged{ending}"))

    def add(self, result: Result) -> list[Minute]:
        """Takes a part; returns the minutes that are over with it."""
        minute = int(result.at // _MINUTE_S)
        over = self.finished(minute)
        growing = self._growing.get(result.product)
        if growing is None:
            growing = self._growing[result.product] = Minute(minute, result.product)
        growing.add(result)
        return over

    def finished(self, minute: int | None) -> list[Minute]:
        """Takes out the minutes that are not this one; all of them with None."""
        over = [growing for growing in self._growing.values() if growing.minute != minute]
        for growing in over:
            del self._growing[growing.product]
        return over

    def write(self, minutes: Sequence[Minute]) -> None:
        """Stores minutes and forgets those of 30 days ago. A disk that takes none costs the minutes, nothing else."""
        if self._database is None or not minutes:
            return
        marks = ", ".join("?" * (8 + len(COUNTED)))
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in ["scored", *_COLUMNS.split(", ")])
        oldest = max(each.minute for each in minutes) - KEPT_DAYS * _DAY_S // _MINUTE_S
        try:
            with self._database as writing:
                writing.executemany(
                    # a minute in which the station was restarted comes twice: its counts add up
                    f"insert into minute values ({marks}) on conflict do update set {sums}, "  # noqa: S608
                    "low = min(ifnull(low, excluded.low), ifnull(excluded.low, low)), "
                    "median = ifnull(excluded.median, median), threshold = ifnull(excluded.threshold, threshold), "
                    "high = max(ifnull(high, excluded.high), ifnull(excluded.high, high)), "
                    "highest = max(ifnull(highest, excluded.highest), ifnull(excluded.highest, highest))",
                    [each.row() for each in minutes],
                )
                writing.execute("delete from minute where minute < ?", (oldest,))
        except sqlite3.Error as error:
            _log.warning("%s: expected a disk that takes the trend, found %s; a minute is lost", self._path, error)

    def points(self, product: str, *, since: float, until: float) -> list[Mapping[str, Any]]:
        """The trend of a product, the oldest point first, at most 480 of them.

        Each has "at" (UTC seconds of its begin), "scored", "low" (5 % quantile), "median", "high" (95 %), "highest" and
        "threshold"; where several minutes make a point, the median is that of the busiest one, and the others are
        the widest.
        """
        step = max(1, -(-int(until - since) // (_MINUTE_S * MOST_POINTS)))
        rows = self._ask(
            # SQLite takes the bare columns from the row that has the maximum
            "select minute / ? * ?, max(scored), median, threshold, min(low), max(high), max(highest), sum(scored) "
            "from minute where product = ? and minute between ? and ? and scored > 0 group by 1 order by 1",
            (step, step, product, int(since // _MINUTE_S), int(until // _MINUTE_S)),
        )
        names = ("at", "_", "median", "threshold", "low", "high", "highest", "scored")
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [{**{k: v for k, v in point.items() if k != "_"}, "at": point["at"] * _MINUTE_S} for point in found]

    def counts(self, *, since: float) -> dict[PartVerdict, int]:
        """How many parts of all products got each verdict, in minutes that began at or after a time."""
        sums = ", ".join(f"ifnull(sum({verdict.name.lower()}), 0)" for verdict in COUNTED)
        rows = self._ask(
            f"select {sums} from minute where minute >= ?",  # noqa: S608
            (-int(-since // _MINUTE_S),),
        )
        return dict(zip(COUNTED, rows[0], strict=True)) if rows else dict.fromkeys(COUNTED, 0)

    def _ask(self, asked: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        if self._database is None:
            return []
        try:
            return self._database.execute(asked, values).fetchall()
        except sqlite3.Error as error:
            _log.warning("%s: expected a trend that can be read, found %s", self._path, error)
            return []

    def close(self) -> None:
        """Stores what still grows, and closes the database."""
        self.write(self.finished(None))
        if self._database is not None:
            self._database.close()
            self._database = None


def _opened(path: Path) -> sqlite3.Connection:
    # one thread uses it at a time: that of the page's disk work, and whoever closes it after that has ended
    database = sqlite3.connect(path, check_same_thread=False)
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        database.execute(_TABLE)
        database.commit()
    except sqlite3.DatabaseError:
        database.close()
        raise
    return database
