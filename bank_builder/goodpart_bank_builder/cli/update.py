"""`goodpart-bank update`: good images join a recipe as a batch, and the bundle is built again."""

import argparse
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.facts.learned import first_day
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.cli.batches import batch_lines
from goodpart_bank_builder.cli.diagnosis import tell_passed_over
from goodpart_bank_builder.life.rebuild import Rebuilt
from goodpart_bank_builder.life.update import plan_update, update
from goodpart_bank_builder.report.beside import write_beside

SUMMARY = "Append good images to a recipe as a new batch, and build the bundle again."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.description = (
        f"{SUMMARY} Images that were picked at random also set the threshold. Images that somebody selected, such as "
        "confirmed false rejects, must not: give --selected. With labels.jsonl in DIR, the labels say which are which."
    )
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="the recipe (.toml)")
    parser.add_argument("--good", type=Path, required=True, metavar="DIR", help="folder of new good images")
    parser.add_argument("--selected", action="store_true", help="they were selected: learn them, set no threshold")
    parser.add_argument("--name", help="the name of the batch (default: the name of DIR)")
    parser.add_argument(
        "--taken", type=_date, metavar="DATE",
        help="when the first of the images was taken, YYYY-MM or YYYY-MM-DD (default: the day of the earliest label, "
        "if DIR holds labels.jsonl)",
    )  # fmt: skip
    add_build_options(parser)


def _date(text: str) -> str:
    try:
        first_day(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def add_build_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--threads`, `--no-workspace` and `--json`."""
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--no-workspace", dest="workspace", action="store_false", help="neither use nor fill the workspace"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Appends and builds; returns the exit code."""
    planned = plan_update(
        options.recipe, options.good, selected=options.selected, name=options.name, taken=options.taken
    )
    tell_passed_over(options.good, becomes="learned")
    if planned.warning is not None:
        tell(f"WARNING     {planned.warning}")
    for batch in planned.batches:
        role = "sets the threshold: its images must have been picked at random" if batch.calibrates else "bank only"
        tell(f"batch       {batch.name}: {role}" + ("" if batch.taken is None else f"; taken {batch.taken}"))
    with update(options.recipe, planned, threads=options.threads, workspace=options.workspace) as rebuilt:
        write_beside(rebuilt.settings, rebuilt.report, rebuilt.learned)
    tell_built(rebuilt, as_json=options.json, more={"warning": planned.warning})
    return 0


def tell_built(rebuilt: Rebuilt, *, as_json: bool, more: dict[str, object]) -> None:
    """Prints what was built, in words or as one JSON object."""
    report = rebuilt.report
    if rebuilt.workspace is not None:
        tell(f"workspace   {rebuilt.workspace}")
    if as_json:
        facts = {"serial": rebuilt.serial, "parent": rebuilt.parent, "signed": rebuilt.signed, **more}
        print_json(significant_plain({**facts, "build": to_plain(report)}, FIGURE_DIGITS))
        return
    say(f"bundle      {report.bundle}, serial {rebuilt.serial}, digest {report.digest}")
    if rebuilt.parent is not None:
        say(f"replaces    {rebuilt.parent}")
    say(f"images      {report.images} of {report.parts} good parts")
    say(*batch_lines(report))
    say(f"threshold   {report.calibration.threshold:.3f} sigmas, {report.calibration.promise}")
