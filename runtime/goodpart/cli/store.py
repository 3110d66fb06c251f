"""`goodpart store add | activate | rollback | list | gc`: the bundles of one inspection station."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import Bundle, read_manifest
from goodpart.cli.common import add_common_options, print_json
from goodpart.cli.trust import add_trust_options, trust
from goodpart.errors import BundleMissingError
from goodpart.store.entry import StoredBundle
from goodpart.store.folder import is_store
from goodpart.store.store import Store
from goodpart.store.trial import TrialLimits


def add_store_commands(parser: argparse.ArgumentParser) -> None:
    """Gives a parser the store's commands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, call: Callable[[argparse.Namespace], int], text: str, *, believes: bool = True
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=call)
        added.add_argument("store", type=Path, metavar="STORE", help="the store's folder")
        added.add_argument("--json", action="store_true", help="machine-readable results, one JSON object per line")
        if believes:
            add_trust_options(added)
        add_common_options(added)
        return added

    added = command("add", _add, "Check a bundle and copy it into the store; nothing is activated.")
    added.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle folder")
    added = command("activate", _activate, "Self-test a bundle in a child process, and switch to it if it passes.")
    added.add_argument("digest", metavar="DIGEST", help="the bundle's digest, or its first 6 or more digits")
    text = "refuse a serial below the highest that was ever active in this store"
    added.add_argument("--refuse-older", action="store_true", help=text)
    _add_limits(added)
    _add_limits(
        command("rollback", _rollback, "Go back to the bundle that was active before, if it passes its self-test.")
    )
    command("list", _list, "Show the bundles of the store.")
    added = command("gc", _gc, "Remove bundles that are neither active nor kept to go back to.", believes=False)
    added.add_argument(
        "--keep", type=int, default=1, metavar="N", help="bundles to keep that were active before (default %(default)s)"
    )


def find_bundle(given: Path) -> Path:
    """The folder that a command's BUNDLE means: the active bundle where a store is given, else the folder itself.

    Raises:
        BundleError: no bundle of the store is active, or what lies there is another one.
    """
    if not is_store(given):
        return given
    folder = Store(given).active()
    if (found := read_manifest(folder)[1]) != folder.name:
        raise BundleMissingError(f"{folder}: expected the bundle of that digest, found {found}; add it again")
    return folder


def _add_limits(parser: argparse.ArgumentParser) -> None:
    limits = TrialLimits()
    parser.add_argument(
        "--memory-mb", type=int, default=limits.memory_mb, metavar="MB", help="of the self-test (default %(default)s)"
    )
    parser.add_argument(
        "--time-limit-s", type=float, default=limits.time_s, metavar="S", help="of the self-test (default %(default)s)"
    )


def _store(options: argparse.Namespace) -> Store:
    limits = TrialLimits(memory_mb=options.memory_mb, time_s=options.time_limit_s) if "memory_mb" in options else None
    return Store(options.store, limits=limits, **trust(options))


def _add(options: argparse.Namespace) -> int:
    return _say(options, "added", _store(options).add(options.bundle))


def _activate(options: argparse.Namespace) -> int:
    return _say(options, "active", _store(options).activate(options.digest, refuse_older=options.refuse_older))


def _rollback(options: argparse.Namespace) -> int:
    return _say(options, "active again", _store(options).rollback())


def _say(options: argparse.Namespace, what: str, bundle: Bundle) -> int:
    manifest = bundle.manifest
    if options.json:
        print_json(
            {"bundle": str(bundle.folder), "digest": bundle.digest, "name": manifest.name, "serial": manifest.serial}
        )
    else:
        print(f"{what}: {manifest.name}, serial {manifest.serial}, digest {bundle.digest}")
    return 0


def _list(options: argparse.Namespace) -> int:
    store = _store(options)
    bundles = store.bundles()
    for entry in bundles:
        if options.json:
            print_json(to_plain(entry))
        else:
            print(_row(entry))
    if not bundles:
        print(f"{options.store}: no bundles; goodpart store add copies one in", file=sys.stderr)
    if (fallback := store.state.fallback) is not None:
        print(f"{options.store}: went back to the bundle before by itself: {fallback}", file=sys.stderr)
    return 0


def _row(entry: StoredBundle) -> str:
    mark = "active" if entry.active else "before" if entry.last_good else ""
    if entry.error is not None:
        return f"{mark:<8}{entry.digest[:12]}  refused: {entry.error}"
    size_mb = (entry.size_bytes or 0) / 1e6
    signed = "signed" if entry.signed else "unsigned"
    return f"{mark:<8}{entry.digest[:12]}  serial {entry.serial:<10} {signed:<9}{size_mb:>8.1f} MB  {entry.name}"


def _gc(options: argparse.Namespace) -> int:
    removed = Store(options.store).gc(keep=options.keep)
    if options.json:
        print_json({"removed": removed})
    else:
        print(f"{options.store}: {len(removed)} bundles removed")
    return 0
