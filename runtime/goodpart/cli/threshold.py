"""`goodpart threshold`: shows the threshold of a bundle, or changes it on this device."""

import argparse
import dataclasses
import math

from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.device import DeviceSettings, change_device, device_path, read_device
from goodpart.cli.common import print_json
from goodpart.cli.options import add_bundle_argument, add_json_option, bundle_folder, trust
from goodpart.cli.rows import say
from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration

SUMMARY = "Show the threshold, or move it on this device; the bundle never changes."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--false-reject-rate", type=float, metavar="RATE",
        help="set the threshold for this share of good parts or images, as the bundle counts, called defective",
    )  # fmt: skip
    way.add_argument(
        "--value",
        type=float,
        metavar="SIGMAS",
        help="set the threshold to this image score, and keep the pixel threshold",
    )
    way.add_argument("--reset", action="store_true", help="restore the threshold of the bundle")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Writes or removes the device file, then prints the threshold in use.

    Raises:
        UsageError: the held-out scores do not support the rate, the value is not finite, the bundle does not allow it,
            or the device file cannot be written.
    """
    bundle = read_bundle(bundle_folder(options), **trust(options))
    if options.reset:
        settings = _set(bundle, None, None)
    elif options.value is None and options.false_reject_rate is None:
        settings = read_device(bundle)
    else:
        value, pixel_value = _asked(bundle.calibration, options)
        _check(bundle, value)
        settings = _set(bundle, value, pixel_value)
    _show(bundle, settings, as_json=options.json)
    return 0


def _set(bundle: Bundle, value: float | None, pixel_value: float | None) -> DeviceSettings | None:
    return change_device(
        bundle, lambda settings: dataclasses.replace(settings, threshold=value, pixel_threshold=pixel_value)
    )


def _asked(calibration: Calibration, options: argparse.Namespace) -> tuple[float, float]:
    """The two thresholds that the options request."""
    if options.value is not None:
        if not math.isfinite(options.value):
            raise UsageError(f"--value: expected a finite number of sigmas, found {options.value}")
        return options.value, calibration.pixel_threshold
    return calibration.thresholds_for(options.false_reject_rate)


def _check(bundle: Bundle, value: float) -> None:
    """Refuses a threshold that the bundle does not allow, before anything is written."""
    allowed = bundle.manifest.threshold_range
    if allowed is not None and value not in allowed:
        raise UsageError(
            f"threshold: expected {allowed}, the range that the bundle allows, found {value:g}; build a bundle for "
            f"another range"
        )


def _show(bundle: Bundle, settings: DeviceSettings | None, *, as_json: bool) -> None:
    """Prints the thresholds in use. JSON has every digit, so that `--value` can restore the number."""
    calibration = bundle.calibration
    if settings is not None and settings.threshold is None:
        settings = None
    holds, pixels = calibration.threshold, calibration.pixel_threshold
    if settings is not None and settings.threshold is not None and settings.pixel_threshold is not None:
        holds, pixels = settings.threshold, settings.pixel_threshold
    rate, unit = calibration.rate_of(holds), f"{calibration.rate_unit.value}s"
    held_out = f"{len(calibration.scores)} held-out good {unit}"
    if calibration.counted is not calibration.rate_unit:
        held_out += f" of {calibration.supporting} parts"
    # if no held-out score lies above the threshold, the rate is the lowest that so many support
    share = f"{100 * rate:.3g} %" + (" or fewer" if holds >= calibration.scores[-1] else "")
    if as_json:
        print_json(
            {
                "threshold": holds,
                "pixel_threshold": pixels,
                "supported_false_reject_rate": rate,
                f"held_out_{unit}": len(calibration.scores),
                "bundle_threshold": calibration.threshold,
                "threshold_range": to_plain(bundle.manifest.threshold_range),
                "device_file": None if settings is None else str(device_path(bundle.folder)),
                "device": to_plain(settings),
            }
        )
        return
    origin = "the bundle's own" if settings is None else f"set on this device in {device_path(bundle.folder)}"
    say(f"threshold   {holds:.3f} sigmas, {origin}")
    if (allowed := bundle.manifest.threshold_range) is not None:
        say(f"allowed     {allowed.lowest:.3f} to {allowed.highest:.3f} sigmas")
    say(f"expect      about {share} of good {unit} to be rejected (from {held_out})")
    if settings is not None:
        say(f"the bundle  {calibration.threshold:.3f} sigmas; an Inspector reads the file when it loads the bundle")
