"""Demo data: a small MVTec-style category of drawn flanges, for a first run without a data set.

Each function in `DEFECTS` makes one kind of defect. A mask is measured: it marks where the defect changes the picture
of the same part.
"""

from __future__ import annotations

import cmath
import tempfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from goodpart.errors import UsageError
from goodpart_bank_builder.demo.flange import (
    FRAME_PX,
    PLANE,
    Defect,
    Floats,
    Part,
    Rng,
    as_float32,
    clouds,
    draw_part,
    outline,
    render,
)

Bytes = npt.NDArray[np.uint8]

TRAIN_GOOD, TEST_GOOD, TEST_PER_KIND = 60, 20, 8
MASK_LEVEL = 6.0  # grey levels, about four deviations of the sensor's noise: a smaller change does not count
LEAST_MASK_PX = 60  # a defect that changes fewer pixels cannot be seen and is drawn again


@dataclass(frozen=True)
class DemoDataSummary:
    """Numbers of pictures written; `defects` maps each kind to its count."""

    train_good: int
    test_good: int
    defects: Mapping[str, int]


def _line(start: complex, headings: npt.NDArray[np.float64], width_px: float) -> Floats:
    """Coverage of a line that advances 3 px along each heading, in radians."""
    path = 16 * (start + 3 * np.cumsum(np.exp(1j * headings)))
    corners = np.rint(np.stack([path.real, path.imag], axis=1)).astype(np.int32)
    ink = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.polylines(ink, [corners], False, (255,), max(1, round(width_px)), cv2.LINE_AA, 4)
    return as_float32(ink / 255)


def _blocked_hole(part: Part, rng: Rng) -> Defect:
    """A hole that was not drilled, or that is plugged with swarf."""
    index = int(rng.integers(1, len(part.holes)))
    hole, plugged, faced = part.holes[index], rng.random() < 0.6, rng.random() < 0.5
    solid = replace(hole, radius_px=0.0, spot_px=hole.spot_px * (plugged or faced))
    swarf = plugged * np.clip(hole.radius_px + 1 - np.abs(PLANE - hole.centre), 0, 1)
    holes = (*part.holes[:index], solid, *part.holes[index + 1 :])
    return Defect(holes, relief_px=swarf * (clouds(rng, 110) - 1), alpha=swarf * rng.uniform(0.3, 0.6))


def _chip(part: Part, rng: Rng) -> Defect:
    """Material broken off the outer edge, with a rough flank."""
    bite = np.abs(PLANE - rng.choice(PLANE[np.abs(outline(part)) < 1]))
    bite -= rng.uniform(3.5, 13) * (1 + 0.2 * clouds(rng, 40))
    return Defect(bite_px=bite, relief_px=(0.9 * clouds(rng, 60) - 2.5) * np.clip(1.5 - bite / 4, 0, 1))


def _crack(part: Part, rng: Rng) -> Defect:
    """A forked, jagged dark line from the rim of a hole."""
    hole = part.holes[rng.integers(0, 7)]
    heading = cmath.phase(part.holes[0].centre - hole.centre) + rng.normal(0, 0.9)
    headings = heading + rng.normal(0, 0.55, rng.integers(9, 26))
    fork = np.append(headings[:6], heading + rng.choice([-0.8, 0.8]) + rng.normal(0, 0.5, 6))
    start = hole.centre + cmath.rect(hole.radius_px - 3, heading)
    alpha = as_float32(np.maximum(_line(start, headings, rng.uniform(0.6, 1.9)), _line(start, fork, 1)))
    return Defect(relief_px=-0.3 * alpha, alpha=alpha * rng.uniform(0.5, 0.9))


def _scratch(part: Part, rng: Rng) -> Defect:
    """Up to three grooves side by side, bright where the tool marks are torn."""
    headings = rng.uniform(0, 6.28) + np.linspace(0, rng.normal(0, 0.3), rng.integers(10, 40))
    middle = part.holes[0].centre + cmath.rect(rng.uniform(50, 115), rng.uniform(0, 6.28))
    start = middle - 1.5 * np.exp(1j * headings).sum()
    lines = [_line(start + complex(*rng.normal(0, 4, 2)), headings, rng.uniform(0.6, 2.2)) for _ in range(3)]
    alpha = as_float32(np.max(lines[: rng.integers(1, 4)], axis=0)) * np.clip(0.7 + 0.3 * clouds(rng, 14), 0.4, 1)
    return Defect(relief_px=-alpha, alpha=alpha * rng.uniform(0.3, 0.7), colour=(0.95, 0.95, 0.95))


