"""`goodpart-bank build`: photographs of good parts become a bundle."""

import argparse
import dataclasses
from pathlib import Path

from goodpart._host.atomic import check_file
from goodpart._host.strict_json import to_plain
from goodpart.bundle.term import load_term
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod
from goodpart.facts.manifest import SearchMethod
from goodpart.inspector import Inspector
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.build.build import BuildReport, build_and_keep
from goodpart_bank_builder.build.index import RECALL, search_method
from goodpart_bank_builder.cli.batches import batch_lines
from goodpart_bank_builder.cli.diagnosis import (
    add_report_option,
    kinds_lines,
    look_at_line,
    shortened,
    tell_passed_over,
    warning_lines,
)
from goodpart_bank_builder.cli.given import note_given
from goodpart_bank_builder.cli.learning import add_learning_options, add_reading_options
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.life.rebuild import build_recipe
from goodpart_bank_builder.recipe.recipe import is_recipe
from goodpart_bank_builder.report.beside import Beside, write_beside
from goodpart_bank_builder.report.look_closer import Closer
from goodpart_bank_builder.report.painted import read_painted

SUMMARY = "Build a bundle from photographs of good parts, or from a recipe."

_OF_FOLDER = ("backbone", "out")
"""Options that a build from a folder needs."""

_PAIRS_SHOWN = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command; each option of the build is called like its field of `BuildSettings`."""
    parser.description = (
        f"{SUMMARY} With a recipe, an option counts instead of what the recipe says, and the bundle states it."
    )
    parser.add_argument(
        "good_dir", type=Path, metavar="GOOD_DIR|RECIPE",
        help="folder of good images, searched recursively, or a recipe (.toml) from goodpart-bank init",
    )  # fmt: skip
    parser.add_argument(
        "--backbone", type=Path, metavar="FILE", help="file from goodpart-export; needed without a recipe"
    )
    parser.add_argument(
        "--out", type=Path, metavar="BUNDLE",
        help="the bundle folder to make; needed without a recipe (default with one: bundles/NAME beside it)",
    )  # fmt: skip
    parser.add_argument("--name", help="the product's name (default: the name of BUNDLE)")
    add_learning_options(parser)
    parser.add_argument(
        "--calibration-parts", type=int, metavar="N",
        help="let at most N parts set the threshold, always the same ones (default: all)",
    )  # fmt: skip
    methods = ", ".join(method.value for method in CalibrationMethod)
    parser.add_argument(
        "--calibration", type=_method, default=BuildSettings.calibration.value, metavar="METHOD",
        help=f"one of {methods}. cross-conformal holds all parts out in turn; its rate is a target. split keeps a "
        "third of the parts out of the bank; its rate is guaranteed (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--head", type=_head, default=BuildSettings.head, metavar="off|auto|ALPHA",
        help="how much a head counts that is trained on painted defects, in standard deviations, at most 4; auto: "
        "as painted defects of held-out parts suggest (default: auto, if the backbone's profile has a head)",
    )  # fmt: skip
    parser.add_argument(
        "--serial", type=int, default=BuildSettings.serial, metavar="N",
        help="give each new bundle of a product a higher number; devices can refuse lower ones (default: %(default)s)",
    )  # fmt: skip
    add_reading_options(parser)
    parser.add_argument(
        "--thumbnails", action=argparse.BooleanOptionalAction, default=BuildSettings.thumbnails,
        help="put small pictures of the learned images into the bundle, to show beside a defect (default: yes)",
    )  # fmt: skip
    parser.add_argument(
        "--any-size", action="store_true",
        help="judge frames of every size (default: refuse frames of another size than the good images)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace an existing bundle")
    parser.add_argument(
        "--findings", type=Path, metavar="FILE",
        help="write what wants a look as JSON (default: BUNDLE.findings.json beside the bundle, if anything was found)",
    )  # fmt: skip
    add_report_option(parser)
    parser.add_argument(
        "--no-workspace", dest="workspace", action="store_false",
        help="with a recipe: neither use nor fill the workspace beside it; the bundle is the same, and slower to make",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object")
    note_given(parser)


def run(options: argparse.Namespace) -> int:
    """Builds, and prints the report; returns the exit code."""
    if options.findings is not None:
        check_file(options.findings)
    if options.report is not None:
        # matplotlib takes a second to import, and only a page needs it
        from goodpart_bank_builder.report.suspects import check_suspects_folder

        check_suspects_folder(options.report)
    settings, report, beside = _built(options)
    warning = warning_lines(report.diagnosis)
    if options.report is not None:
        tell(f"report      {_write_page(options.report, settings, report)}")
    if report.ignored_patches > report.frame_patches / 2:
        tell(f"--ignore: {_ignored(report)} never count; white is where the frame is ignored: is that meant?")
    if options.json:
        print_json(significant_plain(to_plain(report), FIGURE_DIGITS))
        # stdout holds the report alone
        tell(*warning)
        return 0
    _print(report, beside.painted)
    say(look_at_line(report.diagnosis, beside.findings), *kinds_lines(report.diagnosis), *warning)
    return 0


def _built(options: argparse.Namespace) -> tuple[BuildSettings, BuildReport, Beside]:
    """Builds from a recipe or from a folder, and writes what lies beside the bundle."""
    names = {field.name for field in dataclasses.fields(BuildSettings)}
    if is_recipe(options.good_dir):
        given = {name: getattr(options, name) for name in options.given & names - {"threads", "force"}}
        recipe = options.good_dir
        with build_recipe(recipe, given, threads=options.threads, workspace=options.workspace) as rebuilt:
            beside = write_beside(rebuilt.settings, rebuilt.report, rebuilt.learned, options.findings)
        tell(*([] if rebuilt.workspace is None else [f"workspace   {rebuilt.workspace}"]))
        return rebuilt.settings, rebuilt.report, beside
    if missing := [name for name in _OF_FOLDER if getattr(options, name) is None]:
        raise UsageError(
            f"{options.good_dir}: expected --{missing[0]} with a folder of good images, found none; give it, or a "
            f"recipe (.toml)"
        )
    tell_passed_over(options.good_dir, becomes="learned")
    settings = BuildSettings(**{name: getattr(options, name) for name in names if hasattr(options, name)})
    report, learned = build_and_keep(settings)
    return settings, report, write_beside(settings, report, learned, options.findings)


def _head(text: str) -> float | None:
    if text in ("off", "auto"):
        return 0.0 if text == "off" else None
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected off, auto or a number, found {text!r}") from error


def _write_page(folder: Path, settings: BuildSettings, report: BuildReport) -> Path:
    from goodpart_bank_builder.report.suspects import write_suspects

    with Inspector.load(settings.out, threads=1) as inspector:
        closer = Closer(settings, inspector.backbone, inspector.bank.vectors, load_term(inspector.bundle))
        painted = read_painted(inspector.bundle)
        return write_suspects(folder, settings, report.diagnosis, closer, inspector.calibration, painted=painted)


def _method(text: str) -> CalibrationMethod:
    try:
        return CalibrationMethod(text)
    except ValueError as error:
        methods = " or ".join(method.value for method in CalibrationMethod)
        raise argparse.ArgumentTypeError(f"expected {methods}, found {text!r}") from error


def _print(report: BuildReport, painted: Path | None) -> None:
    calibration = report.calibration
    say(f"bundle      {report.bundle}, digest {report.digest}")
    say(f"images      {report.images} of {report.parts} good parts, {report.skipped_images} skipped")
    for line in batch_lines(report):
        say(line)
    if report.excluded:
        say(f"excluded    {len(report.excluded)} on demand: {shortened(list(report.excluded))}")
    for phrase in report.passed_over:
        say(f"passed over {phrase}")
    say(f"bank        {report.bank}, {report.duplicates} duplicate patches left out, HNSW recall {report.recall:.4f}")
    if report.recall < RECALL and search_method(report.bank[0]) is SearchMethod.GRAPH:
        say(f"            below {RECALL:g}: scores are exact, heat maps below the pixel threshold may show too much")
    say(f"head        {report.head}")
    if painted is not None:
        say(f"            what it was taught: --report DIR, here or of evaluate, shows the pictures of {painted}")
    if report.ignored_patches:
        say(f"ignored     {_ignored(report)} never count")
    say(
        f"calibration mu {calibration.mean:.4f}, sigma {calibration.std:.4f}, {calibration.method.value}, "
        f"{len(calibration.scores)} held-out {calibration.rate_unit.value}s"
    )
    say(f"threshold   {calibration.threshold:.3f} sigmas for a false-reject rate of {calibration.false_reject_rate:g}")
    say(f"            {calibration.promise}")
    support = report.diagnosis.threshold
    if support.count == 1:
        say(
            f"            this threshold is the score of one image, {support.parts[0].image}: the highest of all "
            f"held-out {calibration.rate_unit.value}s; look at it, and photograph more parts or allow a higher rate"
        )
    if report.thumbnails:
        kb = report.thumbnail_bytes / 1e3
        say(f"thumbnails  {report.thumbnails} images, {kb:.0f} kB, {kb / report.thumbnails:.1f} kB each")
    for line in lookalike_lines(report):
        say(line)
    if report.warning is not None:
        say(report.warning)


def _ignored(report: BuildReport) -> str:
    share = report.ignored_patches / report.frame_patches
    return f"{report.ignored_patches} of {report.frame_patches} patches of every frame ({share * 100:.0f} %)"


def lookalike_lines(report: BuildReport) -> list[str]:
    """The warning that near-identical images were held out apart; no lines where none were."""
    if not report.lookalike_pairs:
        return []
    pairs, were = ("1 pair", "was") if report.lookalike_pairs == 1 else (f"{report.lookalike_pairs} pairs", "were")
    return [
        f"warning     {pairs} of near-identical images {were} held out apart. If a pair shows one part, the threshold "
        f"is too low: remove one of each pair, or name parts with --group. The nearest:",
        *(f"            {one}  {other}" for one, other in report.lookalikes[:_PAIRS_SHOWN]),
    ]
