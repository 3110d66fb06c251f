"""`goodpart verify`: checks every byte of a bundle, and runs no model."""

import argparse

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import moved_lines, read_device
from goodpart.bundle.whole import check_whole
from goodpart.cli.common import print_json
from goodpart.cli.options import add_bundle_argument, add_json_option, bundle_folder, trust
from goodpart.cli.rows import say

SUMMARY = "Check every byte of a bundle and that its files fit together; run no model."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Checks everything that needs no model, and prints what was found.

    Raises:
        BundleError: the bundle, or the device file beside it, is refused.
    """
    folder = bundle_folder(options)
    bundle = read_bundle(folder, keep=True, **trust(options))
    check_whole(bundle)
    moved = moved_lines(bundle, read_device(bundle))
    files, serial = bundle.manifest.files, bundle.manifest.serial
    if options.json:
        signed_by = None if options.public_key is None else str(options.public_key)
        facts = {
            "digest": bundle.digest,
            "files": len(files),
            "serial": serial,
            "signed_by": signed_by,
            "threshold_moved": "THRESHOLD" in moved,
            "checks_moved": "CHECKS" in moved,
        }
        print_json({"bundle": str(folder), **facts})
        return 0
    signed = "signature not checked" if options.public_key is None else f"signed by {options.public_key}"
    size_bytes = sum(facts.size_bytes for facts in files.values())
    say(
        f"{folder}: whole, {len(files)} files, {size_bytes / 1e6:.1f} MB, serial {serial}, {signed}, "
        f"digest {bundle.digest}"
    )
    say(*moved.values())
    return 0
