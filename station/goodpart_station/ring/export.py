"""Labelled frames as a folder that `goodpart-bank update` and `goodpart-bank compare` read."""

import dataclasses
import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

from goodpart._host.atomic import check_target, staged_folder
from goodpart.errors import UsageError
from goodpart_station.ring.frames import Frames, KeptFrame, as_frame
from goodpart_station.ring.index import Index, reading
from goodpart_station.ring.pictures import write_flushed
from goodpart_station.ring.room import HOUR_S
from goodpart_station.ring.times import utc

LABELS_FILE = "labels.jsonl"
LATE = "late"
"""Why a frame was kept that was drawn at random before the span, and labelled since: it may set no threshold."""

_OWN = re.compile(r"labels\.jsonl|goodpart-(random|selected)\.txt|[0-9A-Za-z]+-[0-9]{9,}\.png")
_JUDGED = ("GOOD", "DEFECT")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to export.

    Attributes:
        labels: "good", "defect" or "all".
        product: name of the product; None if the ring holds one alone.
        since, until: UTC seconds since 1970, the span of the answers; None for `since`: from the end of the last export
            on that held all that this one holds, and before it what was labelled but not exported.
        simulated: frames of a replay instead of those of the camera.
    """

    labels: str
    product: str | None = None
    since: float | None = None
    until: float
    simulated: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What an export will hold.

    Attributes:
        product: name of the product.
        since: where the span begins, UTC seconds since 1970; None for the beginning.
        until: where it ends.
        labels, simulated: as in `Wanted`.
        frames: the frames, the oldest first.
        late: those of them that were drawn before the span; they count as selected.
        again: how many of them an export before this one held, with the same label.
        drawn, good, defect: frames of the span that were drawn at random and judged, and how many have these labels.
        gone: how many of the labelled ones are not in the ring any more.
    """

    product: str
    since: float | None
    until: float
    labels: str
    simulated: bool
    frames: tuple[KeptFrame, ...]
    late: frozenset[int]
    again: int
    drawn: int
    good: int
    defect: int
    gone: int

    @property
    def unlabelled(self) -> int:
        """How many of the frames that were drawn have no label."""
        return self.drawn - self.good - self.defect


def plan_export(folder: Path, wanted: Wanted) -> Plan:
    """Looks into the ring; nothing is written.

    Args:
        folder: of the ring; its station may run.
        wanted: what to export.

    Raises:
        UsageError: there is no ring; several products and none named; no such labelled frames; or an empty span.
    """
    try:
        Index(folder, make=False).close()
        with reading(folder) as connection:
            return _plan(connection, folder, wanted)
    except sqlite3.Error as error:
        raise UsageError(f"{folder}: expected a ring that can be read, found {error}") from error


