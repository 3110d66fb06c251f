"""`goodpart store add`: copies a bundle into a store."""

import argparse
from pathlib import Path

from goodpart.cli.store.shared import add_product_option, add_store_options, open_store, print_bundle

SUMMARY = "Check a bundle and copy it into the store, without activating it."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_store_options(parser)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="bundle folder")
    add_product_option(parser)


def run(options: argparse.Namespace) -> int:
    """Copies the bundle and prints its digest."""
    print_bundle(open_store(options).add(options.bundle, product=options.product), "added", as_json=options.json)
    return 0
