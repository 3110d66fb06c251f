"""`goodpart-bank keygen`: a key pair to sign bundles with."""

import argparse
from pathlib import Path

from goodpart.cli.rows import say
from goodpart_bank_builder.build.sign import make_keys

SUMMARY = "Make an Ed25519 key pair to sign bundles with."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument("key", type=Path, metavar="KEY", help="the private key's file; KEY.pub is for the devices")


def run(options: argparse.Namespace) -> int:
    """Makes the keys, and prints what to do with each; returns the exit code."""
    public = make_keys(options.key)
    say(f"private key {options.key}: keep it on this workstation, and a copy in a safe place")
    say(f"public key  {public}: copy it to the devices")
    return 0
