"""`goodpart-station run`: runs the station of a file, or a simulation."""

import argparse
import logging
import sys
from pathlib import Path

from goodpart.cli.options import add_threads_option
from goodpart.errors import UsageError
from goodpart_station.running import run as run_station
from goodpart_station.simulation import Replay, simulation

SUMMARY = "Run the station that a TOML file describes, or simulate one with a folder of images."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE.toml", help="the station's file")
    add_threads_option(parser)
    group = parser.add_argument_group("simulation", "No result of it reads as GOOD: a PLC gets the verdict SIMULATED.")
    group.add_argument(
        "--simulate", type=Path, metavar="DIR", help="take the images of DIR instead of the source of the file"
    )
    group.add_argument("--bundle", type=Path, metavar="BUNDLE", help="judge with this bundle; no file is needed then")
    group.add_argument(
        "--rate", type=float, metavar="N", help="frames per second (default: each when the last is judged)"
    )
    group.add_argument("--shuffle", action="store_true", help="take the images in another order in each pass")
    group.add_argument("--once", action="store_true", help="end after the last image, instead of beginning again")
    group.add_argument("--dim", type=float, default=1.0, metavar="F", help="multiply all pixels by F, such as 0.9")
    group.add_argument(
        "--defocus", type=float, default=0.0, metavar="PX", help="blur all frames by a Gaussian of so many pixels"
    )


def run(options: argparse.Namespace) -> int:
    """Runs until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    if options.simulate is None or options.bundle is None:
        raise UsageError("run: expected --simulate DIR and --bundle BUNDLE, found one of them or none; give both")
    replay = Replay(
        folder=options.simulate,
        rate=options.rate,
        shuffle=options.shuffle,
        repeat=not options.once,
        dim=options.dim,
        defocus=options.defocus,
    )
    with simulation(options.bundle, replay, threads=options.threads) as plan:
        run_station(plan)
    return 0
