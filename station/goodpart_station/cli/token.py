"""`goodpart-station token`: who may do what at the operator page."""

import argparse
from collections.abc import Callable
from pathlib import Path

from goodpart.cli.common import add_common_options, print_json
from goodpart.cli.options import add_json_option
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart_station.config.config import read_config
from goodpart_station.tokens import TOKENS_NAME, Role, TokenFile

SUMMARY = "Make, list and remove the tokens that people log in with at the page."

DATA = Path("/var/lib/goodpart")
"""Where a station keeps its data unless its file says otherwise."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the sub-commands."""
    parser.set_defaults(command=run)
    parsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary, do in (
        ("add", "Make a token, and print it. It is stored nowhere: only its SHA-256 is.", _add),
        ("list", "List the tokens by name; nobody can list the tokens themselves.", _list),
        ("remove", "Remove a token. Whoever uses it is out within a second.", _remove),
    ):
        added = parsers.add_parser(name, help=summary, description=summary)
        if name != "list":
            added.add_argument("name", metavar="NAME", help="of the person or screen, such as anna or screen-2")
        if name == "add":
            roles = [role.value for role in Role]
            added.add_argument(
                "--role", choices=roles, required=True,
                help="viewer sees; operator also labels, changes the product, halts and resets; engineer also sets the "
                "threshold",
            )  # fmt: skip
        where = added.add_mutually_exclusive_group()
        where.add_argument("--file", type=Path, metavar="FILE.toml", help="the station's file, which names its data")
        where.add_argument("--data", type=Path, default=DATA, metavar="DIR", help="the station's data (%(default)s)")
        add_json_option(added)
        add_common_options(added)
        added.set_defaults(do=do)


def run(options: argparse.Namespace) -> int:
    """Does it; returns 0.

    Raises:
        UsageError: no such data folder, no such name or one in use, or a file cannot be read or written.
    """
    data: Path = options.data if options.file is None else read_config(options.file, with_source=False).station.data
    if not data.is_dir():
        raise UsageError(f"{data}: expected the station's data folder, found none; name it with --data, or make it")
    do: Callable[[TokenFile, argparse.Namespace], None] = options.do
    do(TokenFile(data / TOKENS_NAME), options)
    return 0


def _add(file: TokenFile, options: argparse.Namespace) -> None:
    token = file.add(options.name, Role(options.role))
    if options.json:
        print_json({"name": options.name, "role": options.role, "token": token})
        return
    say(token)
    tell(f"token of {options.name} ({options.role}); it is shown this once: hand it over, or remove it and add another")


def _list(file: TokenFile, options: argparse.Namespace) -> None:
    for token in file.read():
        if options.json:
            print_json({"name": token.name, "role": token.role.value, "added": token.added})
        else:
            say(f"{token.name:<24} {token.role.value:<9} since {token.added}")


def _remove(file: TokenFile, options: argparse.Namespace) -> None:
    file.remove(options.name)
    if options.json:
        print_json({"name": options.name, "removed": True})
    else:
        say(f"removed {options.name}")
