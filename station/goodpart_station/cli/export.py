"""`goodpart-station export`: frames that people labelled, as a folder for the workstation."""

import argparse
import datetime
import sys
import time
from pathlib import Path

from goodpart.cli.common import print_json
from goodpart.cli.options import add_json_option
from goodpart.cli.rows import say, tell
from goodpart_station.ring.export import Plan, Wanted, check_export, plan_export, write_export
from goodpart_station.ring.frames import KeptFrame

SUMMARY = "Export labelled frames of a ring, for goodpart-bank update and goodpart-bank compare."

_PATIENCE_S = 5.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.description = (
        f"{SUMMARY} The station may run meanwhile. Without --since, the span begins where the last export of the "
        "product ended that held these labels; frames from before it that were labelled since join as selected ones."
    )
    parser.add_argument("ring", type=Path, metavar="RING", help="folder of the ring")
    parser.add_argument("--labels", required=True, choices=("good", "defect", "all"), help="which labels")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make")
    parser.add_argument("--product", metavar="NAME", help="which product, if the ring holds several")
    parser.add_argument(
        "--since", type=_time, metavar="TIME", help="from this time on, UTC: 2026-11-26 or 2026-11-26T18:30"
    )
    parser.add_argument("--until", type=_time, metavar="TIME", help="before this time, UTC (default: now)")
    parser.add_argument("--simulated", action="store_true", help="frames of a replay alone (default: leave them out)")
    parser.add_argument("--force", action="store_true", help="replace an older export")
    add_json_option(parser)


def run(options: argparse.Namespace) -> int:
    """Exports; returns 0."""
    now = time.time()
    check_export(options.out, force=options.force)
    plan = plan_export(
        options.ring,
        Wanted(
            labels=options.labels,
            product=options.product,
            since=options.since,
            # the next export begins there: what is answered from now on must not lie before it
            until=now if options.until is None else min(options.until, now),
            simulated=options.simulated,
        ),
    )
    _warn(plan)
    write_export(options.ring, plan, options.out, now=now, force=options.force, each=_Progress(len(plan.frames)).take)
    counts = {name: getattr(plan, name) for name in ("drawn", "good", "defect", "unlabelled")}
    if options.json:
        facts = {"out": str(options.out), "product": plan.product, "since": plan.since, "until": plan.until}
        print_json({**facts, "frames": len(plan.frames), "late": len(plan.late), "again": plan.again, **counts})
        return 0
    say(f"exported    {len(plan.frames):,} frames of {plan.product} to {options.out}")
    say(
        f"random      {plan.drawn:,} were drawn: {plan.good:,} labelled good, {plan.defect:,} labelled defect, "
        f"{plan.unlabelled:,} not labelled"
    )
    if plan.late:
        say(f"late        {len(plan.late):,} were drawn before the last export: they join as selected ones")
    if plan.again and options.since is None:
        say(f"again       {plan.again:,} were exported before: give only one of the exports to goodpart-bank update")
    return 0


def _warn(plan: Plan) -> None:
    if plan.gone:
        tell(
            f"WARNING     {plan.gone:,} labelled random frames of that time were exported before and are gone: "
            "give a later --since, or update with --selected"
        )


class _Progress:
    """Says on stderr how far it is, if that takes long."""

    def __init__(self, frames: int) -> None:
        self._all, self._done = frames, 0
        self._began = self._told = time.monotonic()

    def take(self, frame: KeptFrame) -> None:
        """Counts a frame."""
        self._done += 1
        now = time.monotonic()
        if now - self._told < _PATIENCE_S:
            return
        self._told = now
        left_s = (now - self._began) * (self._all / self._done - 1)
        tell(f"goodpart-station export: {self._done:,} of {self._all:,} frames, about {left_s:.0f} s to go")
        sys.stderr.flush()


def _time(text: str) -> float:
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 2026-11-26T18:30, found {text!r}") from None
    return (found if found.tzinfo else found.replace(tzinfo=datetime.timezone.utc)).timestamp()
