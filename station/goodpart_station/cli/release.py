"""`goodpart-station release`: switches the outputs off, after the station has ended in whatever way."""

import argparse
from pathlib import Path

from goodpart.cli.rows import say
from goodpart_station.config.config import read_config
from goodpart_station.links.lines import hold

SUMMARY = "Switch all outputs off, for the time after a station; the unit file's ExecStopPost= runs it."

_CONSUMER = "goodpart-station release"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")


def run(options: argparse.Namespace) -> int:
    """Switches off what the PC itself switches, and says so."""
    config = read_config(options.file, with_source=False)
    if (gpio := config.gpio) is None:
        say(f"{options.file}: no outputs to switch off; the file has no [plc.gpio]")
    else:
        # whoever takes the lines takes them switched off
        hold(gpio.chip, gpio.ids, active_low=gpio.active_low, consumer=_CONSUMER).release()
        say(f"[plc.gpio]: {', '.join(gpio.ids)} switched off, and given back; driver and hardware must keep them so")
    if config.modbus is not None:
        say("[plc.modbus]: results ended with the program; the PLC rejects what gets no GOOD in time")
    return 0
