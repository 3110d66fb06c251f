"""Shared code of the `goodpart store` commands: options, opening a store, and output."""

import argparse

from goodpart.bundle.bundle import Bundle
from goodpart.cli.common import print_json
from goodpart.cli.options import add_json_option, add_store_argument, add_trust_options, trust
from goodpart.cli.rows import say
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Adds STORE, the requirements for bundles, and `--json`; `open_store` reads them."""
    add_store_argument(parser)
    add_trust_options(parser)
    add_json_option(parser)


def add_product_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--product`."""
    parser.add_argument(
        "--product", metavar="NAME",
        help="take the bundle although it is another product's than the store's; NAME is that product",
    )  # fmt: skip


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Adds the limits of a bundle's self-test; `trial_limits` reads them."""
    limits = TrialLimits()
    parser.add_argument(
        "--memory-mb", type=int, default=limits.memory_mb, metavar="MB",
        help="limit the memory of the self-test (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--time-limit-s", type=float, default=limits.time_s, metavar="S",
        help="limit the time of the self-test (default: %(default)s)",
    )  # fmt: skip


def trial_limits(options: argparse.Namespace) -> TrialLimits:
    """The limits that the options of `add_limit_options` set."""
    return TrialLimits(memory_mb=options.memory_mb, time_s=options.time_limit_s)


def open_store(options: argparse.Namespace, *, limits: TrialLimits | None = None) -> Store:
    """The store that the options of `add_store_options` name."""
    return Store(options.store, limits=limits, **trust(options))


def print_bundle(bundle: Bundle, what: str, *, as_json: bool) -> None:
    """Prints a bundle and what was done with it (`what`)."""
    manifest = bundle.manifest
    if as_json:
        facts = {"digest": bundle.digest, "name": manifest.name, "serial": manifest.serial}
        print_json({"bundle": str(bundle.folder), **facts})
    else:
        say(f"{what}: {manifest.name}, serial {manifest.serial}, digest {bundle.digest}")
