"""One machined flange: its tolerances, its defect, and its picture.

A `Part` holds everything that a picture depends on (tolerances, place, light, camera), a `Defect` is what is wrong with
it, and `render` turns both into grey levels.

A point is a complex number, column + 1j * row, in pixels, so `abs` gives distances and products give rotations. Maps
are `(400, 400) float32`. Light is linear, about 0 to 1, until `render` converts it to grey levels, 0 to 255.
"""

from __future__ import annotations

import cmath
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rng = np.random.Generator

FRAME_PX = 400
PLANE = (np.arange(FRAME_PX) + 1j * np.arange(FRAME_PX)[:, None]).astype(np.complex64)
"""`(400, 400) complex64`: the point of every pixel."""

_DISC_PX, _LUG_PX, _HUB_PX = 128.0, 36.0, 74.0


@dataclass(frozen=True)
class Hole:
    """A chamfered bore within a turned spot face of radius `spot_px`; a radius of 0 means not drilled."""

    centre: complex
    radius_px: float
    spot_px: float = 0.0


_LUGS = tuple(cmath.rect(132, angle) for angle in (cmath.pi / 2, -cmath.pi / 6, -5 * cmath.pi / 6))
_HOLES = (
    Hole(0, 38),
    *(Hole(lug, 11, 21) for lug in _LUGS),
    *(Hole(-0.77 * lug, 6) for lug in _LUGS),
    Hole(97 + 25j, 4),
)


@dataclass(frozen=True)
class Part:
    """One flange in front of the camera: everything that its picture depends on."""

    texture_seed: int
    holes: tuple[Hole, ...]  # the bore, which is the axis; the three lugs'; three taps; a dowel's
    mill: complex  # centre of the face mill's arcs, far off the part
    lamp: complex  # unit vector towards the lamp
    gain: tuple[float, ...]  # of red, green and blue
    glare: float
    defocus_px: float


@dataclass(frozen=True)
class Defect:
    """A defect of a part; the defaults change nothing."""

    holes: tuple[Hole, ...] = ()  # instead of the part's own
    bite_px: Floats | float = float("inf")  # signed distance to lost material, negative inside
    relief_px: Floats | float = 0.0  # added to the height of the surface
    alpha: Floats | float = 0.0  # in [0, 1]: how far `colour` hides the metal
    colour: tuple[float, float, float] = (0.1, 0.08, 0.06)  # RGB reflectance


def draw_part(rng: Rng) -> Part:
    """Draws a good part at random: tolerances, place on the belt, light and camera."""
    axis = FRAME_PX / 2 * (1 + 1j) + complex(*rng.uniform(-7, 7, 2))
    turn = cmath.rect(rng.normal(1, 0.003), rng.normal(0, 0.035))
    centres = [axis, *(axis + turn * (hole.centre + complex(*rng.normal(0, 0.25, 2))) for hole in _HOLES[1:])]
    return Part(
        texture_seed=int(rng.integers(2**63)),
        holes=tuple(Hole(c, rng.normal(h.radius_px, 0.2), h.spot_px) for c, h in zip(centres, _HOLES, strict=True)),
        mill=axis + complex(rng.uniform(-420, -300), rng.uniform(-120, 120)),
        lamp=cmath.rect(1, rng.normal(-2.18, 0.2)),
        gain=tuple(rng.uniform(0.88, 1.1) * rng.normal(1, 0.005, 3)),
        glare=rng.uniform(0.05, 0.3),
        defocus_px=rng.uniform(0.4, 0.9),
    )


def as_float32(array: npt.ArrayLike) -> Floats:
    """The array as float32."""
    return np.asarray(array, np.float32)


def _towards(points: npt.NDArray[np.complex64], lamp: complex) -> Floats:
    return as_float32(points.real * lamp.real + points.imag * lamp.imag)


