"""`goodpart-bank try`: from two folders of photographs to a first result."""

import argparse
import os
import shlex
from pathlib import Path

from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json
from goodpart.cli.rows import say, tell
from goodpart.errors import UsageError
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.cli.build import lookalike_lines
from goodpart_bank_builder.cli.diagnosis import kinds_lines, look_at_line, warning_lines
from goodpart_bank_builder.cli.learning import add_learning_options, add_reading_options
from goodpart_bank_builder.cli.try_export import ExportFailedError, ExportSettings
from goodpart_bank_builder.cli.try_steps import (
    BACKBONE,
    BUNDLE,
    DOCTOR,
    FINDINGS,
    REPORT,
    Tried,
    TrySettings,
    try_folders,
)
from goodpart_bank_builder.data.folders import is_good_name
from goodpart_bank_builder.data.settings import BuildSettings
from goodpart_bank_builder.evaluate.conclusion import SEEN_INPUT_PX, Conclusion, ConclusionKind, conclude
from goodpart_bank_builder.evaluate.evaluation_log import figure_lines
from goodpart_bank_builder.evaluate.summary import plain_category

SUMMARY = "Get a first result from photographs of good parts, and of bad parts if there are any."

_INDENT = " " * 12


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this command."""
    parser.add_argument("good_dir", type=Path, metavar="GOOD", help="folder of good parts, searched recursively")
    parser.add_argument(
        "bad_dir", type=Path, metavar="BAD", nargs="?",
        help="folder of bad parts, searched recursively; sub-folders are kinds of defects",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder for all results (default: PRODUCT-try, in this folder)"
    )
    parser.add_argument("--name", help="the product's name (default: the name of GOOD, or of the folder above it)")
    parser.add_argument(
        "--weights", default="imagenet", metavar="imagenet|FILE|untrained",
        help="passed on to goodpart-export (default: %(default)s, which torchvision downloads once)",
    )  # fmt: skip
    parser.add_argument("--backbone", type=Path, metavar="FILE", help="a file from goodpart-export, to skip the export")
    parser.add_argument(
        "--smallest-defect-px", type=float, metavar="N",
        help="side of the smallest defect that matters, in frame pixels; passed on to goodpart-export",
    )  # fmt: skip
    parser.add_argument(
        "--roi", metavar="Y,X,H,W", help="the part of the frame that is inspected; passed on to goodpart-export"
    )
    add_learning_options(parser)
    add_reading_options(parser)
    parser.add_argument("--force", action="store_true", help="replace the results of an earlier try")
    parser.add_argument("--json", action="store_true", help="print the results as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Tries, and prints what came out; returns the exit code, 0 whatever the verdict."""
    settings = _settings(options)
    try:
        tried = try_folders(settings)
    except ExportFailedError as error:
        # the command has said why
        return error.code
    conclusion, out = conclude(tried.result), settings.build.out
    for phrase in tried.report.passed_over:
        tell(f"{options.good_dir}: not learned: {phrase}")
    diagnosis = tried.report.diagnosis
    if options.json:
        print_json(_plain(settings, tried))
        # stdout holds the results alone
        tell(*warning_lines(diagnosis))
        return 0
    lines = [
        f"images      {_good(tried)}, {_bad(tried)}",
        *_input_lines(settings, tried),
        look_at_line(diagnosis, out / FINDINGS),
        *kinds_lines(diagnosis),
        *lookalike_lines(tried.report),
        f"threshold   {tried.result.figures.threshold:.3f} sigmas for a false-reject rate of "
        f"{settings.build.false_reject_rate:g}",
        *figure_lines(tried.result.figures),
        *warning_lines(diagnosis),
        "",
        f"verdict     {conclusion.headline}",
        *(f"{_INDENT}{reason}" for reason in conclusion.reasons),
        f"report      {out / REPORT / 'index.html'}",
        f"doctor      {out / DOCTOR / 'index.html'}: the good images that want a look, and what the threshold rests on",
        f"next        {_next(settings, conclusion, options.good_dir)}",
    ]
    say(*lines)
    return 0


