"""`goodpart-station init`: writes a commented file to begin with."""

import argparse
from pathlib import Path

from goodpart._host.atomic import write_file
from goodpart.cli.rows import say
from goodpart.errors import UsageError, found_at
from goodpart_station.config.template import template

SUMMARY = "Write a commented station file to begin with."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the file to write")


def run(options: argparse.Namespace) -> int:
    """Writes the file, unless there is one, and says what comes next."""
    if (found := found_at(options.file)) != "nothing":
        raise UsageError(f"{options.file}: expected a new file, found {found}; name another")
    write_file(options.file, template().encode("utf-8"))
    say(
        f"{options.file}: written. Next: fill in name, data, the products and the source, then",
        f"  goodpart-station grab {options.file} --out DIR                # good pictures, if there is no bundle yet",
        f"  goodpart-station products add {options.file} 1 BUNDLE",
        f"  goodpart-station products activate {options.file} 1 SERIAL    # add says it",
        f"  goodpart-station check {options.file}",
    )
    return 0
