"""`goodpart checks`: shows the frame checks of a bundle, or widens them on this device."""

import argparse
import dataclasses
from pathlib import Path

from goodpart._host.atomic import check_file
from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.device import DeviceSettings, change_device, device_path, read_device
from goodpart.cli.common import print_json
from goodpart.cli.options import add_bundle_argument, add_json_option, add_megapixels_option, bundle_folder, trust
from goodpart.cli.rows import say, tell
from goodpart.errors import FrameError, UsageError
from goodpart.facts.checks import FrameChecks, Ranges
from goodpart.facts.no_signal import no_signal
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import list_folder, refuse_none
from goodpart.frames.retake import retaken_ranges
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection

SUMMARY = "Show what a frame must be like to be judged, or widen it on this device; the bundle never changes."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--retake", type=Path, metavar="DIR",
        help="widen the ranges on this device to these frames of good parts, within the limits of the bundle",
    )  # fmt: skip
    way.add_argument("--reset", action="store_true", help="restore the ranges of the bundle")
    add_megapixels_option(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Writes or removes the ranges in the device file, then prints those in use.

    Raises:
        UsageError: the bundle has no ranges to widen, too few frames, a frame beyond the limits of the bundle, or the
            device file cannot be written.
        FrameError: a frame has another size than the bundle judges, no signal, or cannot be read.
    """
    bundle = read_bundle(bundle_folder(options), **trust(options))
    checks = bundle.manifest.checks
    if checks is None:
        raise UsageError(f"{bundle.folder}: expected format version 2, whose bundles have frame checks, found 1")
    if options.reset:
        settings = _set(bundle, None)
    elif options.retake is None:
        settings = read_device(bundle)
    else:
        if not checks.ranges:
            raise UsageError(f"{bundle.folder}: expected ranges to widen, found none; build from more or larger images")
        check_file(device_path(bundle.folder))
        settings = _set(bundle, _retaken(options, checks) or None)
    _show(bundle, checks, settings, as_json=options.json)
    return 0


def _set(bundle: Bundle, ranges: Ranges | None) -> DeviceSettings | None:
    return change_device(bundle, lambda settings: dataclasses.replace(settings, ranges=ranges))


def _retaken(options: argparse.Namespace, checks: FrameChecks) -> Ranges:
    """The wider ranges; says how many of the frames the threshold would still call defective."""
    listing = list_folder(options.retake)
    for words in listing.passed_over():
        tell(f"{options.retake}: not read: {words}")
    if not listing.images:
        refuse_none(listing)
    reader = ImageReader(max_megapixels=options.max_megapixels, say=tell)
    with Inspector.load(bundle_folder(options), **trust(options)) as inspector:
        inspector.checks = checks
        found = {str(path): _inspected(inspector, reader, path) for path in listing.images}
    ranges = retaken_ranges(
        checks,
        {name: one.statistics for name, one in found.items()},
        {name: (one.frame_height_px, one.frame_width_px) for name, one in found.items()},
    )
    if above := [name for name, one in found.items() if one.score_above_threshold]:
        tell(
            f"{len(above)} of {len(found)} of these frames have scores above the threshold, such as {above[0]}: their "
            "parts will be DEFECT; if they are good, build a bundle with such frames"
        )
    return ranges


def _inspected(inspector: Inspector, reader: ImageReader, path: Path) -> Inspection:
    spec = inspector.backbone.spec.frame
    frame = reader.read(path, spec)
    if (reason := no_signal(frame, spec, inspector.bundle.manifest.signal_rule)) is not None:
        raise FrameError(f"{path}: {reason}")
    try:
        return inspector.inspect(frame)
    except FrameError as error:
        raise FrameError(f"{path}: {error}") from error


def _show(bundle: Bundle, checks: FrameChecks, settings: DeviceSettings | None, *, as_json: bool) -> None:
    wider = {} if settings is None or settings.ranges is None else settings.ranges
    if as_json:
        device_file = str(device_path(bundle.folder)) if wider else None
        device = {"device_file": device_file, "device": to_plain(wider), "checks_moved": bool(wider)}
        print_json({**to_plain(checks), **device})
        return
    say(f"size        {'any' if checks.size is None else checks.size}")
    if not checks.ranges:
        say("statistics  none: the good images are small or few")
        return
    say(f"{'':<12}{'lowest':>10}{'highest':>10}   limits on a device")
    for name, own in checks.ranges.items():
        low, high = wider.get(name, own)
        limits = f"{checks.limits[name][0]:.4g} to {checks.limits[name][1]:.4g}"
        widened = f"   WIDENED from {own[0]:.4g} to {own[1]:.4g}" if name in wider else ""
        say(f"{name:<12}{low:>10.4g}{high:>10.4g}   {limits}{widened}")
    if wider:
        say(f"widened in {device_path(bundle.folder)}; an Inspector reads the file when it loads the bundle")
