"""`goodpart-bank build`: photographs of good parts become a bundle."""

import argparse
import dataclasses
from pathlib import Path

from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.facts.calibration import CalibrationMethod
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.build.build import BuildReport, build_bundle
from goodpart_bank_builder.cli.grouping import add_group_options
from goodpart_bank_builder.data.settings import BuildSettings

SUMMARY = "Build a bundle from photographs of good parts."

_PAIRS_SHOWN = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command; each option of the build is called like its field of `BuildSettings`."""
    parser.add_argument("good_dir", type=Path, metavar="GOOD_DIR", help="folder of good images, searched recursively")
    parser.add_argument("--backbone", type=Path, required=True, metavar="FILE", help="file from goodpart-export")
    parser.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="the bundle folder to make")
    parser.add_argument("--name", help="the product's name (default: the name of BUNDLE)")
    parser.add_argument(
        "--false-reject-rate", type=float, default=BuildSettings.false_reject_rate, metavar="RATE",
        help="share of good parts that may be called defective (default: %(default)s)",
    )  # fmt: skip
    methods = ", ".join(method.value for method in CalibrationMethod)
    parser.add_argument(
        "--calibration", type=_method, default=BuildSettings.calibration.value, metavar="METHOD",
        help=f"one of {methods}. cross-conformal holds all parts out in turn; its rate is a target. split keeps a "
        "third of the parts out of the bank; its rate is guaranteed (default: %(default)s)",
    )  # fmt: skip
    add_group_options(parser)
    parser.add_argument(
        "--ignore", type=Path, metavar="MASK", help="picture as large as the frames, white where they never count"
    )
    parser.add_argument(
        "--serial", type=int, default=BuildSettings.serial, metavar="N",
        help="give each new bundle of a product a higher number; devices can refuse lower ones (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=BuildSettings.seed, help="of folds, coreset and index (default: %(default)s)"
    )
    parser.add_argument(
        "--threads", type=int, default=usable_cores(), help="images to work on at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--skip-unreadable", action="store_true", help="leave out, name and count images that cannot be read"
    )
    parser.add_argument("--force", action="store_true", help="replace an existing bundle")
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Builds, and prints the report; returns the exit code."""
    fields = dataclasses.fields(BuildSettings)
    report = build_bundle(BuildSettings(**{field.name: getattr(options, field.name) for field in fields}))
    if options.json:
        print_json(significant_plain(to_plain(report), FIGURE_DIGITS))
    else:
        _print(report)
    return 0


def _method(text: str) -> CalibrationMethod:
    try:
        return CalibrationMethod(text)
    except ValueError as error:
        methods = " or ".join(method.value for method in CalibrationMethod)
        raise argparse.ArgumentTypeError(f"expected {methods}, found {text!r}") from error


def _print(report: BuildReport) -> None:
    calibration = report.calibration
    print(f"bundle      {report.bundle}, digest {report.digest}")
    print(f"images      {report.images} of {report.parts} good parts, {report.skipped_images} skipped")
    print(f"bank        {report.bank}, {report.duplicates} duplicate patches left out, HNSW recall {report.recall:.4f}")
    if report.ignored_patches:
        print(f"ignored     {report.ignored_patches} patches of every frame never count")
    print(
        f"calibration mu {calibration.mean:.4f}, sigma {calibration.std:.4f}, {calibration.method.value}, "
        f"{len(calibration.scores)} held-out parts"
    )
    print(
        f"threshold   {calibration.threshold:.3f} sigmas for a false-reject rate of {calibration.false_reject_rate:g}"
    )
    print(f"            {calibration.promise}")
    _print_lookalikes(report)
    if report.warning is not None:
        print(report.warning)


def _print_lookalikes(report: BuildReport) -> None:
    if not report.lookalike_pairs:
        return
    pairs, were = ("1 pair", "was") if report.lookalike_pairs == 1 else (f"{report.lookalike_pairs} pairs", "were")
    print(
        f"warning     {pairs} of near-identical images {were} held out apart. If a pair shows one part, the threshold "
        f"is too low: remove one of each pair, or name parts with --group. The nearest:"
    )
    for one, other in report.lookalikes[:_PAIRS_SHOWN]:
        print(f"            {one}  {other}")
