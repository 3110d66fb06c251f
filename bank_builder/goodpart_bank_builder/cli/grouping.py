"""The options that say which images show one part, and whether a rate is one of images or of parts."""

import argparse

from goodpart.facts.calibration import RateUnit
from goodpart_bank_builder.data.settings import LearnSettings


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


def add_rate_per_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--rate-per`."""
    parser.add_argument(
        "--rate-per", type=_unit, default=LearnSettings.rate_per, metavar="UNIT",
        help="what the rate is a share of: image, or part, of which one is rejected when any of its images is "
        f"(default: {LearnSettings.rate_per.value})",
    )  # fmt: skip


def _unit(text: str) -> RateUnit:
    try:
        return RateUnit(text)
    except ValueError as error:
        units = " or ".join(unit.value for unit in RateUnit)
        raise argparse.ArgumentTypeError(f"expected {units}, found {text!r}") from error
