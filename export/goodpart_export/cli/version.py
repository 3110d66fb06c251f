"""The option `--version` of the programs of this distribution."""

import argparse
import importlib.metadata


def add_version_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--version`."""
    try:
        version = importlib.metadata.version("goodpart-export")
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed)"
    parser.add_argument("--version", action="version", version=f"{parser.prog} {version}")
