"""`goodpart store rollback`: switches a store back to the bundle that was active before."""

import argparse

from goodpart.cli.store.shared import add_limit_options, add_store_options, open_store, print_bundle, trial_limits

SUMMARY = "Self-test the bundle that was active before and, if it passes, switch back to it."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_store_options(parser)
    add_limit_options(parser)


def run(options: argparse.Namespace) -> int:
    """Switches back and prints which bundle is active."""
    bundle = open_store(options, limits=trial_limits(options)).rollback()
    print_bundle(bundle, "active again", as_json=options.json)
    return 0
