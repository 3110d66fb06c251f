"""Frame checks: whether a frame is fit to be judged, by what the bundle knows about good frames as pictures."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from goodpart.errors import FrameError
from goodpart.facts.checks import PIXEL_STATISTICS, FrameChecks
from goodpart.facts.no_signal import SignalRule, no_signal
from goodpart.facts.spec import FrameSpec
from goodpart.frames.statistics import frame_statistics

_WORDS = {
    "grey": ("darker than any good part: lamp or exposure?", "brighter than any good part: lamp or exposure?"),
    "low": ("its dark parts are darker than of any good part: lamp or exposure?",
            "its dark parts are brighter than of any good part: haze, stray light or exposure?"),
    "high": ("its bright parts are darker than of any good part: lamp or exposure?",
             "its bright parts are brighter than of any good part: lamp or exposure?"),
    "black": ("fewer black pixels than any good part: exposure?",
              "more black pixels than any good part: lamp, exposure or cable?"),
    "saturated": ("fewer saturated pixels than any good part: lamp or exposure?",
                  "more saturated pixels than any good part: lamp or exposure?"),
    "red": ("less red than any good part: white balance, lamp or order of the channels?",
            "more red than any good part: white balance, lamp or order of the channels?"),
    "blue": ("less blue than any good part: white balance, lamp or order of the channels?",
             "more blue than any good part: white balance, lamp or order of the channels?"),
    "colour": ("less coloured than any good part: camera setting or light?",
               "more coloured than any good part: white balance or light?"),
    "sharpness": ("less sharp than any good part: focus, dirt or motion?",
                  "sharper than any good part: lens, sharpening or size?"),
    "noise": ("less noise than any good part: focus, filter or compression?",
              "more noise than any good part: gain, light or cable?"),
    "seam": ("rows more alike than of any good part: is there a part?",
             "a seam between two rows: has the camera put two frames together?"),
}  # fmt: skip
"""What a value below and one above its range means, and where to look."""


def check_size(checks: FrameChecks, height_px: int, width_px: int) -> None:
    """Refuses a frame of another size than good frames have.

    Args:
        checks: of the bundle.
        height_px, width_px: of the frame.

    Raises:
        FrameError: another size.
    """
    if checks.size is not None and checks.size.times(height_px, width_px) is None:
        raise FrameError(
            f"frame: expected {checks.size} as of the good images, found {height_px}x{width_px} (HxW); check the "
            "camera's format, or build with --any-size"
        )


def look_at(
    frame: npt.NDArray[np.generic], spec: FrameSpec, checks: FrameChecks | None, rule: SignalRule
) -> tuple[str | None, dict[str, float]]:
    """Why a frame cannot be judged, and what it is like as a picture.

    Args:
        frame: `(H, W, 3)` or `(H, W)`, checked by `spec.check` and `check_size`.
        spec: what the frame is, and which part of it is inspected.
        checks: of the bundle; None to look for a signal alone.
        rule: what tells a signal.

    Returns:
        the reason, or None; and the statistics of the frame, none of them if no range is checked.
    """
    reason = no_signal(frame, spec, rule)
    if checks is None or not checks.ranges:
        return reason, {}
    statistics = frame_statistics(frame, spec)
    return reason or unfit_reason(checks, statistics, *frame.shape[:2]), statistics


def unfit_reason(checks: FrameChecks, statistics: Mapping[str, float], height_px: int, width_px: int) -> str | None:
    """Why a frame cannot be judged: the statistic that lies farthest outside its range; None if all lie inside.

    A frame of a multiple or fraction of the learned size has no statistics of neighbouring pixels to compare.

    Args:
        checks: of the bundle.
        statistics: of the frame.
        height_px, width_px: of the frame.

    Returns:
        for example "darker than any good part: lamp or exposure? grey 81.2, good parts have 95 to 120.3", and the other
        statistics that lie outside.
    """
    farthest, reason, worst = 0.0, None, ""
    outside: list[str] = []
    for name in checked_names(checks, statistics, height_px, width_px):
        (low, high), value = checks.ranges[name], statistics[name]
        # written so that a NaN lies outside
        if low <= value <= high:
            continue
        is_below = value < low
        outside.append(name)
        far = (low - value if is_below else value - high) / (high - low + 1e-9)
        if reason is None or far > farthest:
            words = _WORDS[name][0 if is_below else 1]
            farthest, worst = far, name
            reason = f"{words} {name} {value:.4g}, good parts have {low:.4g} to {high:.4g}"
    others = [name for name in outside if name != worst]
    return f"{reason}; also outside: {', '.join(others)}" if others else reason


def checked_names(checks: FrameChecks, statistics: Mapping[str, float], height_px: int, width_px: int) -> list[str]:
    """The names of the statistics of a frame that are compared with ranges; arguments as in `unfit_reason`."""
    as_learned = checks.size is None or checks.size.times(height_px, width_px) == 1.0
    return [name for name in checks.ranges if name in statistics and (as_learned or name not in PIXEL_STATISTICS)]
