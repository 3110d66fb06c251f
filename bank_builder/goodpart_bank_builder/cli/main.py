"""`goodpart-bank build | sign | keygen | evaluate | demo-data`: the workstation's command line."""

import argparse
import importlib.metadata
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from goodpart._host.atomic import check_file, write_file
from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import SIGNATURE
from goodpart.cli.common import add_common_options, print_json, run
from goodpart.facts.calibration import CalibrationMethod
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import BuildReport, BuildSettings, build_bundle
from goodpart_bank_builder.build.sign import make_keys, sign_bundle
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.demo.demo_data import DEFECTS, TEST_GOOD, TEST_PER_KIND, TRAIN_GOOD, write_demo_data
from goodpart_bank_builder.evaluate.costs import Costs
from goodpart_bank_builder.evaluate.evaluate import evaluate_category, find_bundles, summary
from goodpart_bank_builder.evaluate.evaluation_log import category_lines, mean_line
from goodpart_bank_builder.evaluate.figures import CategoryResult
from goodpart_bank_builder.progress import progress_bar

_LOOKALIKES_SHOWN = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    return run(lambda options: int(options.command(options)), _parser(), argv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="goodpart-bank", description="Build and evaluate bundles on a workstation.")
    version = importlib.metadata.version("goodpart-bank-builder")
    parser.add_argument("--version", action="version", version=f"goodpart-bank {version}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, call: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=call)
        add_common_options(added)
        return added

    _add_build_options(command("build", _build, "Build a bundle from photographs of good parts."))
    _add_evaluate_options(command("evaluate", _evaluate, "Measure bundles against MVTec-style test sets."))
    _add_signing_commands(command)
    text = "Draw a small data set of machined parts with planted defects, to try everything without a download."
    demo = command("demo-data", _demo_data, text)
    demo.add_argument("out", type=Path, metavar="OUT", help="the folder to make")
    demo.add_argument("--seed", type=int, default=0, help="default %(default)s")
    return parser


def _add_signing_commands(command: Callable[[str, object, str], argparse.ArgumentParser]) -> None:
    keygen = command("keygen", _keygen, "Make an Ed25519 key pair to sign bundles with.")
    keygen.add_argument("key", type=Path, metavar="KEY", help="the private key's file; KEY.pub is for the devices")
    sign = command("sign", _sign, "Sign a bundle, so that devices with the public key accept it.")
    sign.add_argument("bundle", type=Path, metavar="BUNDLE", help="the bundle folder")
    sign.add_argument("--key", type=Path, required=True, metavar="KEY", help="the private key, from keygen")


def _add_build_options(build: argparse.ArgumentParser) -> None:
    build.add_argument("good_dir", type=Path, metavar="GOOD_DIR", help="folder of good images, searched recursively")
    build.add_argument("--backbone", type=Path, required=True, metavar="FILE", help="from goodpart-export")
    build.add_argument("--out", type=Path, required=True, metavar="BUNDLE", help="the bundle folder to make")
    build.add_argument("--name", help="the product's name (default: the name of BUNDLE)")
    build.add_argument(
        "--false-reject-rate", type=float, default=0.05, metavar="RATE",
        help="share of good parts that may be called defective (default %(default)s)",
    )  # fmt: skip
    build.add_argument(
        "--calibration", choices=[method.value for method in CalibrationMethod],
        default=CalibrationMethod.CROSS_CONFORMAL.value,
        help="hold parts out in turn, with a target rate, or keep a third of them out of the bank, with a proven one "
        "(default %(default)s)",
    )  # fmt: skip
    build.add_argument(
        "--group", metavar="REGEX",
        help="which images show one part: those in whose names the groups of REGEX match the same "
        "(default: every image shows a part of its own)",
    )  # fmt: skip
    build.add_argument(
        "--group-gap", type=int, default=0, metavar="N",
        help="the last group of REGEX is a running number, and the numbers of one part lie at most N apart",
    )  # fmt: skip
    build.add_argument(
        "--ignore", type=Path, metavar="MASK", help="picture as large as the frames, white where they never count"
    )
    build.add_argument(
        "--serial", type=int, default=0, metavar="N",
        help="grows from each bundle of a product to the next; devices may refuse lower ones (default %(default)s)",
    )  # fmt: skip
    build.add_argument("--seed", type=int, default=0, help="of folds, coreset and index (default %(default)s)")
    build.add_argument("--threads", type=int, default=usable_cores(), help="images at a time (default %(default)s)")
    build.add_argument(
        "--skip-unreadable", action="store_true", help="leave out, name and count images that cannot be read"
    )
    build.add_argument("--force", action="store_true", help="replace an existing bundle")
    build.add_argument("--json", action="store_true", help="print the report as one JSON object")


def _add_evaluate_options(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument(
        "bundle", type=Path, metavar="BUNDLE|BUNDLES_DIR", help="a bundle, or a folder with one per category"
    )
    evaluate.add_argument(
        "--data", type=Path, required=True, metavar="CATEGORY|ROOT",
        help="a folder with test/ and ground_truth/, or a folder of such folders",
    )  # fmt: skip
    evaluate.add_argument("--json", type=Path, metavar="FILE", help="write all figures as JSON")
    evaluate.add_argument(
        "--report", type=Path, metavar="DIR", help="write an HTML report: figures, charts, escapes and false rejects"
    )
    evaluate.add_argument(
        "--escape-cost", type=float, default=Costs.escape_cost, metavar="COST",
        help="what one escape costs when one false reject costs 1 (default %(default)g)",
    )  # fmt: skip
    evaluate.add_argument(
        "--defect-rate", type=float, default=Costs.defect_rate, metavar="RATE",
        help="share of defective parts on the line, for the expected cost (default %(default)g)",
    )  # fmt: skip
    evaluate.add_argument("--threads", type=int, default=usable_cores(), help="images at a time (default %(default)s)")


def _build(options: argparse.Namespace) -> int:
    report = build_bundle(
        BuildSettings(
            good_dir=options.good_dir,
            backbone=options.backbone,
            out=options.out,
            name=options.name,
            serial=options.serial,
            false_reject_rate=options.false_reject_rate,
            calibration=CalibrationMethod(options.calibration),
            group=options.group,
            group_gap=options.group_gap,
            ignore=options.ignore,
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
    _print_lookalikes(report.lookalikes)
    if report.warning is not None:
        print(report.warning)


def _print_lookalikes(pairs: Sequence[tuple[str, str]]) -> None:
    if not pairs:
        return
    print(
        f"warning     {len(pairs)} pairs of near-identical images were held out apart. If they show one part, the "
        f"threshold is too low: name parts with --group. The nearest:"
    )
    for one, other in pairs[:_LOOKALIKES_SHOWN]:
        print(f"            {one}  {other}")


def _evaluate(options: argparse.Namespace) -> int:
    # matplotlib takes its time, and building needs none
    from goodpart_bank_builder.report.report import check_report_folder, write_report

    costs = Costs(escape_cost=options.escape_cost, defect_rate=options.defect_rate)
    if options.json is not None:
        check_file(options.json)
    if options.report is not None:
        check_report_folder(options.report)
    categories = read_categories(options.data)
    bundles, missing = find_bundles(options.bundle, categories)
    if missing:
        print(f"no bundle for: {', '.join(missing)}", file=sys.stderr)
    results: dict[str, tuple[Inspector, CategoryResult]] = {}
    for category in categories:
        if category.name in bundles:
            inspector = Inspector.load(bundles[category.name], threads=1)
            found = evaluate_category(inspector, category, costs=costs, workers=options.threads)
            results[category.name] = inspector, found
            print("\n".join(category_lines(category.name, found.figures)), flush=True)
    only_results = {name: found for name, (_, found) in results.items()}
    if len(results) > 1:
        print(mean_line([found.figures for found in only_results.values()]))
    if options.json is not None:
        plain = summary(only_results, missing, data=options.data)
        write_file(options.json, (json.dumps(plain, indent=2, allow_nan=False) + "\n").encode())
        print(f"figures written to {options.json}", file=sys.stderr)
    if options.report is not None:
        print(f"report written to {write_report(options.report, results, missing)}", file=sys.stderr)
    return 0


def _keygen(options: argparse.Namespace) -> int:
    public = make_keys(options.key)
    print(f"private key {options.key}: keep it on this workstation, and a copy of it in a safe place")
    print(f"public key  {public}: copy it to the devices")
    return 0


def _sign(options: argparse.Namespace) -> int:
    bundle = sign_bundle(options.bundle, options.key)
    print(f"{options.bundle / SIGNATURE}: serial {bundle.manifest.serial}, digest {bundle.digest}")
    return 0


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
