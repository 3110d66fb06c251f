"""Records: what OPC UA tells about one answered part, in plain values."""

import dataclasses
import enum
import math
from typing import Any

from goodpart_station.codes import PartVerdict
from goodpart_station.part import Result
from goodpart_station.ring.frames import KeptFrame

REGIONS_MOST = 100
"""So many regions of a part are told, the strongest: a record must stay small."""


_DIGITS = 19
"""A part's number has fewer."""


class ResultState(enum.IntEnum):
    """How far the processing of a part went (OPC 40100-1, 12.19). It says nothing about good or bad."""

    UNDEFINED = 0
    COMPLETED = 1
    PROCESSING = 2
    ABORTED = 3
    FAILED = 4


_STATES = {
    PartVerdict.NONE.name: ResultState.UNDEFINED,
    PartVerdict.REFUSED.name: ResultState.FAILED,
    PartVerdict.TIMEOUT.name: ResultState.FAILED,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One answered part. What is not known is "", 0 or not a number; nothing is None.

    Attributes:
        boot, seq: the start of the station, and the station's number of the part.
        meas_id, part_id: what the client called the measurement and the part; "" if it said nothing.
        product: the product's name, without spaces around it.
        bundle: digest of the bundle that judged; "" if none did.
        serial: of this bundle; 0 if it is not known.
        verdict, reason: their names; only "GOOD" lets a part pass.
        score, threshold: sigmas; `p_value`: 0 to 1; not a number without an inspection.
        regions: `(y_px, x_px, height_px, width_px)` of each, strongest first.
        simulated: the frame came from a replay.
        at: UTC seconds since 1970 of the answer.
        grab_ms, judge_ms, total_ms: from the trigger to the frame, of the inspection, and from the trigger to the
            answer; 0 if not known.
    """

    boot: str
    seq: int
    meas_id: str = ""
    part_id: str = ""
    product: str
    bundle: str
    serial: int = 0
    verdict: str
    reason: str
    score: float = math.nan
    threshold: float = math.nan
    p_value: float = math.nan
    regions: tuple[tuple[int, int, int, int], ...] = ()
    simulated: bool
    at: float
    grab_ms: float = 0.0
    judge_ms: float = 0.0
    total_ms: float = 0.0

    @property
    def result_id(self) -> str:
        """What the result is called: `<boot>-<seq>`. No other result of any start has it."""
        return f"{self.boot}-{self.seq}" if self.seq else ""

    @property
    def job_id(self) -> str:
        """What the job is called: the station's number of the part."""
        return str(self.seq) if self.seq else ""

    @property
    def recipe_id(self) -> str:
        """What the recipe is called; "" if no bundle judged."""
        return recipe_id(self.product, self.bundle) if self.bundle else ""

    @property
    def state(self) -> ResultState:
        """How far the processing went."""
        return _STATES.get(self.verdict, ResultState.COMPLETED)


NOTHING = Record(
    boot="", seq=0, product="", bundle="", verdict=PartVerdict.NONE.name, reason="NONE", simulated=False, at=0.0
)
"""What is told about a result that is not there."""


def recipe_id(product: str, digest: str) -> str:
    """What a recipe is called: one bundle of one product."""
    return f"{product.strip()}@{digest}"


def parsed_result_id(text: str) -> tuple[str, int] | None:
    """Start and number of the part that a result's id names; None if it is none."""
    boot, dash, seq = text.rpartition("-")
    # as the station writes it, so that a result has one id
    known = dash and boot and seq.isascii() and seq.isdecimal() and len(seq) < _DIGITS and seq == str(int(seq))
    return (boot, int(seq)) if known else None


def record_of(result: Result, boot: str, *, meas_id: str = "", part_id: str | None = None) -> Record:
    """The record of a part. It computes the regions of the frame: never call it in the judging thread.

    Args:
        result: of the part.
        boot: the id of this start of the station.
        meas_id: what the client calls the measurement.
        part_id: what the client calls the part; None if it announced it by number, or not at all.
    """
    inspection, ms = result.inspection, result.ms
    number = result.part.part_id
    known: dict[str, Any] = {}
    if inspection is not None:
        boxes = inspection.regions[:REGIONS_MOST]
        known = {
            "score": inspection.score,
            "threshold": inspection.threshold,
            "p_value": math.nan if inspection.p_value is None else inspection.p_value,
            "regions": tuple((box.y_px, box.x_px, box.height_px, box.width_px) for box in boxes),
        }
    return Record(
        boot=boot,
        seq=result.part.seq,
        meas_id=meas_id,
        part_id=(str(number) if number else "") if part_id is None else part_id,
        product=result.product.strip(),
        bundle=result.bundle,
        serial=result.serial,
        verdict=result.verdict.name,
        reason=result.reason.name,
        simulated=result.simulated,
        at=result.at,
        grab_ms=ms.get("grab", 0.0),
        judge_ms=ms.get("embed", 0.0) + ms.get("search", 0.0),
        total_ms=ms.get("total", 0.0),
        **known,
    )


def record_of_kept(frame: KeptFrame) -> Record:
    """The record of a part whose frame the ring keeps. The ring knows neither the regions nor the times."""
    return Record(
        boot=frame.boot,
        seq=frame.seq,
        part_id=str(frame.part_id) if frame.part_id else "",
        product=frame.product.strip(),
        bundle=frame.bundle,
        verdict=frame.verdict,
        reason=frame.reason,
        score=_number(frame.score),
        threshold=_number(frame.threshold),
        p_value=_number(frame.p_value),
        simulated=frame.simulated,
        at=frame.at,
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value
