"""`goodpart verify`: checks every byte of a bundle."""

import argparse

from goodpart.bundle.device import moved_words
from goodpart.cli.common import print_json
from goodpart.cli.options import add_bundle_argument, add_json_option, add_threads_option, bundle_folder, trust
from goodpart.inspector import Inspector

SUMMARY = "Check every byte of a bundle and that its files fit together."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Loads the bundle like an embedded PC, reads what no frame needs, and prints the facts that were checked."""
    folder = bundle_folder(options)
    inspector = Inspector.load(folder, threads=options.threads, **trust(options))
    bundle = inspector.bundle
    bundle.read_origins()
    files, serial = bundle.manifest.files, bundle.manifest.serial
    if options.json:
        signed_by = None if options.public_key is None else str(options.public_key)
        facts = {
            "digest": bundle.digest,
            "files": len(files),
            "serial": serial,
            "signed_by": signed_by,
            "threshold_moved": inspector.threshold_moved,
        }
        print_json({"bundle": str(folder), **facts})
        return 0
    signed = "signature not checked" if options.public_key is None else f"signed by {options.public_key}"
    size_bytes = sum(facts.size_bytes for facts in files.values())
    print(
        f"{folder}: whole, {len(files)} files, {size_bytes / 1e6:.1f} MB, serial {serial}, {signed}, "
        f"digest {bundle.digest}"
    )
    if inspector.threshold_moved:
        print(moved_words(inspector.threshold, bundle.calibration.threshold))
    return 0
