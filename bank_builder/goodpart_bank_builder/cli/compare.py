"""`goodpart-bank compare`: whether a new bundle may take the place of an old one."""

import argparse
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart.cli.common import print_json
from goodpart.cli.options import add_megapixels_option
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart_bank_builder.cli.grouping import add_group_options
from goodpart_bank_builder.compare.comparison import CompareSettings, compare
from goodpart_bank_builder.compare.decide import Outcome, decide
from goodpart_bank_builder.compare.summary import lines, plain_comparison
from goodpart_bank_builder.data.dataset import Category, read_categories
from goodpart_bank_builder.data.labelled_export import LabelledExport, is_export, read_export, read_labels

SUMMARY = "Compare a new bundle with an old one on labelled images: go or no-go, with reasons."

CODES = {Outcome.GO: 0, Outcome.NO_GO: 1, Outcome.NOT_DECIDED: 5}
"""Exit codes. 5 is what cannot be judged, as an UNKNOWN frame."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument("old", type=Path, metavar="OLD", help="the bundle in use")
    parser.add_argument("new", type=Path, metavar="NEW", help="the bundle that may take its place")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR",
        help="labelled images: a folder with test/<kind>/, or an export of a station with labels.jsonl",
    )  # fmt: skip
    add_group_options(parser)
    parser.add_argument(
        "--escape-margin", type=float, default=CompareSettings.escape_margin, metavar="SIGMAS",
        help="no-go if NEW passes a defect that OLD scores so far above its threshold (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--max-false-reject-rise", type=float, default=CompareSettings.max_false_reject_rise, metavar="SHARE",
        help="no-go if the share of rejected good parts rises by more, beyond chance (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--keep-learned", action="store_true",
        help="count images that a bank has learned as well (default: leave them out, as they are no fair test)",
    )  # fmt: skip
    parser.add_argument(
        "--latency-frames", type=int, default=CompareSettings.latency_frames, metavar="N",
        help="measure the latency on N frames, 0 for none (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=CompareSettings.seed, help="of the bootstrap (default: %(default)s)"
    )
    parser.add_argument("--report", type=Path, metavar="DIR", help="write an HTML report with both heat maps")
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )
    add_megapixels_option(parser)


def run(options: argparse.Namespace) -> int:
    """Compares, and prints the decision; returns 0 for go, 1 for no-go, 5 if it is not decided."""
    # matplotlib takes a second to import, and no other command needs it
    from goodpart_bank_builder.report.comparison import check_comparison_folder, write_comparison

    settings = CompareSettings(
        escape_margin=options.escape_margin,
        max_false_reject_rise=options.max_false_reject_rise,
        keep_learned=options.keep_learned,
        latency_frames=options.latency_frames,
        seed=options.seed,
        workers=options.threads,
    )
    # tried now, because the comparison may take minutes
    if options.report is not None:
        check_comparison_folder(options.report)
    category, labels = read_labelled(options.data, group=options.group, group_gap=options.group_gap)
    reader = ImageReader(max_megapixels=options.max_megapixels, say=tell)
    with Inspector.load(options.old, threads=1) as old, Inspector.load(options.new, threads=1) as new:
        found = compare(old, new, category, options.data, settings, reader=reader, labels=labels)
        decision = decide(found, settings)
        if options.report is not None:
            tell(f"report written to {write_comparison(options.report, old, new, found, decision)}")
    if options.json:
        print_json(plain_comparison(found, decision))
    else:
        say(*lines(found, decision))
    return CODES[decision.outcome]


def read_labelled(folder: Path, *, group: str | None, group_gap: int) -> tuple[Category, LabelledExport | None]:
    """The labelled images of a folder, and their labels if it is the export of a station.

    Raises:
        UsageError: the folder is neither an export nor one category, or is malformed.
    """
    if is_export(folder):
        return read_export(folder, group=group, group_gap=group_gap), read_labels(folder)
    categories = read_categories(folder, group=group, group_gap=group_gap)
    if len(categories) > 1:
        names = ", ".join(category.name for category in categories[:5])
        raise UsageError(f"{folder}: expected one category, found {len(categories)} ({names}); give one of them")
    # a root with a single category: names are relative to what was given
    return categories[0], None
