"""`goodpart-station`: the command line of the station. This module joins the commands; each has its own module."""

import argparse
import sys
from collections.abc import Sequence

import goodpart_station
from goodpart.cli.common import Command, OneLineParser, add_commands, run_command
from goodpart.cli.common import run as run_program
from goodpart_station.cli import check, export, grab, init, opcua, products, release, run, token

COMMANDS: dict[str, Command] = {
    "init": init,
    "grab": grab,
    "check": check,
    "run": run,
    "export": export,
    "release": release,
    "token": token,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done, 1 a check failed, 2 usage, 3 bundle refused)."""
    return run_program(run_command, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="goodpart-station",
        description="Run an inspection station: frames in, one verdict for each part, to a PLC and to people.",
        epilog="Exit codes: 0 done, 1 a check failed (check), 2 wrong usage, 3 bundle refused.",
    )
    parser.add_argument("--version", action="version", version=f"goodpart-station {goodpart_station.__version__}")
    commands = add_commands(parser, COMMANDS)
    add_commands(
        commands.add_parser("products", help=products.SUMMARY, description=products.SUMMARY), products.COMMANDS
    )
    add_commands(commands.add_parser("opcua", help=opcua.SUMMARY, description=opcua.SUMMARY), opcua.COMMANDS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
