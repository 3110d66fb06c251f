"""`goodpart-bank evaluate`: bundles are measured on labelled test sets."""

import argparse
import json
from pathlib import Path

from goodpart._host.atomic import check_file, write_file
from goodpart._host.machine import usable_cores
from goodpart.cli.options import add_megapixels_option
from goodpart.cli.rows import say, tell
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart_bank_builder.cli.grouping import add_group_options
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.costs import Costs
from goodpart_bank_builder.evaluate.evaluate import evaluate_category, find_bundles
from goodpart_bank_builder.evaluate.evaluation_log import category_lines, mean_line
from goodpart_bank_builder.evaluate.figures import CategoryResult
from goodpart_bank_builder.evaluate.summary import summary

SUMMARY = "Measure bundles on MVTec-style test sets."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument(
        "bundle", type=Path, metavar="BUNDLE|BUNDLES_DIR", help="a bundle, or a folder with one per category"
    )
    parser.add_argument(
        "--data", type=Path, required=True, metavar="CATEGORY|ROOT",
        help="a folder with test/ and ground_truth/, or a folder of such folders",
    )  # fmt: skip
    add_group_options(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write an HTML report: figures, charts, escapes and false rejects"
    )
    parser.add_argument(
        "--escape-cost", type=float, default=Costs.escape_cost, metavar="COST",
        help="what one escape costs if one false reject costs 1 (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--defect-rate", type=float, default=Costs.defect_rate, metavar="RATE",
        help="share of defective parts on the line, for the expected cost (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )
    add_megapixels_option(parser)


def run(options: argparse.Namespace) -> int:
    """Evaluates, prints the figures, and writes JSON and report; returns the exit code."""
    # matplotlib takes a second to import, and no other command needs it
    from goodpart_bank_builder.report.report import check_report_folder, write_report

    costs = Costs(escape_cost=options.escape_cost, defect_rate=options.defect_rate)
    # tried now, because the evaluation may take minutes
    if options.json is not None:
        check_file(options.json)
    if options.report is not None:
        check_report_folder(options.report)
    categories = read_categories(options.data, group=options.group, group_gap=options.group_gap)
    bundles, missing = find_bundles(options.bundle, categories)
    if missing:
        tell(f"no bundle for: {', '.join(missing)}")
    reader = ImageReader(max_megapixels=options.max_megapixels, say=tell)
    results: dict[str, tuple[Inspector, CategoryResult]] = {}
    for category in categories:
        if category.name in bundles:
            inspector = Inspector.load(bundles[category.name], threads=1)
            found = evaluate_category(inspector, category, costs=costs, workers=options.threads, reader=reader)
            results[category.name] = inspector, found
            lines = category_lines(category.name, found.figures, conclusion=conclude(found))
            say(*lines)
    only_results = {name: found for name, (_, found) in results.items()}
    if len(results) > 1:
        say(mean_line([found.figures for found in only_results.values()]))
    if options.json is not None:
        plain = summary(only_results, missing, data=options.data)
        write_file(options.json, (json.dumps(plain, indent=2, allow_nan=False) + "\n").encode())
        tell(f"figures written to {options.json}")
    if options.report is not None:
        tell(f"report written to {write_report(options.report, results, missing, bundles=bundles)}")
    return 0
