"""`goodpart selftest`: scores the golden frames of a bundle on this machine."""

import argparse

from goodpart.cli.common import print_json
from goodpart.cli.options import add_bundle_argument, add_json_option, add_threads_option, bundle_folder, trust
from goodpart.cli.rows import say
from goodpart.inspector import Inspector

SUMMARY = "Score the golden frames of a bundle and compare with their known scores."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_bundle_argument(parser)
    add_threads_option(parser)
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints the differences from the known scores.

    Raises:
        SelfTestError: a difference is too large.
    """
    folder = bundle_folder(options)
    inspector = Inspector.load(folder, threads=options.threads, **trust(options))
    errors = inspector.self_test()
    if options.json:
        # only two digits of an error are significant
        rounded = {file: float(f"{error:.2g}") for file, error in errors.items()}
        moved = {"threshold_moved": inspector.threshold_moved, "checks_moved": inspector.checks_moved}
        print_json({"bundle": str(folder), "errors_sigmas": rounded, **moved})
    else:
        say(f"{folder}: {len(errors)} golden frames, scores differ by at most {max(errors.values()):.2g} sigmas")
    return 0
