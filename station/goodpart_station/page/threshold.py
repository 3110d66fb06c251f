"""The threshold: what the page may set, what a value would change, and setting it."""

import dataclasses
from typing import Any

from goodpart import LiveInspector, UsageError
from goodpart.bundle.bundle import Bundle
from goodpart.bundle.device import DeviceSettings, change_device
from goodpart.scoring.rounding import FIGURE_DIGITS, significant
from goodpart_station.page.around import Around


@dataclasses.dataclass(frozen=True)
class Limits:
    """The lowest and the highest threshold that may be set, in sigmas."""

    lowest: float
    highest: float


def limits(bundle: Bundle, narrowed: tuple[float, float] | None) -> Limits | None:
    """What may be set: the limits that the bundle states under its signature, narrowed by the station's file.

    Args:
        bundle: that judges.
        narrowed: `threshold_range` of [page].

    Returns:
        None if nothing may be set: the two ranges do not meet, or a bundle of format 1 states none and neither does the
        file.
    """
    stated = bundle.manifest.threshold_range
    ranges = [] if stated is None else [(stated.lowest, stated.highest)]
    if narrowed is not None:
        ranges.append(narrowed)
    if not ranges:
        return None
    lowest, highest = max(low for low, _ in ranges), min(high for _, high in ranges)
    return Limits(lowest, highest) if lowest <= highest else None


def preview(around: Around, narrowed: tuple[float, float] | None, value: float | None) -> dict[str, Any]:
    """What the slider shows. It reads the ring, and so waits for the disk.

    Args:
        around: the station.
        narrowed: `threshold_range` of [page].
        value: a threshold that somebody thinks of, in sigmas; None for the one in force.

    Raises:
        UsageError: no product is judged.
    """
    inspector = _judging(around).inspector
    bundle, calibration, now = inspector.bundle, inspector.calibration, inspector.threshold
    allowed, asked = limits(bundle, narrowed), now if value is None else value
    rate = calibration.rate_of(asked)
    shown: dict[str, Any] = {
        "bundle": bundle.digest,
        "product": bundle.manifest.name,
        "threshold": now,
        "own": calibration.threshold,
        "limits": None if allowed is None else [allowed.lowest, allowed.highest],
        "value": asked,
        "rate": significant(rate, FIGURE_DIGITS),
        # no held-out score lies above it: the true rate may be lower than the lowest that so many support
        "or_fewer": bool(asked >= calibration.scores[-1]),
        "unit": f"{calibration.rate_unit.value}s",
        "held_out": len(calibration.scores),
        "changes": None,
    }
    if around.ring is not None:
        shown["changes"] = dataclasses.asdict(around.ring.frames.changes(asked, bundle=bundle.digest))
    return shown


def set_threshold(
    around: Around, narrowed: tuple[float, float] | None, value: float | None, *, bundle: str
) -> tuple[float, float]:
    """Writes the device file beside the bundle, and has the next frame judged by it. It waits for the disk.

    Args:
        around: the station.
        narrowed: `threshold_range` of [page].
        value: the threshold in sigmas; None for the bundle's own.
        bundle: digest of the bundle that it was chosen for.

    Returns:
        the threshold before and after.

    Raises:
        UsageError: another bundle judges now, the value is outside the limits, or the file cannot be written.
        DeviceFileError: the file cannot be read again; the threshold stays.
    """
    live = _judging(around)
    judging = live.inspector
    if judging.bundle.digest != bundle:
        raise UsageError(
            "threshold: expected the bundle that judges now, found another one; look at its threshold again"
        )
    before = judging.threshold
    if value is not None:
        allowed = limits(judging.bundle, narrowed)
        if allowed is None or not allowed.lowest <= value <= allowed.highest:
            found = "no range" if allowed is None else f"{allowed.lowest:.6g} to {allowed.highest:.6g} sigmas"
            raise UsageError(f"threshold: expected a value that may be set here ({found}), found {value:g}")
    pixel_value = None if value is None else judging.calibration.pixel_threshold

    def changed(settings: DeviceSettings) -> DeviceSettings:
        return dataclasses.replace(settings, threshold=value, pixel_threshold=pixel_value)

    change_device(judging.bundle, changed)
    live.reload_settings()
    return before, live.inspector.threshold


def _judging(around: Around) -> LiveInspector:
    live = around.judging()
    if live is None:
        raise UsageError("threshold: expected a product that is judged, found none; choose a product first")
    return live
