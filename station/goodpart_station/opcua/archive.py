"""The archive: the last results, and older ones whose frame the ring has kept."""

import dataclasses
import sqlite3
from collections.abc import Sequence

from goodpart.errors import UsageError
from goodpart_station.opcua.record import Record, ResultState, parsed_result_id, record_of_kept
from goodpart_station.ring.frames import Frames, as_frame
from goodpart_station.ring.index import INDEX, reading

HELD = 1000
"""So many results are held in memory."""

PAGE_MOST = 100
"""So many results come in one answer: encoding them takes the server's thread some milliseconds."""

_SEQ_MOST = (1 << 63) - 1
_PART_ID_MOST = (1 << 32) - 1
_DIGITS_MOST = 19
_STATES = (0, ResultState.COMPLETED, ResultState.FAILED)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which results a client asks for. What is "" or 0 does not matter (OPC 40100-1, 7.10.2.3).

    Attributes:
        state: a `ResultState`.
        meas_id, part_id: what the client called them.
        recipe_id: the internal id of the recipe.
        product: the name of the product.
        job_id: what the station called the job.
    """

    state: int = 0
    meas_id: str = ""
    part_id: str = ""
    recipe_id: str = ""
    product: str = ""
    job_id: str = ""

    def fits(self, record: Record) -> bool:
        """Whether a result is wanted."""
        return (
            self.state in (0, record.state)
            and self.meas_id in ("", record.meas_id)
            and self.part_id in ("", record.part_id)
            and self.recipe_id in ("", record.recipe_id)
            and self.product in ("", record.product)
            and self.job_id in ("", record.job_id)
        )


@dataclasses.dataclass(frozen=True)
class Page:
    """A part of a list, newest first.

    Attributes:
        records: what was asked for.
        complete: whether the list ends with them.
    """

    records: tuple[Record, ...]
    complete: bool


class Archive:
    """The last results in memory, and the ring. The server's loop adds; a thread that may wait asks for lists."""

    def __init__(self, boot: str, ring: Frames | None, *, held: int = HELD) -> None:
        """Starts empty.

        Args:
            boot: the id of this start of the station.
            ring: of the station; None if it keeps no frames.
            held: how many results are held in memory, at least 1.
        """
        self._boot, self._ring, self._most = boot, ring, held
        self._held: dict[int, Record] = {}

    def add(self, record: Record) -> None:
        """Holds a result; the oldest part goes. A part that was judged after its TIMEOUT comes twice."""
        if record.seq not in self._held and len(self._held) >= self._most:
            # answers do not come in the order of the parts, and the ring is asked for all parts below the oldest
            oldest = min(self._held)
            if record.seq < oldest:
                return
            del self._held[oldest]
        self._held[record.seq] = record

    def newest(self) -> tuple[Record, ...]:
        """All results in memory, those of the newest parts first."""
        return tuple(self._held[seq] for seq in sorted(self._held, reverse=True))

    def get(self, result_id: str) -> Record | None:
        """A result that is held in memory, or None."""
        found = parsed_result_id(result_id)
        return None if found is None or found[0] != self._boot else self._held.get(found[1])

    def kept(self, result_id: str) -> Record | None:
        """A result whose frame the ring has kept, or None. It reads the disk.

        Raises:
            UsageError: the ring cannot be read.
        """
        found = parsed_result_id(result_id)
        if found is None or self._ring is None:
            return None
        frame = self._ring.frame_of(*found)
        return None if frame is None else record_of_kept(frame)

    def page(self, held: Sequence[Record], wanted: Wanted, *, start: int = 0, most: int = 0) -> Page:
        """A part of the list of results that are wanted: those in memory, then older ones. It reads the disk.

        Results that come between two calls push the others down: the next part may repeat some, and misses none.

        Args:
            held: what `newest` gave. This may run in another thread, while results are added.
            wanted: which results.
            start: how many of them to pass over.
            most: so many at most; 0 for as many as fit into one answer.

        Raises:
            UsageError: the ring cannot be read.
        """
        most = min(most or PAGE_MOST, PAGE_MOST)
        fitting = [record for record in held if wanted.fits(record)]
        found = fitting[start : start + most + 1]
        if len(found) <= most and self._ring is not None:
            floor = min((record.seq for record in held), default=_SEQ_MOST)
            found += self._older(floor, wanted, max(start - len(fitting), 0), most + 1 - len(found))
        return Page(tuple(found[:most]), complete=len(found) <= most)

    def _older(self, floor: int, wanted: Wanted, start: int, most: int) -> list[Record]:
        """Results of other starts, and those of this one below `floor`, as far as the ring has their frames."""
        if self._ring is None or (values := _values(wanted)) is None:
            return []
        where = {"boot": self._boot, "floor": floor, "start": start, "most": most}
        try:
            with reading(self._ring.folder) as connection:
                rows = list(connection.execute(_ASKED, values | where))
        except sqlite3.Error as error:
            path = self._ring.folder / INDEX
            if not path.is_file():
                return []
            raise UsageError(f"{path}: expected an index that can be read, found {error}") from error
        return [record_of_kept(as_frame(row)) for row in rows]


_ASKED = """SELECT * FROM frame WHERE NOT (boot = :boot AND seq >= :floor)
    AND (:product = '' OR trim(product) = :product) AND (:bundle = '' OR bundle = :bundle)
    AND (:part_id = 0 OR part_id = :part_id) AND (:seq = 0 OR seq = :seq)
    AND (:state = 0 OR (verdict IN ('REFUSED', 'TIMEOUT')) = (:state = 4))
    ORDER BY id DESC LIMIT :most OFFSET :start"""


def _values(wanted: Wanted) -> dict[str, object] | None:
    """What the ring is asked for; None if none of its frames can be wanted."""
    part_id, seq = _number(wanted.part_id, _PART_ID_MOST), _number(wanted.job_id, _SEQ_MOST)
    product, _, bundle = wanted.recipe_id.rpartition("@")
    if wanted.meas_id or part_id is None or seq is None or wanted.state not in _STATES:
        # the ring does not know what clients called their measurements
        return None
    if wanted.recipe_id and (not bundle or wanted.product not in ("", product)):
        return None
    return {
        "product": wanted.product or product,
        "bundle": bundle,
        "part_id": part_id,
        "seq": seq,
        "state": wanted.state,
    }


def _number(text: str, most: int) -> int | None:
    """The number that a text is, as the station writes it; 0 for "", None for another text."""
    if not text:
        return 0
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST else 0
    return number if 0 < number <= most and text == str(number) else None
