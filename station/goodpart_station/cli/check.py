"""`goodpart-station check`: tries what a station needs, before parts do."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from goodpart.cli.common import print_json
from goodpart.cli.options import add_json_option
from goodpart.cli.rows import say
from goodpart.errors import GoodpartError
from goodpart_station.check import Finding, check
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.config import Config, read_config
from goodpart_station.config.tables import FolderTable
from goodpart_station.station import plan_of

SUMMARY = "Try everything that the station of a file needs, and say pass, warn or fail, with the reason."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Prints a line for each check; returns 1 if one fails."""
    try:
        config = read_config(options.file)
        plan = plan_of(config)
    except GoodpartError as error:
        _print(Finding(name="file", passed=False, detail=str(error)), as_json=options.json)
        return 1
    numbers = ", ".join(str(product.number) for product in config.products)
    detail = f"{options.file}: station {config.station.name}, products {numbers}, trigger {config.source.trigger.value}"
    failed = 0
    _print(Finding(name="file", passed=True, detail=detail), as_json=options.json)
    for finding in (*_announcer(config), *_window(config), *_reset(config), *check(plan)):
        _print(finding, as_json=options.json)
        failed += not finding.passed
    return 1 if failed else 0


def _announcer(config: Config) -> Iterator[Finding]:
    """Whether somebody can announce parts, if parts have to be announced."""
    trigger = config.source.trigger
    if trigger is not TriggerKind.NONE and config.modbus is None and config.opcua is None:
        detail = (
            f'expected [plc.modbus] or [plc.opcua] beside "{trigger.value}", found neither; nobody can announce a '
            f'part: add one of them, or set trigger = "none"'
        )
        yield Finding(name="trigger", passed=True, warns=True, detail=detail)


def _window(config: Config) -> Iterator[Finding]:
    """Whether somebody has chosen how long the frame of a software trigger may take until its file is there."""
    source = config.source
    if isinstance(source, FolderTable) and source.trigger is TriggerKind.SOFTWARE and source.pair_after_ms is None:
        detail = (
            f"none given, so {config.rules().pair_after_ns / 1e6:g} ms: a file that comes later after its trigger is "
            f"REFUSED; measure how long exposure, writing and renaming take, and set it"
        )
        yield Finding(name="pair_after_ms", passed=True, warns=True, detail=detail)


def _reset(config: Config) -> Iterator[Finding]:
    """Whether anybody can end a FAULT while the station runs."""
    if not config.station.auto_reset and config.modbus is None and config.opcua is None and config.page is None:
        detail = (
            "without a PLC, [plc.opcua] and [page] nobody can RESET: a FAULT, such as of a camera that was away, lasts "
            "until the station is started again; set auto_reset = true, or add [page]"
        )
        yield Finding(name="auto_reset", passed=True, warns=True, detail=detail)


def _print(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print_json({"check": finding.name, "passed": finding.passed, "warns": finding.warns, "detail": finding.detail})
    else:
        word = "FAIL" if not finding.passed else "warn" if finding.warns else "pass"
        say(f"{word}  {finding.name}: {finding.detail}")