def clouds(rng: Rng, cells: int) -> Floats:
    """Smooth noise of about unit deviation, `cells` lumps across the frame."""
    coarse = rng.standard_normal((cells, cells), np.float32)
    return as_float32(cv2.resize(coarse, (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_CUBIC))


def outline(part: Part) -> Floats:
    """Signed distance to the outer edge, negative on metal: a disc and three lugs, blended by fillets."""
    distance: Floats = np.abs(PLANE - part.holes[0].centre) - _DISC_PX
    for hole in part.holes[1:4]:
        lug = np.abs(PLANE - hole.centre) - _LUG_PX
        distance = np.minimum(distance, lug) - np.square(np.maximum(24 - np.abs(distance - lug), 0)) / 96
    return distance


def _around(hole: Hole) -> tuple[slice, slice]:
    """Rows and columns that a hole can change: its bore with the chamfer, and its spot face."""
    reach_px = 2 + max(13 / 12 * hole.radius_px, hole.spot_px)
    rows, columns = (
        slice(max(0, int(at - reach_px)), max(0, int(at + reach_px) + 1)) for at in (hole.centre.imag, hole.centre.real)
    )
    return rows, columns


class _Surface:
    """A machined surface: height, offset of every pixel from the axis of its tool, and the visible insides of holes."""

    def __init__(self, part: Part, defect: Defect) -> None:
        axis = part.holes[0].centre
        radius = np.abs(PLANE - axis)
        self.part, self.edge = part, np.maximum(outline(part), -defect.bite_px)
        self.hole, self.wall = np.zeros_like(self.edge), np.zeros_like(self.edge)
        self.tool = np.where(radius < _HUB_PX, PLANE - axis, PLANE - part.mill)
        self.height = np.clip(-self.edge, 0, 3.5) + 2 * np.clip(_HUB_PX - radius, 0, 4)
        self.height -= 1.2 * np.clip(3.2 - np.abs(radius - 57), 0, 1.5)  # the seal's groove
        for hole in defect.holes or part.holes:
            near = _around(hole)
            offset = PLANE[near] - hole.centre
            distance = np.abs(offset)
            self.tool[near] = np.where(distance < hole.spot_px, offset, self.tool[near])
            self.height[near] -= np.clip(hole.spot_px - distance, 0, 2)
            chamfer = (hole.radius_px > 0) + hole.radius_px / 12  # none where there is no bore
            self.height[near] -= 1.6 * np.clip(hole.radius_px + chamfer - distance, 0, chamfer)
            inside = np.clip(hole.radius_px + 0.5 - distance, 0, hole.radius_px > 0)
            # The camera sees holes off its axis at an angle, so one side of their wall is visible.
            floor = np.clip(0.9 * hole.radius_px + 0.5 - np.abs(offset + 0.015 * (hole.centre - axis)), 0, 1)
            self.hole[near] += inside
            self.wall[near] += (inside > 0) * (1 - floor) * (0.2 - 0.17 * _towards(offset, part.lamp) / (distance + 1))
        self.height += defect.relief_px
        # The hub shades its foot, more so on the side away from the lamp.
        foot = (radius > _HUB_PX) * np.exp(np.minimum(_HUB_PX - radius, 0) / 5)
        self.open = 1 - foot * (0.3 - 0.25 * _towards(PLANE - axis, part.lamp) / (radius + 1))

    def metal(self, rng: Rng) -> Floats:
        """Light from the bare metal: tool marks, their bow-tie highlight, and edges towards and away from the lamp."""
        marks = as_float32(cv2.GaussianBlur(rng.standard_normal((512, 640), np.float32), (1, 9), 0))
        radius, angle = np.abs(self.tool), np.angle(self.tool) * (511 / 2 / cmath.pi)
        streaks = as_float32(cv2.remap(marks, radius, as_float32(angle), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP))
        bow_tie = np.exp(-4 * np.square(_towards(self.tool, 1j * self.part.lamp) / (radius + 1)))
        slope_y, slope_x = np.gradient(self.height)
        facing = -_towards(slope_x + 1j * slope_y, self.part.lamp) / np.sqrt(1 + slope_x * slope_x + slope_y * slope_y)
        shade = 0.39 + 0.34 * bow_tie + 0.4 * facing
        grain = 1 + rng.uniform(0.07, 0.13) * streaks * (0.6 + bow_tie) + 0.03 * clouds(rng, 9)
        return as_float32(shade * self.open * grain)


def render(part: Part, defect: Defect | None = None) -> Floats:
    """Renders a part without sensor noise: `(400, 400, 3) float32` RGB grey levels, not rounded."""
    defect, rng = defect or Defect(), np.random.default_rng(part.texture_seed)
    surface = _Surface(part, defect)
    cover = np.clip(0.5 - surface.edge, 0, 1)
    solid = cover * (1 - surface.hole)
    weave = np.sin(1.3 * PLANE.real + rng.uniform(0, 6)) * np.sin(1.1 * PLANE.imag + rng.uniform(0, 6))
    belt = 0.2 + 0.012 * clouds(rng, 12) + 0.022 * clouds(rng, FRAME_PX) + 0.02 * weave
    shift = as_float32([[1, 0, -7 * part.lamp.real], [0, 1, -7 * part.lamp.imag]])
    belt *= 1 - 0.75 * as_float32(cv2.warpAffine(cv2.GaussianBlur(cover, (0, 0), 8), shift, (FRAME_PX, FRAME_PX)))
    scene = belt * (1 - cover) + surface.metal(rng) * solid + (surface.wall + 0.2 * belt) * (cover - solid)
    light = scene[..., None] * (as_float32([0.95, 1, 1.01]) + solid[..., None] * as_float32([0, -0.005, 0.03]))
    light += (defect.alpha * solid)[..., None] * (as_float32(defect.colour) - light)
    across = _towards(PLANE / (FRAME_PX / 2) - (1 + 1j), part.lamp)[..., None]
    light *= as_float32(part.gain) * (1 + part.glare * (0.5 * across + np.exp(-6 * np.square(across - 0.4))))
    return np.clip(255 * as_float32(cv2.GaussianBlur(light, (0, 0), part.defocus_px)), 0, 255)
