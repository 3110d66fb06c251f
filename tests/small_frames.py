"""Drawn frames for the small network: of 24x18 pixels, and needing nothing but numpy."""

import numpy as np
import numpy.typing as npt

HEIGHT_PX, WIDTH_PX = 24, 18


def draw_small(seed: int, *, defect: bool = False) -> npt.NDArray[np.uint8]:
    """`(24, 18, 3) uint8` a bright bar on a dark ground, with noise; with a defect, a dark gap in it."""
    rng = np.random.default_rng(seed)
    frame = np.full((HEIGHT_PX, WIDTH_PX, 3), 70.0)
    left = 5 + int(rng.integers(0, 3))
    frame[4:20, left : left + 7] = (200.0, 170.0, 150.0)
    if defect:
        frame[9:14, left : left + 7] = (20.0, 220.0, 30.0)
    return np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)


def draw_good(seed: int, height_px: int = HEIGHT_PX, width_px: int = WIDTH_PX) -> npt.NDArray[np.uint8]:
    """`(H, W, 3) uint8` a good bar in a frame of any size; larger pixels are repeated ones."""
    rows, columns = np.arange(height_px) * HEIGHT_PX // height_px, np.arange(width_px) * WIDTH_PX // width_px
    return draw_small(seed)[rows[:, np.newaxis], columns]


def draw_defect(seed: int) -> npt.NDArray[np.uint8]:
    """`(24, 18, 3) uint8` a bar with a black hole of 6x6 pixels, above the pixel threshold of `fixtures/format_1`."""
    frame = draw_small(seed)
    frame[9:15, 6:12] = 0
    return frame
