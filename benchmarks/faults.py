"""Faults of a station as functions: what a lamp, a lens, a camera, a cable or a feeder does to a frame.

Each function takes a frame, a strength and the scene, and leaves the frame itself as it is. `FAULTS` is the table.
"""

import dataclasses
from collections.abc import Callable, Iterable
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Frame: TypeAlias = npt.NDArray[np.uint8]
Strength: TypeAlias = float | str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Scene:
    """What else a fault is made of.

    Attributes:
        rng: of this fault and frame.
        previous: the frame before, of the same size.
        other: a frame of another product, of the same size.
    """

    rng: np.random.Generator
    previous: Frame
    other: Frame


Make: TypeAlias = Callable[[Frame, Strength, Scene], Frame]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table.

    Attributes:
        kind, strength: its name.
        in_order: whether the part itself is in order and lies as it should.
        goal: whether at least 95 % of such frames are to be flagged.
        make: gives the faulty frame.
    """

    kind: str
    strength: Strength
    in_order: bool
    goal: bool
    make: Make

    def __str__(self) -> str:
        return f"{self.kind} {self.strength}"

    def __call__(self, frame: Frame, scene: Scene) -> Frame:
        """The frame with this fault."""
        return np.ascontiguousarray(self.make(frame, self.strength, scene))


def light(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Times as much light."""
    return _levels(_float(frame) * float(strength))


