"""Answers of a station for tests of what comes after the verdict: nothing judges here, the test says what was found."""

import dataclasses
from typing import Any

import numpy as np

from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.scoring.inspection import Inspection, Verdict
from goodpart_station.codes import PartVerdict, Reason
from goodpart_station.part import Frame, Part, Result

BOOT = "6f0c5d2b9a71e384"
BUNDLE = "1f3a9c" + "0" * 58
THRESHOLD = 3.5
AT = 1795718017.123
"""2026-11-26T18:33:37.123Z"""

SECOND_NS = 1_000_000_000
RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)


def inspection(score: float, **changes: Any) -> Inspection:
    """What an inspection with this score says; the threshold is 3.5."""
    grid = np.zeros((4, 4), np.float32)
    grid[1, 2] = score
    made = Inspection(
        verdict=Verdict.DEFECT if score > THRESHOLD else Verdict.GOOD,
        reason=None,
        score=score,
        threshold=THRESHOLD,
        threshold_moved=False,
        checks_moved=False,
        pixel_threshold=4.0,
        p_value=0.42,
        grid=grid,
        ignored=None,
        smoothing=0.0,
        frame_height_px=16,
        frame_width_px=20,
        frame_spec=RGB,
        timings_ms={"embed": 24.1, "search": 3.9, "score": 0.5},
        recomputed_patches=0,
        statistics={"grey": 100.0, "sharpness": 0.25, "row": 0.5, "column": 0.5},
    )
    return dataclasses.replace(made, **changes)


def pixels(seq: int, height_px: int = 16, width_px: int = 20) -> np.ndarray:
    """`(H, W, 3) uint8` noise, so that a PNG of it is about as large as its pixels."""
    return np.random.default_rng(seq).integers(0, 256, (height_px, width_px, 3), np.uint8)


def answer(seq: int, score: float | None = 1.0, *, picture: Any = None, **changes: Any) -> Result:
    """The answer for a part with that score, one second after the part before; without a score it is REFUSED."""
    found = None if score is None else inspection(score)
    verdict = PartVerdict.REFUSED if found is None else PartVerdict[found.verdict.value]
    made = Result(
        part=Part(seq=seq, plc_seq=seq, part_id=884213, product=1, triggered_ns=0, deadline_ns=0),
        verdict=verdict,
        reason=Reason.FRAME_REFUSED if found is None else Reason.NONE,
        detail="frame: expected uint8, found uint16" if found is None else None,
        product="bracket",
        bundle=BUNDLE,
        serial=12,
        inspection=found,
        frame=Frame(
            pixels=pixels(seq) if picture is None else picture, at_ns=seq * SECOND_NS, camera_frame=60000 + seq
        ),
        late=False,
        simulated=False,
        answered_ns=seq * SECOND_NS,
        at=AT + seq,
        ms={"grab": 11.2, "queue": 0.2, "embed": 24.1, "search": 3.9, "total": 41.0},
    )
    return dataclasses.replace(made, **changes)


def good(seq: int, **changes: Any) -> Result:
    """A part far below the threshold, kept only if it is drawn."""
    return answer(seq, 1.0, **changes)


def reject(seq: int, **changes: Any) -> Result:
    """A DEFECT."""
    return answer(seq, 9.0, **changes)


def near(seq: int, **changes: Any) -> Result:
    """A GOOD part just below the threshold."""
    return answer(seq, 3.4, **changes)


def refused(seq: int, **changes: Any) -> Result:
    """A frame that nothing judged."""
    return answer(seq, None, **changes)