def _settings(options: argparse.Namespace) -> TrySettings:
    # absolute, so that names in both folders have a common folder
    good_dir = Path(os.path.abspath(options.good_dir))  # noqa: PTH100 - resolve() would rename linked folders
    name = _product(good_dir) if options.name is None else options.name
    out = Path(f"{name}-try") if options.out is None else options.out
    if options.backbone is not None:
        for option, value in (("--smallest-defect-px", options.smallest_defect_px), ("--roi", options.roi)):
            if value is not None:
                raise UsageError(
                    f"{option}: expected no --backbone beside it, which has its own; leave one of them out"
                )
    build = BuildSettings(
        good_dir=good_dir,
        backbone=out / BACKBONE if options.backbone is None else options.backbone,
        out=out,
        name=name,
        force=options.force,
        group=options.group,
        group_gap=options.group_gap,
        exclude=options.exclude,
        false_reject_rate=options.false_reject_rate,
        rate_per=options.rate_per,
        ignore=options.ignore,
        seed=options.seed,
        threads=options.threads,
        skip_unreadable=options.skip_unreadable,
        max_megapixels=options.max_megapixels,
    )
    export = ExportSettings(
        weights=options.weights, images=good_dir, smallest_defect_px=options.smallest_defect_px, roi=options.roi
    )
    bad_dir = None if options.bad_dir is None else Path(os.path.abspath(options.bad_dir))  # noqa: PTH100 - as above
    return TrySettings(build=build, bad_dir=bad_dir, export=export if options.backbone is None else None)


def _product(good_dir: Path) -> str:
    """The name of the folder, or of the first folder above whose name says more than that its parts are good."""
    for folder in (good_dir, *good_dir.parents):
        if folder.name and not is_good_name(folder.name) and folder.name != "train":
            return folder.name
    return good_dir.name or "product"


def _good(tried: Tried) -> str:
    report = tried.report
    text = f"{report.images} good images" + (f" of {report.parts} parts" if report.parts != report.images else "")
    left = {"excluded": len(report.excluded), "skipped": report.skipped_images}
    return text + "".join(f", {count} {word}" for word, count in left.items() if count)


def _bad(tried: Tried) -> str:
    figures = tried.result.figures
    if not figures.defective_images:
        return "no bad ones"
    return f"{figures.defective_images} bad images ({', '.join(figures.kinds)})"


def _input_lines(settings: TrySettings, tried: Tried) -> list[str]:
    height_px, width_px = tried.input_px
    seen = tried.result.figures.smallest_defect_px
    line = f"input       {height_px}x{width_px} pixels (HxW)"
    if seen is not None:
        line += (
            f"; a defect of {seen:.0f} frame pixels covers {SEEN_INPUT_PX} of them along each side, which shows it well"
        )
    lines = [line]
    exported = tried.exported
    if exported is not None and settings.export is not None and settings.export.smallest_defect_px is None:
        lines.append(f"{_INDENT}for smaller defects give --smallest-defect-px N, their size in frame pixels")
    if exported is not None and isinstance(price := exported.get("price"), dict):
        lines.append(
            f"price       {price['embed_ms']:.0f} ms to embed a frame here (measured, one thread); without "
            f"--smallest-defect-px about {price['without_ms']:.0f} ms (estimated from the pixels)"
        )
    return lines


def _next(settings: TrySettings, conclusion: Conclusion, good_dir: Path) -> str:
    """What to do next, with the folder of good parts as it was given."""
    out, build = settings.build.out, settings.build
    if conclusion.kind is ConclusionKind.CANNOT_TELL:
        return "read docs/when-it-works.md: light, camera and the size of the defect in the picture decide"
    again = shlex.join(["goodpart-bank", "build", str(good_dir), "--backbone", str(out / BACKBONE)])
    if conclusion.kind is ConclusionKind.NOT_TRIED:
        more = f"goodpart-bank try {shlex.quote(str(good_dir))} BAD"
        return f"photograph some bad parts, and give their folder as well: {more}"
    return (
        f"look at the report; then judge new parts with goodpart score {shlex.quote(str(out / BUNDLE))} PICTURES, and "
        f"ship that folder; with more good parts build again: {again} --out bundles/{shlex.quote(build.product)}"
    )


def _plain(settings: TrySettings, tried: Tried) -> dict[str, object]:
    out, build = settings.build.out, settings.build
    folders = [str(build.good_dir), *([] if settings.bad_dir is None else [str(settings.bad_dir)])]
    category = plain_category(tried.result, Path(os.path.commonpath(folders)))
    return {
        "name": build.product,
        "conclusion": category.pop("conclusion"),
        "report": str(out / REPORT / "index.html"),
        "doctor": str(out / DOCTOR / "index.html"),
        "bundle": str(out / BUNDLE),
        "backbone": str(out / BACKBONE),
        "input_px": list(tried.input_px),
        "evaluation": category,
        "build": significant_plain(to_plain(tried.report), FIGURE_DIGITS),
        "export": significant_plain(tried.exported, FIGURE_DIGITS),
    }
