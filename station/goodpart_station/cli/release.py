"""`goodpart-station release`: switches the outputs off, after the station has ended in whatever way."""

import argparse
from pathlib import Path

from goodpart.cli.rows import say
from goodpart_station.config.config import read_config

SUMMARY = "Switch all outputs off, for the time after a station; the unit file's ExecStopPost= runs it."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")


def run(options: argparse.Namespace) -> int:
    """Says what was switched off. No output of this version is switched by the PC."""
    config = read_config(options.file, with_source=False)
    say(f"{options.file}: no outputs to switch off; this version has none of its own")
    if config.modbus is not None:
        say("[plc.modbus]: results ended with the program; the PLC rejects what gets no GOOD in time")
    return 0
