"""`goodpart-bank`: the command line of the workstation. Each command has a module of its own."""

import argparse
import importlib.metadata
import sys
from collections.abc import Sequence

from goodpart.cli.common import add_common_options, run
from goodpart_bank_builder.cli import build, demo_data, evaluate, keygen, sign

COMMANDS = {"build": build, "evaluate": evaluate, "sign": sign, "keygen": keygen, "demo-data": demo_data}

_USAGE = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code (0 done, 2 usage, 3 bundle refused, 4 frame refused)."""
    return run(lambda options: int(options.command(options)), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="goodpart-bank", description="Build and evaluate bundles on a workstation.")
    version = importlib.metadata.version("goodpart-bank-builder")
    parser.add_argument("--version", action="version", version=f"goodpart-bank {version}")

    def show_help(options: argparse.Namespace) -> int:
        parser.print_help(sys.stderr)
        return _USAGE

    parser.set_defaults(command=show_help, traceback=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for name, command in COMMANDS.items():
        added = commands.add_parser(name, help=command.SUMMARY, description=command.SUMMARY)
        command.add_options(added)
        add_common_options(added)
        added.set_defaults(command=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