def _stain(part: Part, rng: Rng) -> Defect:
    """A dried splash of oil, rust or coolant, stronger along its rim."""
    middle = part.holes[0].centre + cmath.rect(rng.uniform(50, 115), rng.uniform(0, 6.28))
    offset, flat = (PLANE - middle) * cmath.rect(1, rng.uniform(0, 3.14)), rng.uniform(0.6, 1)
    edge = np.hypot(offset.real * flat, offset.imag / flat) - rng.uniform(8, 26) * (1 + 0.25 * clouds(rng, 28))
    film = np.clip(-edge / 3, 0, 1) * (0.7 + 0.2 * clouds(rng, 50)) + 0.4 * np.exp(-np.square(edge / 2 + 1))
    colours = ((0.1, 0.08, 0.06), (0.34, 0.2, 0.1), (0.24, 0.25, 0.3), (0.85, 0.85, 0.8))
    return Defect(alpha=np.clip(film * rng.uniform(0.25, 0.6), 0, 1), colour=colours[rng.integers(len(colours))])


DEFECTS: Mapping[str, Callable[[Part, Rng], Defect]] = {
    "blocked_hole": _blocked_hole,
    "chip": _chip,
    "crack": _crack,
    "scratch": _scratch,
    "stain": _stain,
}


def draw_sample(split: str, kind: str, index: int, *, seed: int = 0) -> tuple[Bytes, Bytes]:
    """Draws a picture `(400, 400, 3) uint8` RGB and its mask `(400, 400) uint8`, 255 on the defect and 0 elsewhere."""
    rng = np.random.default_rng((seed, zlib.crc32(f"{split}/{kind}".encode()), index))
    part = draw_part(rng)
    picture = clean = render(part)
    mask = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    while kind != "good" and np.count_nonzero(mask) < LEAST_MASK_PX:
        picture = render(part, DEFECTS[kind](part, rng))
        changed = as_float32(np.abs(picture - clean).max(axis=2) > MASK_LEVEL)
        mask = np.uint8(255) * (as_float32(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))) > 0)
    noisy = picture + rng.uniform(1.2, 2.0) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask


def _save(path: Path, picture: Bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1].tobytes())


def write_demo_data(out: Path, *, seed: int = 0, on_image: Callable[[int, int], None] | None = None) -> DemoDataSummary:
    """Writes `train/good`, `test/good`, `test/<kind>` and `ground_truth/<kind>`; nothing remains if interrupted.

    Args:
        out: a folder that is empty or does not exist.
        seed: 0 or more; the same seed gives the same files.
        on_image: called after each picture with the number of pictures drawn and the total.

    Raises:
        UsageError: `out` is not empty or cannot be written, or `seed` is negative.
    """
    if seed < 0:
        raise UsageError(f"demo data: expected a seed of 0 or more, found {seed}")
    counts = {"good": TEST_GOOD, **dict.fromkeys(DEFECTS, TEST_PER_KIND)}
    plan = [("train", "good", index) for index in range(TRAIN_GOOD)]
    plan += [("test", kind, index) for kind, count in counts.items() for index in range(count)]
    try:
        target = out.resolve()
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise UsageError(f"{out}: expected a new or empty folder for demo data, found files; name another")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
            draft = Path(temporary, target.name)
            for done, (split, kind, index) in enumerate(plan, 1):
                picture, mask = draw_sample(split, kind, index, seed=seed)
                _save(draft / split / kind / f"{index:03d}.png", picture)
                if kind != "good":
                    _save(draft / "ground_truth" / kind / f"{index:03d}_mask.png", mask)
                if on_image:
                    on_image(done, len(plan))
            if target.is_dir():
                target.rmdir()  # Windows cannot rename onto an existing folder
            draft.replace(target)
    except OSError as error:
        raise UsageError(f"{out}: expected to write demo data, found: {error}; name another folder") from error
    return DemoDataSummary(TRAIN_GOOD, TEST_GOOD, dict.fromkeys(DEFECTS, TEST_PER_KIND))
