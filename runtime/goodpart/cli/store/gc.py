"""`goodpart store gc`: removes bundles that a store no longer needs."""

import argparse

from goodpart.cli.common import print_json
from goodpart.cli.options import add_json_option, add_store_argument
from goodpart.cli.rows import say
from goodpart.store.store import Store

SUMMARY = "Remove bundles that are neither active nor kept for a rollback."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command. It loads no bundle, so it needs no key."""
    add_store_argument(parser)
    parser.add_argument(
        "--keep", type=int, default=1, metavar="N",
        help="keep this many bundles that were active before (default: %(default)s)",
    )  # fmt: skip
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Removes bundles and prints their number, or with `--json` their digests."""
    removed = Store(options.store).gc(keep=options.keep)
    if options.json:
        print_json({"removed": removed})
    else:
        say(f"{options.store}: {len(removed)} bundles removed")
    return 0
