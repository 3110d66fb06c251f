"""Answers and state as the PLC, the sinks and the page get them."""

import time

from goodpart import LiveInspector
from goodpart_station.codes import Bits, PartVerdict, Reason
from goodpart_station.conductor.conductor import Conductor
from goodpart_station.conductor.effects import Answer
from goodpart_station.part import Part, Result, Slot, Status

_SCORE_LIMIT = (1 << 31) - 1
_ELAPSED_LIMIT_MS = 65535


def slot_of(answer: Answer) -> Slot | None:
    """What the PLC reads about a part; None for a part that no PLC has announced."""
    part, inspection = answer.part, None if answer.judgement is None else answer.judgement.inspection
    if part.plc_seq is None:
        return None
    score = 0.0 if inspection is None else inspection.score
    return Slot(
        seq=part.plc_seq,
        verdict=answer.verdict,
        reason=answer.reason,
        product=part.product,
        score_millisigmas=round(max(-_SCORE_LIMIT, min(score * 1e3, _SCORE_LIMIT))),
        elapsed_ms=min((answer.at_ns - part.triggered_ns) // 1_000_000, _ELAPSED_LIMIT_MS),
    )


def empty_slot(part: Part) -> Slot | None:
    """What the PLC reads about a part that has no answer yet; None for a part that no PLC has announced."""
    if part.plc_seq is None:
        return None
    return Slot(part.plc_seq, PartVerdict.NONE, Reason.NONE, part.product, 0, 0)


def result_of(answer: Answer, *, product: str, simulated: bool) -> Result:
    """What sinks and the page get about a part.

    Args:
        answer: of the conductor.
        product: the product's name.
        simulated: whether the frame came from a replay.
    """
    part, judgement = answer.part, answer.judgement
    ms = {} if judgement is None else dict(judgement.ms)
    return Result(
        part=part,
        verdict=answer.verdict,
        reason=answer.reason,
        detail=answer.detail,
        product=product,
        bundle="" if judgement is None else judgement.bundle,
        serial=0 if judgement is None else judgement.serial,
        inspection=None if judgement is None else judgement.inspection,
        frame=answer.frame,
        late=answer.late,
        simulated=simulated,
        answered_ns=answer.at_ns,
        at=time.time(),
        ms=ms | {"total": (answer.at_ns - part.triggered_ns) / 1e6},
    )


def status_of(conductor: Conductor, live: LiveInspector | None, *, bits: Bits, heartbeat: int) -> Status:
    """The newest state.

    Args:
        conductor: what it does.
        live: what judges now, None if no product is ready.
        bits: what links and sinks want known beside it.
        heartbeat: 0 to 65535.
    """
    bits |= conductor.bits
    if live is not None and live.inspector.threshold_moved:
        bits |= Bits.THRESHOLD_CHANGED
    return Status(
        state=conductor.state,
        bits=bits,
        heartbeat=heartbeat,
        accepted_seq=conductor.accepted_seq,
        result_seq=conductor.result_seq,
        product=conductor.product,
        good_total=conductor.good_total,
        bundle="" if live is None else live.inspector.bundle.digest,
        why=conductor.why,
    )
