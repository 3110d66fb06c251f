"""Price: how long one frame takes with an exported backbone, measured here."""

import dataclasses
import statistics
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.model.backbone import Backbone

_RUNS, _BUDGET_S = 5, 10.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Price:
    """What a larger input costs per frame. The search in the bank comes on top, and grows with the input as well.

    Attributes:
        embed_ms: CPU time to embed one frame here, one thread, measured; the median of at most 5 frames.
        without_ms: the same at the size that would have been chosen without the defect, estimated: in proportion to the
            input's pixels.
    """

    embed_ms: float
    without_ms: float

    def describe(self) -> str:
        """The price in one line, for messages."""
        text = f"one frame takes {self.embed_ms:.0f} ms to embed here (measured, one thread)"
        if self.without_ms == self.embed_ms:
            return f"{text}: no more than without --smallest-defect-px"
        return (
            f"{text}, without --smallest-defect-px about {self.without_ms:.0f} ms (estimated from the pixels); the "
            "search in the bank grows alike"
        )


def measure_price(backbone: Path, *, inspected_px: tuple[int, int], share: float) -> Price:
    """Embeds a drawn frame a few times.

    Args:
        backbone: the exported file.
        inspected_px: height and width of the inspected part of a frame.
        share: pixels of the input without the defect, as a share of those of this one.
    """
    graph = Backbone.load(backbone, threads=1)
    frame = _frame(graph.spec.frame, inspected_px)
    graph.embed(frame)  # the first run allocates
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < _RUNS and (not times or time.perf_counter() - began < _BUDGET_S):
        # processor time, because other programs slow this one down only by the clock
        start = time.process_time()
        graph.embed(frame)
        times.append((time.process_time() - start) * 1e3)
    graph.close()
    embed_ms = statistics.median(times)
    return Price(embed_ms=embed_ms, without_ms=embed_ms * share)


def _frame(spec: FrameSpec, inspected_px: tuple[int, int]) -> npt.NDArray[np.integer]:
    """Noise in the smallest frame that has such an inspected part."""
    y_px, x_px = (0, 0) if spec.roi is None else (spec.roi.y_px, spec.roi.x_px)
    frame_px = (y_px + inspected_px[0], x_px + inspected_px[1])
    shape = frame_px if spec.channels is Channels.GRAY else (*frame_px, 3)
    low, high = spec.value_range or (0, 255)
    dtype = np.uint16 if spec.dtype is PixelType.UINT16 else np.uint8
    return np.random.default_rng(0).integers(low, high, shape, dtype=dtype, endpoint=True)
