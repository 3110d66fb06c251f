"""`goodpart-bank`: the command line of the workstation. Each command has a module of its own."""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from goodpart.cli.common import Command, OneLineParser, add_commands, run, run_command
from goodpart_bank_builder.cli import (
    build,
    build_all,
    compare,
    demo_data,
    doctor,
    evaluate,
    exclude,
    init,
    keygen,
    reproduce,
    sign,
    try_command,
    update,
)

COMMANDS: dict[str, Command] = {
    "try": try_command,
    "doctor": doctor,
    "init": init,
    "build": build,
    "build-all": build_all,
    "update": update,
    "exclude": exclude,
    "reproduce": reproduce,
    "evaluate": evaluate,
    "compare": compare,
    "sign": sign,
    "keygen": keygen,
    "demo-data": demo_data,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code.

    0 is done, 1 findings of `doctor`, differences of `reproduce`, no-go of `compare` or a product that failed, 2 usage,
    3 or 4 refused, 5 not decided.
    """
    return run(run_command, _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="goodpart-bank", description="Build and evaluate bundles on a workstation.")
    version = importlib.metadata.version("goodpart-bank-builder")
    parser.add_argument("--version", action="version", version=f"goodpart-bank {version}")
    add_commands(parser, COMMANDS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
