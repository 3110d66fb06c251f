"""`goodpart-station grab`: the first good pictures, by the station's own camera."""

import argparse
import contextlib
import dataclasses
import math
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.facts.spec import Channels, PixelType
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.config import Config, read_config
from goodpart_station.config.stream import StreamTable
from goodpart_station.config.tables import FolderTable, ReplayTable
from goodpart_station.grab import Declared, Grab, check_folder
from goodpart_station.running import held_alone
from goodpart_station.sources.source import Source
from goodpart_station.station import source_of

SUMMARY = "Take pictures with the camera of a station's file and write them as PNG files, to build the first bundle."

_MOST, _MOST_EVERY_S = 100_000, 86_400.0
_PATIENCE_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.description = (
        f"{SUMMARY} No bundle, store or PLC is needed; the station must not run. "
        'With trigger = "software" it triggers by itself, with "hardware" it waits for the wire.'
    )
    parser.add_argument("file", type=Path, metavar="FILE.toml", help="the station's file")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder for the pictures")
    parser.add_argument("--count", type=int, default=100, metavar="N", help="how many pictures (default: 100)")
    parser.add_argument(
        "--every", type=float, default=0.0, metavar="S", help="seconds between two pictures, at least (default: 0)"
    )
    # a camera says both itself
    parser.add_argument(
        "--channels", choices=[each.value for each in Channels], help="channels of a stream's pictures (default: RGB)"
    )
    parser.add_argument(
        "--dtype", choices=[each.value for each in PixelType], help="pixel type of a stream's pictures (default: uint8)"
    )


def run(options: argparse.Namespace) -> int:
    """Takes the pictures; returns 0."""
    if not 1 <= options.count <= _MOST:
        raise UsageError(f"--count: expected 1 to {_MOST}, found {options.count}")
    if not 0 <= options.every <= _MOST_EVERY_S:
        raise UsageError(f"--every: expected 0 to {_MOST_EVERY_S:g} seconds, found {options.every:g}")
    config = read_config(options.file, with_source=False)
    _refuse_folder(config)
    # again, as the producer of a camera must be there
    config = read_config(options.file)
    check_folder(options.out)
    source = _source(config, options)
    with held_alone(config.station.data):
        grab = Grab(
            source,
            options.out,
            trigger=config.source.trigger,
            after_ns=config.rules().pair_after_ns,
            count=options.count,
            every_s=options.every,
        )
        try:
            with _stopping(grab) as signals:
                grab.run(_Progress(grab, config.source.trigger).tell)
        finally:
            # after Ctrl-C and a lost camera as well
            _say(grab, options.out)
    if signals:
        raise KeyboardInterrupt
    if not grab.written:
        raise UsageError(f"{options.file}: expected frames from the source, found none; look at the source")
    return 0


def _refuse_folder(config: Config) -> None:
    if isinstance(config.source, FolderTable | ReplayTable):
        raise UsageError(
            f"{config.places.of('source', 'kind')}: kind: expected a camera or a stream, found "
            f'"{config.source.KIND}", whose pictures are files already; use the files in {config.source.path}'
        )


def _source(config: Config, options: argparse.Namespace) -> Source:
    table = config.source
    told = {name: getattr(options, name) for name in ("channels", "dtype") if getattr(options, name) is not None}
    if not isinstance(table, StreamTable):
        for name in told:
            raise UsageError(f"--{name}: expected a stream, found a camera; set its pixel_format in {options.file}")
    elif not table.address.live:
        # a second pass would give the same pictures again
        table = dataclasses.replace(table, repeat=False)
    declared = Declared(channels=Channels(told.get("channels", "RGB")), dtype=PixelType(told.get("dtype", "uint8")))
    # colours of 16 bits are refused here, before anything is opened
    declared.spec()
    return source_of(table)(declared)


@contextlib.contextmanager
def _stopping(grab: Grab) -> Iterator[Sequence[int]]:
    """SIGTERM and Ctrl-C end it between two frames, so that the camera is let go in order; a second one at once.

    Yields:
        the signals that have come.
    """
    came: list[int] = []

    def end(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if len(came) > 1:
            raise KeyboardInterrupt
        grab.stop()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Progress:
    """Says on stderr now and then how far it is."""

    def __init__(self, grab: Grab, trigger: TriggerKind) -> None:
        self._grab, self._trigger = grab, trigger
        self._told_s = time.monotonic()
        self._first_s = math.inf

    def tell(self) -> None:
        """Says it, if nothing was said for some time."""
        now_s, grab = time.monotonic(), self._grab
        if grab.picked and self._first_s == math.inf:
            self._first_s = now_s
        if now_s - self._told_s < _PATIENCE_S:
            return
        self._told_s = now_s
        parts = [f"{grab.picked:,} of {grab.count:,} pictures"]
        if grab.picked > 1:
            left_s = (now_s - self._first_s) / (grab.picked - 1) * (grab.count - grab.picked)
            parts.append(f"about {left_s:.0f} s to go")
        elif not grab.picked and self._trigger is TriggerKind.HARDWARE:
            parts.append("waits for the camera's trigger line")
        if grab.left_out:
            parts.append(_left_out(grab))
        tell(f"goodpart-station grab: {'; '.join(parts)}")
        sys.stderr.flush()


def _left_out(grab: Grab) -> str:
    reasons = ", ".join(f"{count:,} {why}" for why, count in sorted(grab.left_out.items()))
    return f"left out {grab.left_out.total():,}: {reasons}"


def _say(grab: Grab, out: Path) -> None:
    """Where the pictures are, what they are, and what comes next."""
    if grab.written or grab.left_out:
        where = f" in {out}" if grab.written else ""
        say(
            f"pictures    {grab.written:,} of {grab.count:,}{where}" + (f"; {_left_out(grab)}" if grab.left_out else "")
        )
    if not grab.written:
        return
    for look, count in grab.looks.most_common():
        bits = "" if look.bits is None else f", {look.bits} bits"
        say(
            f"format      {look.height_px}x{look.width_px} (HxW) {look.dtype.value} {look.channels.value}{bits}, "
            f"PNG without losses" + (f": {count:,}" if len(grab.looks) > 1 else "")
        )
    look = grab.looks.most_common(1)[0][0]
    kind = f"--channels {look.channels.value}"
    if look.dtype is PixelType.UINT16:
        kind += f" --dtype uint16 --value-range 0,{2 ** (look.bits or 16) - 1}"
    folder = shlex.quote(str(out))
    say(
        "next        remove what does not show a good part, then on the workstation",
        f"  goodpart-export --weights imagenet --size auto --images {folder} {kind} --out backbone.onnx",
        f"  goodpart-bank build {folder} --backbone backbone.onnx --serial 1 --out BUNDLE",
    )
