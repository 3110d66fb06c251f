"""`goodpart-bank reproduce`: whether a bundle is what its recipe and its images make."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say
from goodpart_bank_builder.life.reproduce import reproduce

SUMMARY = "Build a bundle again from its own recipe, and compare it file by file."

DIFFERS = 1
"""Exit code when the reproduction is another bundle, or cannot be made."""

_SHOWN = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.description = (
        f"{SUMMARY} Names, parts and settings come from the bundle. Only the bytes of the images come from DIR, by "
        "their sha256, whatever they are called there."
    )
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle folder")
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="DIR", help="folders with its images")
    parser.add_argument("--seed", type=int, help="another seed than the bundle's, to see what it changes")
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Builds and compares; returns the exit code, 1 if anything differs or is missing."""
    found = reproduce(options.bundle, options.data, threads=options.threads, seed=options.seed)
    if options.json:
        print_json({**to_plain(found), "identical": found.identical})
        return 0 if found.identical else DIFFERS
    for line in found.environment:
        say(f"other       {line}: last bits may differ")
    if found.missing:
        say(f"missing     {_named(found.missing)}; nothing was built")
        if found.changed:
            say(f"changed     {_named(found.changed)}; of these a folder holds the name, with another content")
        return DIFFERS
    for name, words in found.files.items():
        if words != "identical":
            say(f"{name:<12}{'' if len(name) < 12 else ' '}{words}")
    same = sum(words == "identical" for words in found.files.values())
    say(f"{'identical' if found.identical else 'differs':<12}{same} of {len(found.files)} files are the same")
    return 0 if found.identical else DIFFERS


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)}: {', '.join(names[:_SHOWN])}{more}"
