"""`goodpart drift`: reads logs of results, and says whether the frames are still what they were."""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from goodpart._host import strict_json
from goodpart._host.atomic import check_file
from goodpart.bundle.manifest_file import read_manifest
from goodpart.cli.common import print_json
from goodpart.cli.options import add_json_option, bundle_folder
from goodpart.cli.rows import say, tell
from goodpart.drift import Drift, DriftAlarm, DriftPhase, DriftState
from goodpart.errors import ManifestError, UsageError, found_at
from goodpart.scoring.rounding import FIGURE_DIGITS, significant
from goodpart.watch.observed import of_result
from goodpart.watch.reference import REFERENCE_BLOCKS

SUMMARY = "Read logs of `goodpart score --json`; the exit code is 1 if the frames are no longer what they were."

_BLOCK, _FALSE_ALARM_EVERY = 16, 100_000
_LONGEST_LINE_BYTES = 1 << 24
_PATIENCE_S = 5.0
_EACH = 1000
"""Lines between two looks at the clock."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of the command."""
    parser.add_argument(
        "logs", nargs="*", metavar="LOG", help="results of goodpart score --json, oldest first; - for stdin"
    )
    parser.add_argument(
        "--state", type=Path, metavar="FILE", help="go on from FILE if it exists, and write it at the end"
    )
    parser.add_argument(
        "--bundle",
        type=Path,
        metavar="BUNDLE",
        help="bundle, or a store for its active one, that judged: a state is bound to it",
    )
    parser.add_argument("--block", type=int, metavar="N", help=f"frames of a block (default: {_BLOCK})")
    parser.add_argument(
        "--false-alarm-every", type=int, metavar="N",
        help=f"mean number of frames to a false alarm, at least (default: {_FALSE_ALARM_EVERY})",
    )  # fmt: skip
    parser.add_argument("--acknowledge", action="store_true", help="end the alarms of --state; keep its reference")
    parser.add_argument("--new-reference", action="store_true", help="learn anew from the first frame of the logs on")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Takes every result of the logs, prints new alarms, then where the drift stands.

    Returns:
        1 if there is an alarm that nobody has acknowledged, else 0.

    Raises:
        UsageError: a log or state cannot be read, or a line is no result with statistics.
    """
    if not options.logs and options.state is None:
        raise UsageError("drift: expected at least one LOG or --state, found neither; give the output of score --json")
    drift = _drift(options)
    if options.acknowledge:
        drift.acknowledge()
    if options.new_reference:
        drift.new_reference()
    for known in drift.state.alarms:
        _show_alarm(known, where="", as_json=options.json)
    for where, line in _lines(options.logs):
        observed = of_result(_parsed(line, where), where=where)
        alarm = None if observed is None else drift.observe(observed)
        if alarm is not None:
            _show_alarm(alarm, where=where, as_json=options.json)
    if options.state is not None:
        drift.save(options.state)
    state = drift.state
    _show_state(state, as_json=options.json)
    return 1 if state.phase is DriftPhase.ALARM else 0


def _drift(options: argparse.Namespace) -> Drift:
    bundle = None if options.bundle is None else read_manifest(bundle_folder(options))[1]
    if options.state is not None:
        check_file(options.state)
        if found_at(options.state) == "a file":
            if options.block is not None or options.false_alarm_every is not None:
                raise UsageError(
                    f"{options.state}: expected a new file with --block or --false-alarm-every, found a state, "
                    f"which has its own; name another file"
                )
            return Drift.load(options.state, bundle=bundle)
    return Drift(
        bundle=bundle,
        block=_BLOCK if options.block is None else options.block,
        false_alarm_every=_FALSE_ALARM_EVERY if options.false_alarm_every is None else options.false_alarm_every,
    )


def _lines(logs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Every line that is not blank, with its place; says how far it is every few seconds."""
    progress = _Progress(logs)
    for name in logs:
        with _opened(name) as file:
            number = 0
            while line := file.readline(_LONGEST_LINE_BYTES):
                number += 1
                progress.take(len(line))
                if line.strip():
                    yield f"{'stdin' if name == '-' else name}:{number}", line


def _opened(name: str) -> BinaryIO:
    if name == "-":
        return os.fdopen(os.dup(sys.stdin.fileno()), "rb")
    try:
        return Path(name).open("rb")
    except OSError as error:
        raise UsageError(f"{name}: expected a log, found none ({error.strerror})") from error


class _Progress:
    """Says on stderr how much of the logs is read, if that takes long."""

    def __init__(self, logs: Sequence[str]) -> None:
        known = all(name != "-" and found_at(Path(name)) == "a file" for name in logs)
        self._all_bytes = sum(Path(name).stat().st_size for name in logs) if known else 0
        self._lines = self._bytes = 0
        self._began = self._told = time.monotonic()

    def take(self, size_bytes: int) -> None:
        self._lines += 1
        self._bytes += size_bytes
        if self._lines % _EACH or (now := time.monotonic()) - self._told < _PATIENCE_S:
            return
        self._told = now
        left = ""
        if self._all_bytes:
            share = self._bytes / self._all_bytes
            left = f", {100 * share:.0f} %, about {(now - self._began) * (1 / share - 1):.0f} s to go"
        tell(f"goodpart drift: {self._lines:,} frames{left}")


def _parsed(line: bytes, where: str) -> Any:
    try:
        return strict_json.parse(line, where=where)
    except ManifestError as error:
        raise UsageError(f"{error}; mend or remove the line") from error


def _show_alarm(alarm: DriftAlarm, *, where: str, as_json: bool) -> None:
    if as_json:
        print_json({"alarm": dataclasses.asdict(alarm) | {"words": alarm.words, "where": where or None}})
        return
    say(f"ALARM     at frame {alarm.frame:,}{f' ({where})' if where else ', not acknowledged'}: {alarm.words}")


def _show_state(state: DriftState, *, as_json: bool) -> None:
    if as_json:
        plain = strict_json.to_plain(state)
        print_json({"state": plain | {"evidence": significant(state.evidence, FIGURE_DIGITS)}})
        return
    of = f" of {REFERENCE_BLOCKS}" if state.phase is DriftPhase.LEARNING else ""
    say(
        f"{state.phase.value:<9} {state.blocks}{of} blocks of {state.block} frames; {state.frames:,} frames, of which "
        f"{state.unfit:,} UNKNOWN or REFUSED"
    )
    if state.phase is DriftPhase.LEARNING:
        say("          it learns what is normal, and sees no change yet")
    say(f"evidence  {state.evidence:.2g}; an alarm comes at 1")
    for remark in state.remarks:
        say(f"note      {remark}")
