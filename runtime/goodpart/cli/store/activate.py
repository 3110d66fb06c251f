"""`goodpart store activate`: switches a store to another bundle."""

import argparse

from goodpart.cli.store.shared import (
    add_limit_options,
    add_product_option,
    add_store_options,
    open_store,
    print_bundle,
    trial_limits,
)

SUMMARY = "Self-test a bundle in a child process and, if it passes, switch to it."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_store_options(parser)
    parser.add_argument(
        "bundle", metavar="BUNDLE",
        help="digest of the bundle or its first 6 or more digits, its serial, or its product for the highest serial",
    )  # fmt: skip
    add_product_option(parser)
    parser.add_argument(
        "--refuse-older", action="store_true",
        help="refuse a serial number below the highest that was ever active in this store",
    )  # fmt: skip
    add_limit_options(parser)


def run(options: argparse.Namespace) -> int:
    """Switches to the bundle and prints which one is active."""
    store = open_store(options, limits=trial_limits(options))
    bundle = store.activate(options.bundle, refuse_older=options.refuse_older, product=options.product)
    print_bundle(bundle, "active", as_json=options.json)
    return 0
