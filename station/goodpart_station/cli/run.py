"""`goodpart-station run`: runs the station of a file, or a simulation."""

import argparse
import dataclasses
import logging
import sys
from pathlib import Path

from goodpart.cli.options import add_threads_option
from goodpart.errors import UsageError, found_at
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.config import Config, read_config
from goodpart_station.config.tables import ReplayTable
from goodpart_station.running import Plan
from goodpart_station.running import run as run_station
from goodpart_station.simulation import simulation
from goodpart_station.station import plan_of, simulated

SUMMARY = "Run the station that a TOML file describes, or simulate one with a folder of images."

_MOST_RATE, _MOST_DIM, _MOST_DEFOCUS = 10_000.0, 10.0, 100.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE.toml",
        help="the station's file; results go to its sinks and its page",
    )
    parser.add_argument("--product", type=int, metavar="N", help="prepare this product at the start")
    add_threads_option(parser)
    group = parser.add_argument_group("simulation", "No result of it reads as GOOD: a PLC gets the verdict SIMULATED.")
    group.add_argument(
        "--simulate", type=Path, metavar="DIR", help="take the images of DIR instead of the source of the file"
    )
    group.add_argument("--bundle", type=Path, metavar="BUNDLE", help="judge with this bundle; no file is needed then")
    group.add_argument(
        "--rate", type=float, metavar="N", help="frames per second (default: the next when one is judged)"
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
    if (options.file is None) == (options.bundle is None):
        raise UsageError("run: expected FILE.toml, or --simulate DIR with --bundle BUNDLE, found neither or both")
    _refuse_without_effect(options)
    if options.bundle is not None:
        if options.simulate is None:
            raise UsageError("--bundle: expected --simulate DIR beside it, found none; name the images to judge")
        with simulation(options.bundle, _replay(options), threads=options.threads) as plan:
            run_station(plan)
        return 0
    config = read_config(options.file)
    if options.simulate is not None:
        if options.rate is not None and config.source.trigger is not TriggerKind.NONE:
            raise UsageError("--rate: expected a file without triggers, found one in which each trigger gets an image")
        config = simulated(config, _replay(options))
    run_station(_with_options(config, options))
    return 0


def _refuse_without_effect(options: argparse.Namespace) -> None:
    """Refuses options that nothing would look at."""
    unchanged = {"rate": None, "shuffle": False, "once": False, "dim": 1.0, "defocus": 0.0}
    for name, value in unchanged.items():
        if options.simulate is None and getattr(options, name) != value:
            raise UsageError(f"--{name}: expected --simulate DIR beside it, found none; the line itself would run")
    if options.bundle is not None and options.product is not None:
        raise UsageError("--product: expected FILE.toml beside it, found --bundle, which is the one product")


def _with_options(config: Config, options: argparse.Namespace) -> Plan:
    plan = plan_of(config)
    if options.threads is not None:
        plan = dataclasses.replace(plan, threads=options.threads)
    if options.product is not None:
        known = [product.number for product in config.products]
        if options.product not in known:
            raise UsageError(f"--product: expected one of {', '.join(map(str, known))}, found {options.product}")
        plan = dataclasses.replace(plan, product=options.product)
    return plan


def _replay(options: argparse.Namespace) -> ReplayTable:
    """The replay of the options, which are refused as the keys of the file are."""
    for name, value, most in (
        ("--rate", options.rate, _MOST_RATE),
        ("--dim", options.dim, _MOST_DIM),
        ("--defocus", options.defocus, _MOST_DEFOCUS),
    ):
        least_is_fine = name == "--defocus"
        if value is not None and not (0 <= value <= most and (value > 0 or least_is_fine)):
            raise UsageError(f"{name}: expected a number above 0 and up to {most:g}, found {value:g}")
    if not options.simulate.is_dir():
        raise UsageError(f"--simulate: expected a folder at {options.simulate}, found {found_at(options.simulate)}")
    return ReplayTable(
        path=options.simulate,
        rate=options.rate,
        shuffle=options.shuffle,
        repeat=not options.once,
        dim=options.dim,
        defocus=options.defocus,
    )
