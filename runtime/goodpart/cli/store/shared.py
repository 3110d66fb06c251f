"""What the commands of `goodpart store` share: how they open a store and what they print."""

import argparse

from goodpart.bundle.bundle import Bundle
from goodpart.cli.common import print_json
from goodpart.cli.options import add_json_option, add_store_argument, add_trust_options, trust
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits


def add_store_options(parser: argparse.ArgumentParser) -> None:
    """Adds STORE, what bundles must prove, and `--json`; `open_store` reads them."""
    add_store_argument(parser)
    add_trust_options(parser)
    add_json_option(parser)


def add_limit_options(parser: argparse.ArgumentParser) -> None:
    """Adds what the self-test of a bundle may use; `trial_limits` reads it."""
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
    """What the options of `add_limit_options` say."""
    return TrialLimits(memory_mb=options.memory_mb, time_s=options.time_limit_s)


def open_store(options: argparse.Namespace, *, limits: TrialLimits | None = None) -> Store:
    """The store that the options of `add_store_options` name."""
    return Store(options.store, limits=limits, **trust(options))


def print_bundle(bundle: Bundle, what: str, *, as_json: bool) -> None:
    """Prints which bundle something was done with; `what` is what was done."""
    manifest = bundle.manifest
    if as_json:
        facts = {"digest": bundle.digest, "name": manifest.name, "serial": manifest.serial}
        print_json({"bundle": str(bundle.folder), **facts})
    else:
        print(f"{what}: {manifest.name}, serial {manifest.serial}, digest {bundle.digest}")
