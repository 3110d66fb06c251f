"""Answers of a station, for tests of what they go to: as a judge gives them, with inspections of any score."""

import json
from typing import Any

import numpy as np

from goodpart import Inspection
from goodpart.scoring.inspection import Verdict
from goodpart_station.codes import Bits, Command, PartVerdict, Reason, State
from goodpart_station.part import Frame, Part, Result, Status
from small_parts import RGB

BUNDLE = "ab" * 32
OTHER_BUNDLE = "cd" * 32
IDLE = Status(
    state=State.READY, bits=Bits(0), heartbeat=0, accepted_seq=0, result_seq=0, product=1, good_total=0, bundle=BUNDLE,
    why="",
)  # fmt: skip


def inspection(score: float, *, threshold: float = 3.0, grey: float | None = None) -> Inspection:
    """An inspection with this score, as of a bundle that measures frames as pictures."""
    return Inspection(
        verdict=Verdict.GOOD if score <= threshold else Verdict.DEFECT, reason=None, score=score, threshold=threshold,
        threshold_moved=False, checks_moved=False, pixel_threshold=5.0, p_value=0.5,
        grid=np.full((4, 4), score, np.float32), ignored=None, smoothing=0.0, frame_height_px=24, frame_width_px=18,
        frame_spec=RGB, timings_ms={"embed": 1.0, "search": 0.5, "score": 0.1}, recomputed_patches=0,
        statistics={} if grey is None else {"mean": grey, "sharpness": 1.0, "centre_row": 0.5, "centre_column": 0.5},
    )  # fmt: skip


def answer(
    seq: int,
    score: float | None = 1.0,
    *,
    reason: Reason = Reason.NONE,
    detail: str | None = None,
    product: str = "washer",
    bundle: str = BUNDLE,
    pixels: int = 0,
    **facts: Any,
) -> Result:
    """What a sink gets of part `seq`.

    Args:
        seq: the part's number.
        score: of its inspection; None for a part without one, which is REFUSED.
        reason, detail, product, bundle: as in `Result`.
        pixels: how many the frame has.
        facts: other fields of the result.
    """
    found = None if score is None else inspection(score)
    verdict = PartVerdict.REFUSED if found is None else PartVerdict[found.verdict.value]
    known: dict[str, Any] = {
        "late": False, "simulated": False, "answered_ns": seq * 10**8, "at": 1.7e9 + seq,
        "ms": {"grab": 1.0, "queue": 0.1, "embed": 20.0, "search": 4.0, "total": 30.0},
    }  # fmt: skip
    return Result(
        part=Part(seq, None, 0, 1, 0, 10**9), verdict=verdict, reason=reason, detail=detail, product=product,
        bundle=bundle, serial=3, inspection=found,
        frame=Frame(np.zeros((1, pixels, 3), np.uint8), seq * 10**8, camera_frame=seq), **(known | facts),
    )  # fmt: skip


class PlainMessages:
    """Messages with a part's number and nothing that costs time."""

    def line(self, result: Result, *, dropped: int = 0) -> bytes:
        return json.dumps({"seq": result.part.seq, "verdict": result.verdict.name, "dropped": dropped}).encode()


class StillLine:
    """A station that stays as it is until a test changes `now`."""

    def __init__(self, now: Status = IDLE) -> None:
        self.now = now

    def trigger(self, plc_seq: int | None, *, product: int = 0, part_id: int = 0) -> None:
        raise NotImplementedError

    def plc_heartbeat(self) -> None:
        raise NotImplementedError

    def acknowledge(self, plc_seq: int) -> None:
        raise NotImplementedError

    def command(self, command: int, *, product: int = 0, who: str) -> Reason:
        raise NotImplementedError

    def status(self) -> Status:
        return self.now


__all__ = ["BUNDLE", "IDLE", "OTHER_BUNDLE", "Command", "PlainMessages", "StillLine", "answer", "inspection"]