def _plan(connection: sqlite3.Connection, folder: Path, wanted: Wanted) -> Plan:
    product = _product(connection, folder, wanted)
    ends = _ends(connection, product, wanted.simulated)
    since = _end(ends, wanted.labels) if wanted.since is None else wanted.since
    begin = float("-inf") if since is None else since
    if begin >= wanted.until:
        raise UsageError(f"--until: expected a time after {utc(begin)}, found {utc(wanted.until)}")
    asked = """SELECT * FROM frame WHERE product = ? AND simulated = ? AND at < ? AND label IS NOT NULL ORDER BY id"""
    rows = connection.execute(asked, (product, wanted.simulated, wanted.until))
    # a span that was asked for holds all that is in it, also what was exported before
    labelled = [
        frame for frame in map(as_frame, rows) if frame.at >= begin or (wanted.since is None and frame.exported is None)
    ]
    frames = [frame for frame in labelled if wanted.labels in ("all", frame.label)]
    if not frames:
        what = "labelled" if wanted.labels == "all" else wanted.labels
        raise UsageError(f"{folder}: expected frames of {product} labelled {what} in that time, found none; label some")
    drawn = [frame for frame in labelled if _was_drawn(frame)]
    in_span = [frame.label for frame in drawn if frame.at >= begin]
    still = """SELECT count(*) FROM frame WHERE product = ? AND simulated = ? AND at >= ? AND at < ?
        AND kept_for = 'random' AND judged IN ('GOOD', 'DEFECT')"""
    there = connection.execute(still, (product, wanted.simulated, begin, wanted.until)).fetchone()[0]
    # hours that the span cuts count whole: rather too many unlabelled ones than too few
    gone: dict[str, int] = dict(
        connection.execute(
            "SELECT label, sum(frames) FROM lost WHERE product = ? AND simulated = ? AND hour >= ? AND hour <= ? "
            "GROUP BY label",
            (product, wanted.simulated, begin if since is None else since // HOUR_S, wanted.until // HOUR_S),
        ).fetchall()
    )
    if wanted.since is None and since == _end(ends, "good"):
        # what is gone with this label was exported, and so lies before the span; unless good ones were exported alone
        gone.pop("good", None)
    return Plan(
        product=product,
        since=since,
        until=wanted.until,
        labels=wanted.labels,
        simulated=wanted.simulated,
        frames=tuple(frames),
        late=frozenset(frame.id for frame in drawn if frame.at < begin),
        again=sum(frame.exported is not None for frame in frames),
        drawn=there + sum(gone.values()),
        good=in_span.count("good") + gone.get("good", 0),
        defect=in_span.count("defect") + gone.get("defect", 0),
        gone=gone.get("good", 0) + gone.get("defect", 0),
    )


def write_export(
    folder: Path,
    plan: Plan,
    out: Path,
    *,
    now: float,
    force: bool = False,
    each: Callable[[KeptFrame], object] = lambda _: None,
) -> None:
    """Writes the export, and only when it is whole marks its frames as exported.

    Args:
        folder: of the ring.
        plan: from `plan_export`.
        out: a folder that is made.
        now: UTC seconds since 1970.
        force: whether to replace an older export.
        each: told about every frame that is written.

    Raises:
        UsageError: the folder cannot be made, or a frame was removed meanwhile.
    """
    frames = Frames(folder)
    with staged_folder(out, force=force, mark=LABELS_FILE, own=_OWN) as staged:
        first = ("drawn", "good", "defect", "unlabelled", "product", "simulated")
        lines = [json.dumps({name: getattr(plan, name) for name in first}, ensure_ascii=False)]
        for frame in plan.frames:
            try:
                data = frames.path(frame).read_bytes()
            except FileNotFoundError as error:
                raise UsageError(f"{frame.file}: expected this frame in the ring, found none; export again") from error
            # on the disk before it is counted: most of the time goes there
            write_flushed(staged / frame.file, data)
            lines.append(json.dumps(_line(frame, data, late=frame.id in plan.late), ensure_ascii=False))
            each(frame)
        (staged / LABELS_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    _mark(folder, plan, now)


def check_export(out: Path, *, force: bool) -> None:
    """Refuses a folder that an export cannot become, before any work.

    Raises:
        UsageError: as in `goodpart._host.atomic.check_target`.
    """
    check_target(out, force=force, mark=LABELS_FILE, own=_OWN)


def _mark(folder: Path, plan: Plan, now: float) -> None:
    try:
        index = Index(folder, make=False)
    except sqlite3.Error as error:
        raise UsageError(_not_marked(folder, error)) from error
    try:
        with index.writing() as connection:
            # whoever labelled a frame anew meanwhile said something that was not exported
            connection.executemany(
                "UPDATE frame SET exported = ? WHERE id = ? AND label = ? AND label_at = ?",
                [(now, frame.id, frame.label, frame.label_at) for frame in plan.frames],
            )
            connection.execute(
                "INSERT INTO export (at, product, simulated, labels, until, frames) VALUES (?, ?, ?, ?, ?, ?)",
                (now, plan.product, plan.simulated, plan.labels, plan.until, len(plan.frames)),
            )
    except sqlite3.Error as error:
        raise UsageError(_not_marked(folder, error)) from error
    finally:
        index.close()


def _not_marked(folder: Path, error: sqlite3.Error) -> str:
    return f"{folder}: the export is whole, but its frames could not be marked as exported ({error}); export again"


def _product(connection: sqlite3.Connection, folder: Path, wanted: Wanted) -> str:
    asked = "SELECT DISTINCT product FROM frame WHERE simulated = ? AND label IS NOT NULL ORDER BY product"
    found = [str(row[0]) for row in connection.execute(asked, (wanted.simulated,))]
    if wanted.product is not None:
        if wanted.product not in found:
            known = ", ".join(found) or "none"
            raise UsageError(f"--product: expected a product with labelled frames ({known}), found {wanted.product!r}")
        return wanted.product
    if not found:
        raise UsageError(f"{folder}: expected labelled frames, found none; label some at the station's page")
    if len(found) > 1:
        raise UsageError(f"--product: expected one of {', '.join(found)}, found none; an export is for one product")
    return found[0]


def _ends(connection: sqlite3.Connection, product: str, simulated: bool) -> dict[str, float]:
    """Where the exports of each choice of labels ended."""
    asked = "SELECT labels, max(until) FROM export WHERE product = ? AND simulated = ? GROUP BY labels"
    return dict(connection.execute(asked, (product, simulated)).fetchall())


def _end(ends: dict[str, float], labels: str) -> float | None:
    """Where an export goes on.

    The draw of a time is a fair sample of all its parts only while good and defective ones are there. So one of good
    frames alone does not end the time of an export of all, and one of defective ones ends no time.
    """
    held = ("all",) if labels == "all" else ("good", "all")
    return max((ends[each] for each in held if each in ends), default=None)


def _was_drawn(frame: KeptFrame) -> bool:
    return frame.kept_for == "random" and frame.judged in _JUDGED


def _line(frame: KeptFrame, data: bytes, *, late: bool) -> dict[str, object]:
    # what is random here may set a threshold; an UNKNOWN frame may not, however it was picked
    kept_for = LATE if late else frame.kept_for if _was_drawn(frame) or frame.kept_for != "random" else "unknown"
    return {
        "file": frame.file,
        "sha256": hashlib.sha256(data).hexdigest(),
        "label": frame.label,
        "kept_for": kept_for,
        "at": utc(frame.label_at or 0.0),
        "by": frame.label_by,
    }
