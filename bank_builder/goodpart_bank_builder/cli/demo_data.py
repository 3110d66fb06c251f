"""`goodpart-bank demo-data`: a small drawn data set."""

import argparse
from pathlib import Path

from goodpart.cli.rows import say
from goodpart_bank_builder.demo.demo_data import DEFECTS, TEST_GOOD, TEST_PER_KIND, TRAIN_GOOD, write_demo_data
from goodpart_bank_builder.progress import progress_bar

SUMMARY = "Draw a small data set of machined parts with planted defects, to try everything without a download."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    parser.add_argument("--seed", type=int, default=0, help="of all pictures (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Draws, and prints what was drawn; returns the exit code."""
    total = TRAIN_GOOD + TEST_GOOD + TEST_PER_KIND * len(DEFECTS)
    with progress_bar(doing="drawing", total=total, unit="images") as bar:

        def on_image(done: int, total: int) -> None:
            bar.update(done - bar.n)

        drawn = write_demo_data(options.out, seed=options.seed, on_image=on_image)
    kinds = ", ".join(f"{count} {kind}" for kind, count in drawn.defects.items())
    say(f"{options.out}: {drawn.train_good} good images to train, {drawn.test_good} good to test, {kinds}")
    return 0
