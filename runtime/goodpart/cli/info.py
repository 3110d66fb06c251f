"""`goodpart info`: describes a bundle."""

import argparse

from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.description import bundle_facts
from goodpart.bundle.device import DeviceSettings, moved_lines, read_device
from goodpart.cli.common import print_json
from goodpart.cli.options import add_bundle_argument, add_json_option, bundle_folder, trust
from goodpart.cli.rows import say

SUMMARY = "Say what a bundle is: product, backbone, bank, threshold and origin."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the facts of a bundle and its settings on this device."""
    bundle = read_bundle(bundle_folder(options), **trust(options))
    if options.json:
        stated = {**to_plain(bundle.manifest), "calibration": to_plain(bundle.calibration)}
        print_json({"digest": bundle.digest, **stated, "device": to_plain(read_device(bundle))})
        return 0
    settings = read_device(bundle)
    facts = moved_lines(bundle, settings) | bundle_facts(bundle)
    if settings is not None:
        facts["this device"] = _describe_device(settings)
    for label, text in facts.items():
        say(f"{label:<12}{text}")
    if (warning := bundle.manifest.backbone.weights.warning) is not None:
        say("", warning)
    return 0


def _describe_device(settings: DeviceSettings) -> str:
    found = []
    if settings.threshold is not None:
        found.append(f"threshold {settings.threshold:.3f} sigmas instead of the bundle's")
    if settings.threads is not None:
        found.append(f"tuned to {settings.threads} threads, {'spinning' if settings.spinning else 'not spinning'}")
    if settings.ranges is not None:
        found.append(f"wider frame checks: {', '.join(settings.ranges)}")
    return ", ".join(found)
