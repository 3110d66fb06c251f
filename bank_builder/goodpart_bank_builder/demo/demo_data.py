"""A small MVTec-style category of machined flanges, drawn: for a first run without a data set.

One `Part` says everything about a picture (tolerances, place, light, camera), `render` turns it into grey levels, and a
`Defect` is what a function of `DEFECTS` plants on it. Masks are measured: where the same part changes by its defect.

A point is a complex number, column + 1j * row, in pixels: distances are `abs`, turns are products. Maps are `(400, 400)
float32`. Light is linear, about 0 to 1, until `render` ends in grey levels, 0 to 255.
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

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Rng = np.random.Generator

FRAME_PX, TRAIN_GOOD, TEST_GOOD, TEST_PER_KIND = 400, 120, 20, 15
MASK_LEVEL = 6.0  # grey levels, about four deviations of the sensor's noise: a smaller change does not count
LEAST_MASK_PX = 60  # a defect that changes fewer pixels is drawn again: nobody could see it
_DISC_PX, _LUG_PX, _HUB_PX = 128.0, 36.0, 74.0
_PLANE = (np.arange(FRAME_PX) + 1j * np.arange(FRAME_PX)[:, None]).astype(np.complex64)  # every pixel's own point


@dataclass(frozen=True)
class Hole:
    """A chamfered bore within a turned spot face of radius `spot_px`; a radius of 0 means not drilled."""

    at: complex
    radius_px: float
    spot_px: float = 0.0


_LUGS = tuple(cmath.rect(132, angle) for angle in (cmath.pi / 2, -cmath.pi / 6, -5 * cmath.pi / 6))
_HOLES = (Hole(0, 38), *(Hole(at, 11, 21) for at in _LUGS), *(Hole(-0.77 * at, 6) for at in _LUGS), Hole(97 + 25j, 4))


@dataclass(frozen=True)
class Part:
    """One flange in front of the camera: all that its picture depends on."""

    texture_seed: int
    holes: tuple[Hole, ...]  # the bore, which is the axis; the three lugs'; three taps; a dowel's
    mill: complex  # centre of the face mill's arcs, far off the part
    lamp: complex  # unit vector towards the lamp
    gain: tuple[float, ...]  # of red, green and blue
    glare: float
    defocus_px: float


@dataclass(frozen=True)
class Defect:
    """What is wrong with a part; the defaults are harmless."""

    holes: tuple[Hole, ...] = ()  # instead of the part's own
    bite_px: Floats | float = float("inf")  # signed distance to lost material, negative inside
    relief_px: Floats | float = 0.0  # added to the height of the surface
    alpha: Floats | float = 0.0  # in [0, 1]: how far `colour` hides the metal
    colour: tuple[float, float, float] = (0.1, 0.08, 0.06)  # RGB reflectance


@dataclass(frozen=True)
class DemoDataSummary:
    """How many pictures were written; `defects` maps each kind to its count."""

    train_good: int
    test_good: int
    defects: Mapping[str, int]


def draw_part(rng: Rng) -> Part:
    """Draws a good part: its tolerances, its place on the belt, the light of the moment."""
    axis = FRAME_PX / 2 * (1 + 1j) + complex(*rng.uniform(-7, 7, 2))
    turn = cmath.rect(rng.normal(1, 0.003), rng.normal(0, 0.035))
    places = [axis, *(axis + turn * (hole.at + complex(*rng.normal(0, 0.25, 2))) for hole in _HOLES[1:])]
    return Part(
        texture_seed=int(rng.integers(2**63)),
        holes=tuple(Hole(at, rng.normal(h.radius_px, 0.2), h.spot_px) for at, h in zip(places, _HOLES, strict=True)),
        mill=axis + complex(rng.uniform(-420, -300), rng.uniform(-120, 120)),
        lamp=cmath.rect(1, rng.normal(-2.18, 0.2)),
        gain=tuple(rng.uniform(0.88, 1.1) * rng.normal(1, 0.005, 3)),
        glare=rng.uniform(0.05, 0.3),
        defocus_px=rng.uniform(0.4, 0.9),
    )


def _f32(array: npt.ArrayLike) -> Floats:
    return np.asarray(array, np.float32)


def _towards(points: npt.NDArray[np.complex64], lamp: complex) -> Floats:
    return _f32(points.real * lamp.real + points.imag * lamp.imag)


def _clouds(rng: Rng, cells: int) -> Floats:
    """Smooth noise of about unit deviation, `cells` lumps across the frame."""
    coarse = rng.standard_normal((cells, cells), np.float32)
    return _f32(cv2.resize(coarse, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_CUBIC))


def _outline(part: Part) -> Floats:
    """Signed distance to the outer edge, negative on metal: a disc and three lugs, blended by fillets."""
    distance: Floats = np.abs(_PLANE - part.holes[0].at) - _DISC_PX
    for hole in part.holes[1:4]:
        lug = np.abs(_PLANE - hole.at) - _LUG_PX
        distance = np.minimum(distance, lug) - np.square(np.maximum(24 - np.abs(distance - lug), 0)) / 96
    return distance


class _Surface:
    """A part being machined: its height, each place's offset from the axis of its tool, and what holes show."""

    def __init__(self, part: Part, defect: Defect) -> None:
        axis = part.holes[0].at
        radius = np.abs(_PLANE - axis)
        self.part, self.edge = part, np.maximum(_outline(part), -defect.bite_px)
        self.hole, self.wall = np.zeros_like(self.edge), np.zeros_like(self.edge)
        self.tool = np.where(radius < _HUB_PX, _PLANE - axis, _PLANE - part.mill)
        self.height = np.clip(-self.edge, 0, 3.5) + 2 * np.clip(_HUB_PX - radius, 0, 4)
        self.height -= 1.2 * np.clip(3.2 - np.abs(radius - 57), 0, 1.5)  # the seal's groove
        for hole in defect.holes or part.holes:
            offset = _PLANE - hole.at
            distance = np.abs(offset)
            self.tool = np.where(distance < hole.spot_px, offset, self.tool)
            self.height -= np.clip(hole.spot_px - distance, 0, 2)
            chamfer = (hole.radius_px > 0) + hole.radius_px / 12  # none where there is no bore
            self.height -= 1.6 * np.clip(hole.radius_px + chamfer - distance, 0, chamfer)
            inside = np.clip(hole.radius_px + 0.5 - distance, 0, hole.radius_px > 0)
            # The lens looks into holes off its axis at an angle, so one side of their wall shows.
            floor = np.clip(0.9 * hole.radius_px + 0.5 - np.abs(offset + 0.015 * (hole.at - axis)), 0, 1)
            self.hole += inside
            self.wall += (inside > 0) * (1 - floor) * (0.2 - 0.17 * _towards(offset, part.lamp) / (distance + 1))
        self.height += defect.relief_px
        # The hub shades its foot, more so on the side away from the lamp.
        foot = (radius > _HUB_PX) * np.exp(np.minimum(_HUB_PX - radius, 0) / 5)
        self.open = 1 - foot * (0.3 - 0.25 * _towards(_PLANE - axis, part.lamp) / (radius + 1))

    def metal(self, rng: Rng) -> Floats:
        """Light from the bare metal: tool marks, their bow-tie highlight, edges towards and away from the lamp."""
        marks = _f32(cv2.GaussianBlur(rng.standard_normal((512, 640), np.float32), (1, 9), 0))
        radius, angle = np.abs(self.tool), np.angle(self.tool) * (511 / 2 / cmath.pi)
        streaks = _f32(cv2.remap(marks, radius, _f32(angle), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
        bow_tie = np.exp(-4 * np.square(_towards(self.tool, 1j * self.part.lamp) / (radius + 1)))
        slope_y, slope_x = np.gradient(self.height)
        facing = -_towards(slope_x + 1j * slope_y, self.part.lamp) / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
        shade = 0.39 + 0.34 * bow_tie + 0.4 * facing
        grain = 1 + rng.uniform(0.07, 0.13) * streaks * (0.6 + bow_tie) + 0.03 * _clouds(rng, 9)
        return _f32(shade * self.open * grain)


def render(part: Part, defect: Defect | None = None) -> Floats:
    """Pictures a part without sensor noise: `(400, 400, 3) float32` RGB grey levels, not yet rounded."""
    defect, rng = defect or Defect(), np.random.default_rng(part.texture_seed)
    surface = _Surface(part, defect)
    cover = np.clip(0.5 - surface.edge, 0, 1)
    solid = cover * (1 - surface.hole)
    weave = np.sin(1.3 * _PLANE.real + rng.uniform(0, 6)) * np.sin(1.1 * _PLANE.imag + rng.uniform(0, 6))
    belt = 0.2 + 0.012 * _clouds(rng, 12) + 0.022 * _clouds(rng, FRAME_PX) + 0.02 * weave
    shift = _f32([[1, 0, -7 * part.lamp.real], [0, 1, -7 * part.lamp.imag]])
    belt *= 1 - 0.75 * _f32(cv2.warpAffine(cv2.GaussianBlur(cover, (0, 0), 8), shift, (FRAME_PX, FRAME_PX)))
    scene = belt * (1 - cover) + surface.metal(rng) * solid + (surface.wall + 0.2 * belt) * (cover - solid)
    light = scene[..., None] * (_f32([0.95, 1, 1.01]) + solid[..., None] * _f32([0, -0.005, 0.03]))
    light += (defect.alpha * solid)[..., None] * (_f32(defect.colour) - light)
    across = _towards(_PLANE / (FRAME_PX / 2) - (1 + 1j), part.lamp)[..., None]
    light *= _f32(part.gain) * (1 + part.glare * (0.5 * across + np.exp(-6 * np.square(across - 0.4))))
    return np.clip(255 * _f32(cv2.GaussianBlur(light, (0, 0), part.defocus_px)), 0, 255)


def _line(start: complex, headings: npt.NDArray[np.float64], width_px: float) -> Floats:
    """Coverage of a line that advances 3 px along each heading, in radians."""
    path = 16 * (start + 3 * np.cumsum(np.exp(1j * headings)))
    corners = np.rint(np.stack([path.real, path.imag], axis=1)).astype(np.int32)
    ink = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    cv2.polylines(ink, [corners], False, (255,), max(1, round(width_px)), cv2.LINE_AA, 4)
    return _f32(ink / 255)


def _blocked_hole(part: Part, rng: Rng) -> Defect:
    """A hole that was never drilled, or one that is plugged with swarf."""
    index = int(rng.integers(1, len(part.holes)))
    hole, plugged, faced = part.holes[index], rng.random() < 0.6, rng.random() < 0.5
    solid = replace(hole, radius_px=0.0, spot_px=hole.spot_px * (plugged or faced))
    swarf = plugged * np.clip(hole.radius_px + 1 - np.abs(_PLANE - hole.at), 0, 1)
    holes = (*part.holes[:index], solid, *part.holes[index + 1 :])
    return Defect(holes, relief_px=swarf * (_clouds(rng, 110) - 1), alpha=swarf * rng.uniform(0.3, 0.6))


def _chip(part: Part, rng: Rng) -> Defect:
    """Material broken off the outer edge, with a rough flank."""
    bite = np.abs(_PLANE - rng.choice(_PLANE[np.abs(_outline(part)) < 1]))
    bite -= rng.uniform(3.5, 13) * (1 + 0.2 * _clouds(rng, 40))
    return Defect(bite_px=bite, relief_px=(0.9 * _clouds(rng, 60) - 2.5) * np.clip(1.5 - bite / 4, 0, 1))


def _crack(part: Part, rng: Rng) -> Defect:
    """A forked, jagged dark line from the rim of a hole."""
    hole = part.holes[rng.integers(0, 7)]
    heading = cmath.phase(part.holes[0].at - hole.at) + rng.normal(0, 0.9)
    headings = heading + rng.normal(0, 0.55, rng.integers(9, 26))
    fork = np.append(headings[:6], heading + rng.choice([-0.8, 0.8]) + rng.normal(0, 0.5, 6))
    start = hole.at + cmath.rect(hole.radius_px - 3, heading)
    alpha = _f32(np.maximum(_line(start, headings, rng.uniform(0.6, 1.9)), _line(start, fork, 1)))
    return Defect(relief_px=-0.3 * alpha, alpha=alpha * rng.uniform(0.5, 0.9))


def _scratch(part: Part, rng: Rng) -> Defect:
    """Up to three grooves side by side, bright where the tool marks are torn."""
    headings = rng.uniform(0, 6.28) + np.linspace(0, rng.normal(0, 0.3), rng.integers(10, 40))
    middle = part.holes[0].at + cmath.rect(rng.uniform(50, 115), rng.uniform(0, 6.28))
    start = middle - 1.5 * np.exp(1j * headings).sum()
    lines = [_line(start + complex(*rng.normal(0, 4, 2)), headings, rng.uniform(0.6, 2.2)) for _ in range(3)]
    alpha = _f32(np.max(lines[: rng.integers(1, 4)], axis=0)) * np.clip(0.7 + 0.3 * _clouds(rng, 14), 0.4, 1)
    return Defect(relief_px=-alpha, alpha=alpha * rng.uniform(0.3, 0.7), colour=(0.95, 0.95, 0.95))


def _stain(part: Part, rng: Rng) -> Defect:
    """A dried splash of oil, rust or coolant, stronger along its rim."""
    middle = part.holes[0].at + cmath.rect(rng.uniform(50, 115), rng.uniform(0, 6.28))
    offset, flat = (_PLANE - middle) * cmath.rect(1, rng.uniform(0, 3.14)), rng.uniform(0.6, 1)
    edge = np.hypot(offset.real * flat, offset.imag / flat) - rng.uniform(8, 26) * (1 + 0.25 * _clouds(rng, 28))
    film = np.clip(-edge / 3, 0, 1) * (0.7 + 0.2 * _clouds(rng, 50)) + 0.4 * np.exp(-np.square(edge / 2 + 1))
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
    """Draws a picture `(400, 400, 3) uint8` RGB and its mask `(400, 400) uint8`: 255 where it is defective, else 0."""
    rng = np.random.default_rng((seed, zlib.crc32(f"{split}/{kind}".encode()), index))
    part = draw_part(rng)
    picture = clean = render(part)
    mask = np.zeros((FRAME_PX, FRAME_PX), np.uint8)
    while kind != "good" and np.count_nonzero(mask) < LEAST_MASK_PX:
        picture = render(part, DEFECTS[kind](part, rng))
        changed = _f32(np.abs(picture - clean).max(axis=2) > MASK_LEVEL)
        mask = np.uint8(255) * (_f32(cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))) > 0)
    noisy = picture + rng.uniform(1.2, 2.0) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), mask


def _save(path: Path, picture: Bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture[..., ::-1] if picture.ndim == 3 else picture)[1].tobytes())


def write_demo_data(out: Path, *, seed: int = 0, on_image: Callable[[int, int], None] | None = None) -> DemoDataSummary:
    """Writes `train/good`, `test/good`, `test/<kind>` and `ground_truth/<kind>`: all, or nothing when interrupted.

    Args:
        out: a folder that is empty or does not exist.
        seed: 0 or more; the same seed gives the same files.
        on_image: called after each picture with the number done and the total.

    Raises:
        UsageError: if `out` is in use or cannot be written, or `seed` is negative.
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
                target.rmdir()  # Windows renames onto nothing that exists
            draft.replace(target)
    except OSError as error:
        raise UsageError(f"{out}: expected to write demo data, found: {error}; name another folder") from error
    return DemoDataSummary(TRAIN_GOOD, TEST_GOOD, dict.fromkeys(DEFECTS, TEST_PER_KIND))
