"""Trying a camera before the station runs: its frames, their rate and numbers, and whether they fit the bundles."""

import dataclasses
import itertools
import math
import time
from collections.abc import Mapping, Sequence

import numpy as np

from goodpart import Bundle
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources.camera_setup import CameraSetup
from goodpart_station.sources.device import Device, FeatureError, Grabbed, Value
from goodpart_station.sources.frame_numbers import FrameNumbers
from goodpart_station.sources.pixels import FORMATS, format_of, misfit_format, misfit_size
from goodpart_station.sources.source import Look, SourceLostError

FRAMES = 20
"""How many frames are taken."""

TRIGGER_SOFTWARE = "TriggerSoftware"

_WIRE_S = 3.0
"""How long to wait for pictures that a wire fires; a longer timeout_s counts in its place."""

_TIMES = 1.5
"""`pair_after_ms` holds the longest time that was measured, and half of it again."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Taken:
    """The frames that were taken.

    Attributes:
        frames: in their order.
        spent_s: from the first to the last.
        trigger_ms: from each software trigger to its frame.
    """

    frames: Sequence[Grabbed]
    spent_s: float
    trigger_ms: Sequence[float]

    @property
    def per_second(self) -> float | None:
        """How many frames came in a second, None if that cannot be told."""
        return (len(self.frames) - 1) / self.spent_s if len(self.frames) > 1 and self.spent_s > 0 else None


def check_camera(device: Device, setup: CameraSetup, remarks: Sequence[str], bundles: Mapping[str, Bundle]) -> Look:
    """Takes frames, and says in one line what they are like.

    Args:
        device: a camera that takes frames.
        setup: what it was set to.
        remarks: what it has rounded.
        bundles: the active bundle of each product, by the name that messages use.

    Raises:
        SourceLostError: no frame comes, frames are not what a bundle declares, or they come later than the file allows.
        FeatureError: the camera takes no software trigger.
    """
    taken = _take(device, setup)
    words = [*_frames(taken, setup), *_held(device, setup), *remarks]
    if taken.frames:
        words += _fits(taken.frames[0], bundles)
    warning = None
    if taken.trigger_ms:
        told, warning = _times(taken.trigger_ms, pair_after_ms=setup.exposure_s * 1e3)
        words.append(told)
    free = setup.trigger is TriggerKind.NONE
    return Look(
        words="; ".join(words),
        warning=warning,
        per_second=taken.per_second if free else None,
        slower="settings = {{ AcquisitionFrameRate = {} }}",
    )


def _take(device: Device, setup: CameraSetup) -> _Taken:
    frames: list[Grabbed] = []
    trigger_ms: list[float] = []
    ends_s: list[float] = []
    wire_s = max(_WIRE_S, setup.timeout_s)
    until_s = time.monotonic() + wire_s
    while len(frames) < FRAMES:
        began_s = time.monotonic()
        if setup.trigger is TriggerKind.SOFTWARE:
            device.execute(TRIGGER_SOFTWARE)
        hardware = setup.trigger is TriggerKind.HARDWARE
        grabbed = device.fetch(max(until_s - began_s, 0.0) if hardware else setup.timeout_s)
        if grabbed is None:
            device.alive()
            if hardware:
                break
            raise SourceLostError(
                f"expected {FRAMES} frames, found none within {setup.timeout_s:g} s after {len(frames)} of them; look "
                f"at trigger, exposure and network"
            )
        ends_s.append(time.monotonic())
        trigger_ms.append((ends_s[-1] - began_s) * 1e3)
        frames.append(grabbed)
    return _Taken(
        frames=frames,
        spent_s=ends_s[-1] - ends_s[0] if ends_s else 0.0,
        trigger_ms=trigger_ms if setup.trigger is TriggerKind.SOFTWARE else (),
    )


def _frames(taken: _Taken, setup: CameraSetup) -> list[str]:
    frames = taken.frames
    words = f"{len(frames)} frame{'' if len(frames) == 1 else 's'}"
    if setup.trigger is TriggerKind.HARDWARE and len(frames) < FRAMES:
        words += f" in {max(_WIRE_S, setup.timeout_s):g} s, it waits for pulses at {setup.trigger_line}"
    if not frames:
        return [words]
    first = frames[0]
    words += f" of {first.height_px}x{first.width_px} (HxW) {first.pixel_format}"
    if taken.per_second is not None:
        words += f", {taken.per_second:.1f} per second"
    numbers = FrameNumbers()
    counts = [count for frame in frames if (count := numbers.take(frame.frame_id)) is not None]
    missing = sum(after - before - 1 for before, after in itertools.pairwise(counts))
    broken = sum(not frame.complete for frame in frames)
    told = "without frame numbers" if len(counts) < len(frames) else f"{missing or 'none'} missing"
    return [words, f"{told}, {broken or 'none'} incomplete"]


def _held(device: Device, setup: CameraSetup) -> list[str]:
    """What the camera holds of what the file sets, and its exposure time in any case."""
    names = dict.fromkeys([*(name for name, _ in setup.settings), "ExposureTime"])
    found = []
    for name in names:
        try:
            found.append(f"{name} {_shown(device.read(name))}")
        except FeatureError:
            # a feature of the file was read when it was written
            continue
    return [", ".join(found)] if found else []


def _shown(value: Value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _fits(frame: Grabbed, bundles: Mapping[str, Bundle]) -> list[str]:
    """Whether the frames are what each bundle declares."""
    known = FORMATS.get(frame.pixel_format) or format_of(frame.pixel_format)
    words = []
    for name, bundle in bundles.items():
        spec, checks = bundle.manifest.backbone.frame, bundle.manifest.checks
        shape = frame.height_px, frame.width_px
        why = misfit_format(known.channels, np.dtype(known.dtype.value), known.bits, spec)
        why = why or misfit_size(shape, None if checks is None else checks.size)
        if why is not None:
            raise SourceLostError(f"{name}: {why}")
        words.append(f"fits {name}")
        if checks is None or checks.size is None:
            words[-1] += ", whose bundle takes any size: see that it is that of the good images"
        if spec.value_range is not None:
            low, high = spec.value_range
            words[-1] += f", whose bundle maps {low} to {high}; {frame.pixel_format} holds 0 to {2**known.bits - 1}"
            if high.bit_length() < known.bits:
                words[-1] += f": more than {high} is white. See that the good images were of {frame.pixel_format}"
    return words


def _times(trigger_ms: Sequence[float], *, pair_after_ms: float) -> tuple[str, str | None]:
    """How long frames take, whether `pair_after_ms` is enough, and a warning if it leaves too little to spare."""
    longest = max(trigger_ms)
    proposal = math.ceil(longest * _TIMES / 10) * 10
    found = f"from trigger to frame {np.median(trigger_ms):.1f} ms (p50), {longest:.1f} ms (longest)"
    if longest > pair_after_ms:
        raise SourceLostError(f"pair_after_ms: expected {proposal} or more, found {pair_after_ms:g}; {found}")
    if proposal > pair_after_ms:
        short = f"pair_after_ms: expected {proposal} or more, the longest time and half of it again, found "
        return found, f"{short}{pair_after_ms:g}; a frame that comes later makes the station OUT_OF_STEP: raise it"
    return f"{found}: pair_after_ms {pair_after_ms:g} is enough ({proposal} or more)", None