def offset(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Levels more everywhere: a black level that is set otherwise."""
    return _levels(_float(frame) + float(strength))


def haze(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """A share of even stray light."""
    return _levels(_float(frame) * (1.0 - float(strength)) + 200.0 * float(strength))


def blur(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Out of focus: a Gaussian of so many pixels."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), float(strength)), np.uint8)


def motion_across(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The part moves so many pixels across the frame while it is taken."""
    side = int(strength)
    return np.asarray(cv2.blur(frame, (side, 1)), np.uint8)


def motion_down(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The part moves so many pixels down the frame while it is taken."""
    side = int(strength)
    return np.asarray(cv2.blur(frame, (1, side)), np.uint8)


def noise(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Noise of so many levels: gain."""
    return _levels(_float(frame) + scene.rng.normal(0.0, float(strength), frame.shape))


def white_balance(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Red times so much, and blue less by the same."""
    return _levels(_float(frame) * np.array([float(strength), 1.0, 2.0 - float(strength)], np.float32))


def channels(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """BGR: the outer channels change places. grey: all channels are the same."""
    if strength == "BGR":
        return frame[:, :, ::-1]
    return np.repeat(_levels(_float(frame).mean(axis=2, keepdims=True)), 3, axis=2)


def gamma(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Another characteristic curve."""
    return _levels(255.0 * (_float(frame) / 255.0) ** float(strength))


def vignette(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The corners lose such a share of their light."""
    height, width = frame.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return _levels(_float(frame) * (1.0 - float(strength) * (y * y + x * x) / 2.0)[:, :, np.newaxis])


def partial_grey(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The lower share of the frame has not arrived, and is grey."""
    return _partial(frame, float(strength), np.full_like(frame, 128))


def partial_black(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The lower share of the frame has not arrived, and is black."""
    return _partial(frame, float(strength), np.zeros_like(frame))


def partial_white(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The lower share of the frame has not arrived, and is white."""
    return _partial(frame, float(strength), np.full_like(frame, 255))


def partial_previous(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The lower share of the frame has not arrived, and is still that of the part before."""
    return _partial(frame, float(strength), scene.previous)


def slipped_rows(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The lower half is so many pixels farther right."""
    made: Frame = frame.copy()
    middle = len(frame) // 2
    made[middle:] = np.roll(frame[middle:], int(strength), axis=1)
    return made


def missing_part(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The plain ground, of such noise in levels."""
    ground = np.median(frame[:20, :20].reshape(-1, 3), axis=0)
    return _levels(ground + scene.rng.normal(0.0, float(strength), frame.shape))


def other_product(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """A part of another product."""
    return scene.other


def cap(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """The lens is covered: a level of 8 with such noise."""
    return _levels(scene.rng.normal(8.0, float(strength), frame.shape))


def dust(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """So many dark specks of 5 pixels on the lens."""
    made: Frame = frame.copy()
    for _ in range(int(strength)):
        place = (int(scene.rng.integers(0, frame.shape[1])), int(scene.rng.integers(0, frame.shape[0])))
        cv2.circle(made, place, 2, (40, 40, 40), -1)
    return made


def rotation(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Turned by so many degrees."""
    if float(strength) == 90.0:
        return np.rot90(frame)
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(strength), 1)
    return np.asarray(cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def shift(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """So many pixels farther right."""
    move = np.array([[1, 0, float(strength)], [0, 1, 0]], np.float32)
    size = frame.shape[1], frame.shape[0]
    return np.asarray(cv2.warpAffine(frame, move, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def size(frame: Frame, strength: Strength, scene: Scene) -> Frame:
    """Another size, `HxW` in pixels or a factor for both sides."""
    if isinstance(strength, str):
        height, width = map(int, strength.split("x"))
    else:
        height, width = (round(strength * side) for side in frame.shape[:2])
    return np.asarray(cv2.resize(frame, (width, height)), np.uint8)


def _table() -> Iterable[Fault]:
    in_order: list[tuple[str, Make, tuple[Strength, ...], tuple[Strength, ...]]] = [
        # kind, function, strengths that must be flagged, weaker ones
        ("light", light, (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.25, 1.4, 1.6, 2.0),
         (0.97, 1.03, 1.05, 1.1, 1.15, 1.2)),
        ("offset", offset, (), (-30, -8, 8, 30)),
        ("haze", haze, (), (0.05, 0.1, 0.2)),
        ("blur", blur, (0.7, 1, 1.5, 2, 3, 4), (0.5,)),
        ("motion across", motion_across, (), (3, 5, 9, 15)),
        ("motion down", motion_down, (), (3, 5, 9, 15)),
        ("noise", noise, (2, 3, 5, 10, 20), (1,)),
        ("white balance", white_balance, (), (0.85, 0.92, 0.97, 1.03, 1.08, 1.15)),
        ("channels", channels, (), ("BGR", "grey")),
        ("gamma", gamma, (), (0.7, 0.85, 1.2, 1.5)),
        ("vignette", vignette, (), (0.1, 0.25, 0.5)),
    ]  # fmt: skip
    for kind, function, with_goal, without in in_order:
        for goal, strengths in ((True, with_goal), (False, without)):
            for strength in strengths:
                yield Fault(kind=kind, strength=strength, in_order=True, goal=goal, make=function)
    others: list[tuple[str, Make, tuple[Strength, ...]]] = [
        ("partial, grey", partial_grey, (0.1, 0.25, 0.5)),
        ("partial, black", partial_black, (0.1, 0.25, 0.5)),
        ("partial, white", partial_white, (0.1, 0.25, 0.5)),
        ("partial, previous part", partial_previous, (0.1, 0.25, 0.5)),
        ("slipped rows", slipped_rows, (3, 20, 100)),
        ("missing part", missing_part, (0, 1.5)),
        ("other product", other_product, ("",)),
        ("cap with noise", cap, (2,)),
        ("dust", dust, (3, 30)),
        ("rotation", rotation, (5, 45, 90)),
        ("shift", shift, (5, 20, 60)),
        ("size", size, ("480x640", "450x600", 0.9)),
    ]  # fmt: skip
    for kind, function, strengths in others:
        for strength in strengths:
            yield Fault(kind=kind, strength=strength, in_order=False, goal=False, make=function)


def _partial(frame: Frame, share: float, instead: Frame) -> Frame:
    made: Frame = frame.copy()
    start = len(frame) - int(share * len(frame))
    made[start:] = instead[start:]
    return made


def _float(frame: Frame) -> npt.NDArray[np.float32]:
    return frame.astype(np.float32)


def _levels(values: npt.NDArray[np.floating]) -> Frame:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


FAULTS = tuple(_table())
"""All faults, each with its strength."""
