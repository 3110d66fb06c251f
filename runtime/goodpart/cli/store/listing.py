"""`goodpart store list`: shows the bundles of a store."""

import argparse

from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart.cli.store.shared import add_store_options, open_store
from goodpart.store.entry import StoredBundle

SUMMARY = "Show the bundles of the store."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    add_store_options(parser)


def run(options: argparse.Namespace) -> int:
    """Prints one line per bundle; stderr reports an empty store and a fall back to an earlier bundle."""
    store = open_store(options)
    bundles = store.bundles()
    for entry in bundles:
        if options.json:
            print_json(to_plain(entry))
        else:
            say(_row(entry))
    if not bundles:
        tell(f"{options.store}: no bundles; add one with goodpart store add")
    if (fallback := store.state.fallback) is not None:
        tell(f"{options.store}: switched back to the bundle before by itself: {fallback}")
    return 0


def _row(entry: StoredBundle) -> str:
    mark = "active" if entry.active else "before" if entry.last_good else ""
    if entry.error is not None:
        return f"{mark:<8}{entry.digest[:12]}  refused: {entry.error}"
    size_mb = (entry.size_bytes or 0) / 1e6
    signed = "signed" if entry.signed else "unsigned"
    moved = "" if entry.threshold is None else f"  threshold MOVED on this device: {entry.threshold:.3f} sigmas"
    if entry.checks_moved:
        moved += "  frame checks WIDENED on this device"
    return f"{mark:<8}{entry.digest[:12]}  serial {entry.serial:<10} {signed:<9}{size_mb:>8.1f} MB  {entry.name}{moved}"
