"""`goodpart-bank sign`: a bundle gets a signature."""

import argparse
from pathlib import Path

from goodpart.bundle.names import SIGNATURE
from goodpart.cli.rows import say
from goodpart_bank_builder.build.sign import sign_bundle

SUMMARY = "Sign a bundle, so that devices with the public key accept it."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle folder")
    parser.add_argument("--key", type=Path, required=True, metavar="KEY", help="the private key, from keygen")


def run(options: argparse.Namespace) -> int:
    """Signs, and prints what was signed; returns the exit code."""
    bundle = sign_bundle(options.bundle, options.key)
    say(f"{options.bundle / SIGNATURE}: serial {bundle.manifest.serial}, digest {bundle.digest}")
    return 0
