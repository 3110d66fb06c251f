"""Kept frames, read from the ring while the station writes to it. Every call opens the index for itself."""

import dataclasses
import sqlite3
from pathlib import Path

from goodpart.errors import UsageError
from goodpart_station.ring.index import FRAMES, INDEX, reading


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptFrame:
    """A frame of the ring.

    Attributes:
        id: its number in the ring; a later frame has a higher one.
        boot, seq, plc_seq, part_id: of the part, as in `Part`.
        at: UTC seconds since 1970 of the answer; `mono_ns`: CLOCK_MONOTONIC of it.
        product, bundle: name of the product, and digest of the bundle.
        verdict: the name of the answer that the part got.
        judged: what the inspection said: "GOOD", "DEFECT" or "UNKNOWN"; None if nothing judged the frame.
        reason, detail: why the part has neither GOOD nor DEFECT: the name of the reason, and words.
        score, threshold, p_value: of the inspection, or None.
        simulated: whether the frame came from a replay.
        file: the name of the image below the folder `frames`.
        bytes: its size.
        kept_for: a value of `KeptFor`.
        label, label_by, label_at: "good" or "defect", who said so, and when; None without a label.
        exported: when it was exported with this label, or None.
    """

    id: int
    boot: str
    seq: int
    plc_seq: int | None
    part_id: int
    at: float
    mono_ns: int
    product: str
    bundle: str
    verdict: str
    judged: str | None
    reason: str
    detail: str | None
    score: float | None
    threshold: float | None
    p_value: float | None
    simulated: bool
    file: str
    bytes: int
    kept_for: str
    label: str | None
    label_by: str | None
    label_at: float | None
    exported: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Count:
    """How many frames are kept for one reason.

    Attributes:
        frames, bytes: all of them.
        good, defect: how many of them have these labels.
        not_exported: how many have a label and were not exported with it.
    """

    frames: int
    bytes: int
    good: int
    defect: int
    not_exported: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What another threshold would do to the kept frames of a bundle.

    Attributes:
        frames: how many were judged GOOD or DEFECT.
        to_good, to_defect: how many of them would be judged otherwise.
    """

    frames: int
    to_good: int
    to_defect: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Audit:
    """A note of the audit: at UTC seconds since 1970, `who` changed `what` from `before` to `after`."""

    at: float
    who: str
    what: str
    before: str | None
    after: str | None


class Frames:
    """Questions to a ring; any thread or process may ask. A ring that has no index yet is empty."""

    def __init__(self, folder: Path) -> None:
        """Takes the folder of the ring."""
        self.folder = folder

    def path(self, frame: KeptFrame) -> Path:
        """Where the image of a frame lies; the ring may remove it at any time."""
        return self.folder / FRAMES / frame.file

    def newest(self, *, before: int | None = None, count: int = 24, waiting: bool = False) -> list[KeptFrame]:
        """The newest frames, newest first.

        Args:
            before: only frames with a lower `id`; None for all.
            count: how many, at most.
            waiting: only those of the random draw that could have a label and have none.
        """
        which = "kept_for = 'random' AND label IS NULL AND judged IS NOT NULL AND " if waiting else ""
        asked = f"SELECT * FROM frame WHERE {which}id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants
        return [as_frame(row) for row in self._ask(asked, (1 << 62 if before is None else before, count))]

    def frame(self, number: int) -> KeptFrame | None:
        """The frame with that `id`, or None if it is not there any more."""
        return next((as_frame(row) for row in self._ask("SELECT * FROM frame WHERE id = ?", (number,))), None)

    def frame_of(self, boot: str, seq: int) -> KeptFrame | None:
        """The frame of a part, or None if it is not there."""
        asked = "SELECT * FROM frame WHERE boot = ? AND seq = ?"
        return next((as_frame(row) for row in self._ask(asked, (boot, seq))), None)

    def counts(self) -> dict[str, Count]:
        """How many frames there are, by the reason that they are kept for."""
        asked = """SELECT kept_for, count(*) AS frames, sum(bytes) AS bytes, sum(label IS 'good') AS good,
            sum(label IS 'defect') AS defect, sum(label IS NOT NULL AND exported IS NULL) AS not_exported
            FROM frame GROUP BY kept_for ORDER BY kept_for"""
        names = [field.name for field in dataclasses.fields(Count)]
        return {row["kept_for"]: Count(**{name: row[name] for name in names}) for row in self._ask(asked)}

    def changes(self, threshold: float, *, bundle: str) -> Changes:
        """How many kept frames another threshold would judge otherwise.

        They are no fair sample: rejects and near ones are kept more often than others.

        Args:
            threshold: image score above which a frame would be a DEFECT, in sigmas.
            bundle: digest of the bundle that judged; scores of another one mean something else.
        """
        asked = """SELECT count(*) AS frames, coalesce(sum(judged = 'DEFECT' AND score <= :most), 0) AS to_good,
            coalesce(sum(judged = 'GOOD' AND score > :most), 0) AS to_defect
            FROM frame WHERE bundle = :bundle AND judged IN ('GOOD', 'DEFECT')"""
        rows = self._ask(asked, {"most": threshold, "bundle": bundle})
        return Changes(**dict(rows[0])) if rows else Changes(frames=0, to_good=0, to_defect=0)

    def audits(self, *, count: int = 100) -> list[Audit]:
        """The last notes of the audit, newest first."""
        asked = "SELECT at, who, what, before, after FROM audit ORDER BY id DESC LIMIT ?"
        return [Audit(**dict(row)) for row in self._ask(asked, (count,))]

    def _ask(self, asked: str, values: tuple[object, ...] | dict[str, object] = ()) -> list[sqlite3.Row]:
        if not (self.folder / INDEX).is_file():
            return []
        try:
            with reading(self.folder) as connection:
                return list(connection.execute(asked, values))
        except sqlite3.Error as error:
            raise UsageError(f"{self.folder / INDEX}: expected an index that can be read, found {error}") from error


def as_frame(row: sqlite3.Row) -> KeptFrame:
    """A row of the table `frame`."""
    return KeptFrame(**{**dict(row), "simulated": bool(row["simulated"])})
