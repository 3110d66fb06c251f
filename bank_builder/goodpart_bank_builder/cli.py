"""`goodpart-bank build | evaluate | demo-data`: the workstation's command line."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import goodpart
from goodpart.atomic import write_file
from goodpart.backbone import usable_cores
from goodpart.command import add_common_options, print_json, run
from goodpart.inspector import Inspector
from goodpart.strict_json import to_plain
from goodpart_bank_builder.build import BuildConfig, BuildReport, build_bundle
from goodpart_bank_builder.dataset import read_categories
from goodpart_bank_builder.demo_data import DEFECTS, TEST_GOOD, TEST_PER_KIND, TRAIN_GOOD, write_demo_data
from goodpart_bank_builder.evaluate import CategoryFigures, evaluate_category, find_bundles, summary
from goodpart_bank_builder.progress import progress_bar


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    return run(lambda options: int(options.command(options)), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="goodpart-bank", description="Build and evaluate bundles on a workstation.")
    parser.add_argument("--version", action="version", version=f"goodpart-bank {goodpart.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    text = "Build a bundle from photographs of good parts."
    build = commands.add_parser("build", help=text, description=text)
    build.set_defaults(command=_build)
    build.add_argument("good_dir", type=Path, metavar="GOOD_DIR", help="folder of good images, searched recursively")
    build.add_argument("--backbone", type=Path, required=True, metavar="FILE", help="from goodpart-export")
    build.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="the bundle folder to make")
    build.add_argument("--name", help="the product's name (default: the name of BUNDLE)")
    build.add_argument(
        "--false-reject-rate", type=float, default=0.05, metavar="RATE",
        help="share of good parts that may be called defective (default %(default)s)",
    )  # fmt: skip
    build.add_argument("--seed", type=int, default=0, help="of the subsample and the index (default %(default)s)")
    build.add_argument("--threads", type=int, default=usable_cores(), help="for embedding (default %(default)s)")
    build.add_argument(
        "--skip-unreadable", action="store_true", help="leave out, name and count images that cannot be read"
    )
    build.add_argument("--force", action="store_true", help="replace an existing bundle")
    build.add_argument("--json", action="store_true", help="print the report as one JSON object")
    add_common_options(build)

    text = "Measure bundles against MVTec-style test sets."
    evaluate = commands.add_parser("evaluate", help=text, description=text)
    evaluate.set_defaults(command=_evaluate)
    evaluate.add_argument(
        "bundle", type=Path, metavar="BUNDLE|BUNDLES_DIR", help="a bundle, or a folder with one per category"
    )
    evaluate.add_argument(
        "--data", type=Path, required=True, metavar="CATEGORY|ROOT",
        help="a folder with test/ and ground_truth/, or a folder of such folders",
    )  # fmt: skip
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    evaluate.add_argument("--threads", type=int, default=usable_cores(), help="threads per frame (default %(default)s)")
    add_common_options(evaluate)

    text = "Draw a small data set of machined parts with planted defects, to try everything without a download."
    demo = commands.add_parser("demo-data", help=text, description=text)
    demo.set_defaults(command=_demo_data)
    demo.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    demo.add_argument("--seed", type=int, default=0, help="default %(default)s")
    add_common_options(demo)
    return parser


def _build(options: argparse.Namespace) -> int:
    report = build_bundle(
        BuildConfig(
            good_dir=options.good_dir,
            backbone=options.backbone,
            out=options.out,
            name=options.name,
            false_reject_rate=options.false_reject_rate,
            seed=options.seed,
            threads=options.threads,
            skip_unreadable=options.skip_unreadable,
            force=options.force,
        )
    )
    if options.json:
        print_json(to_plain(report))
    else:
        _print_build(report)
    return 0


def _print_build(report: BuildReport) -> None:
    calibration = report.calibration
    print(f"bundle      {report.bundle}, digest {report.digest}")
    print(f"images      {report.images} good, {report.skipped_images} skipped")
    print(f"bank        {report.bank}, {report.duplicates} duplicate patches left out, HNSW recall {report.recall:.4f}")
    print(f"calibration mu {calibration.mean:.4f}, sigma {calibration.std:.4f}")
    print(
        f"threshold   {calibration.threshold:.3f} sigmas for a false-reject rate of {calibration.false_reject_rate:g}"
    )
    if report.warning is not None:
        print(report.warning)


def _evaluate(options: argparse.Namespace) -> int:
    categories = read_categories(options.data)
    bundles, missing = find_bundles(options.bundle, categories)
    if missing:
        print(f"no bundle for: {', '.join(missing)}", file=sys.stderr)
    figures: dict[str, CategoryFigures] = {}
    for category in categories:
        if category.name in bundles:
            inspector = Inspector.load(bundles[category.name], threads=options.threads)
            figures[category.name] = evaluate_category(inspector, category)
            _print_category(category.name, figures[category.name])
    result = summary(figures, missing)
    if len(figures) > 1:
        mean = result["mean"]
        print(
            f"[mean of {len(figures)}] image AUROC {_shown(mean['image_auroc'])}, "
            f"image AUPRC {_shown(mean['image_auprc'])}, pixel AUROC {_shown(mean['pixel_auroc'])}"
        )
    if options.json is not None:
        write_file(options.json, (json.dumps(result, indent=2, allow_nan=False) + "\n").encode())
        print(f"figures written to {options.json}", file=sys.stderr)
    return 0


def _print_category(name: str, row: CategoryFigures) -> None:
    """In the manner of the paper's log."""
    print(f"[{name}]{'' if row.warning is None else f' {row.warning}'}")
    print(
        f"  train {row.train_images}, test {row.test_images} ({row.good_images} good, {row.defective_images} defective)"
    )
    print(f"  bank {row.bank}, mu {row.mu:.4f}, sigma {row.sigma:.4f}, threshold {row.threshold:.3f}")
    print(
        f"  image AUROC {_shown(row.image_auroc)}, image AUPRC {_shown(row.image_auprc)}, "
        f"pixel AUROC {_shown(row.pixel_auroc)}"
    )
    print(f"  at the threshold: false rejects {_shown(row.false_reject_rate)}, escapes {_shown(row.escape_rate)}")
    for note in row.notes:
        print(f"  note: {note}")


def _shown(figure: float | None) -> str:
    return "n/a" if figure is None else f"{figure:.4f}"


def _demo_data(options: argparse.Namespace) -> int:
    total = TRAIN_GOOD + TEST_GOOD + TEST_PER_KIND * len(DEFECTS)
    with progress_bar(doing="drawing", total=total, unit="images") as bar:

        def on_image(done: int, total: int) -> None:
            bar.update(done - bar.n)

        drawn = write_demo_data(options.out, seed=options.seed, on_image=on_image)
    kinds = ", ".join(f"{count} {kind}" for kind, count in drawn.defects.items())
    print(f"{options.out}: {drawn.train_good} good to train; to test {drawn.test_good} good, {kinds}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
