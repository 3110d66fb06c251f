"""`goodpart`: the command line of the device. This module joins the commands; each command has its own module."""

import argparse
import sys
from collections.abc import Sequence

import goodpart
from goodpart.cli import bench, checks, drift, info, score, selftest, threshold, tune, verify
from goodpart.cli.common import Command, OneLineParser, add_commands, run, run_command
from goodpart.cli.store import activate, add, gc, listing, rollback

COMMANDS: dict[str, Command] = {
    "info": info,
    "verify": verify,
    "selftest": selftest,
    "score": score,
    "threshold": threshold,
    "checks": checks,
    "tune": tune,
    "bench": bench,
    "drift": drift,
}

STORE_COMMANDS: dict[str, Command] = {
    "add": add,
    "activate": activate,
    "rollback": rollback,
    "list": listing,
    "gc": gc,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done or all good, 1 defect, 2 usage, 3 bundle, 4 frame, 5 unknown)."""
    return run(run_command, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(
        prog="goodpart",
        description="Find defects on a CPU, after seeing only good parts.",
        epilog="Exit codes: 0 done or all good, 1 at least one DEFECT (score) or an alarm (drift), 2 wrong usage, "
        "3 bundle refused, 4 frame refused, 5 at least one UNKNOWN.",
    )
    parser.add_argument("--version", action="version", version=f"goodpart {goodpart.__version__}")
    commands = add_commands(parser, COMMANDS)
    summary = "Keep the bundles of an inspection station and switch between them safely."
    add_commands(commands.add_parser("store", help=summary, description=summary), STORE_COMMANDS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
