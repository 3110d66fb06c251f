"""The options that say which images show one part, for `build` and `evaluate`."""

import argparse


def add_group_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--group` and `--group-gap`."""
    parser.add_argument(
        "--group", metavar="REGEX",
        help="which images show one part: those in whose names the groups of REGEX match the same text "
        "(default: every image shows a part of its own)",
    )  # fmt: skip
    parser.add_argument(
        "--group-gap", type=int, default=0, metavar="N",
        help="the last group of REGEX is a running number; images of one part have numbers at most N apart",
    )  # fmt: skip
