"""Drawn thermograms for the small network: of 24x18 pixels, in counts, and needing nothing but numpy."""

import numpy as np
import numpy.typing as npt

HOT = slice(9, 12), slice(8, 11)
"""Where a hot spot lies, in pixels."""


def draw_thermal(seed: int, *, hot: int | None = None) -> npt.NDArray[np.uint16]:
    """`(24, 18) uint16` a warm bar of 3,700 counts on a ground of 2,100, with noise; `hot` is the value of a spot."""
    rng = np.random.default_rng(seed)
    frame = np.full((24, 18), 2100.0)
    left = 5 + int(rng.integers(0, 3))
    frame[4:20, left : left + 7] = 3700.0
    frame += rng.normal(0, 50, frame.shape)
    if hot is not None:
        frame[HOT] = hot
    return np.clip(frame, 0, 65535).astype(np.uint16)
