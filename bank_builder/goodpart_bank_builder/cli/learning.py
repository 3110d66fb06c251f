"""The options that `build`, `doctor` and `try` share: what is learned from a folder of good images, and how."""

import argparse
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart.cli.options import add_megapixels_option
from goodpart_bank_builder.cli.diagnosis import add_exclude_option
from goodpart_bank_builder.cli.grouping import add_group_options, add_rate_per_option
from goodpart_bank_builder.data.settings import LearnSettings


def add_learning_options(parser: argparse.ArgumentParser) -> None:
    """Adds the rate, the parts, what is left out, `--seed` and `--threads`, each called like its field of settings."""
    parser.add_argument(
        "--false-reject-rate", type=float, default=LearnSettings.false_reject_rate, metavar="RATE",
        help="share of good images (see --rate-per) that may be called defective (default: %(default)s)",
    )  # fmt: skip
    add_rate_per_option(parser)
    add_group_options(parser)
    add_exclude_option(parser)
    parser.add_argument(
        "--ignore", type=Path, metavar="MASK", help="picture as large as the frames, white where they never count"
    )
    parser.add_argument(
        "--seed", type=int, default=LearnSettings.seed, help="of folds, coreset and index (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--max-megapixels` and `--skip-unreadable`."""
    add_megapixels_option(parser)
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out, name and count images that cannot be read"
    )
