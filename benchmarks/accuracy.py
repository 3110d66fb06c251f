"""Accuracy: builds and evaluates every category with several seeds, for the published table of figures.

Categories are laid out as in MVTec AD: `train/good/*`, `test/<kind>/*`,
`ground_truth/<kind>/<stem>_mask.png`. The seed decides the subsample of the bank and the levels of the HNSW graph, so
the spread over seeds shows how much of a figure is chance. Where a bundle has a head, the areas that the distance alone
reaches with the same bank stand beside. A Markdown table is printed to stderr.

    python benchmarks/accuracy.py --data CATEGORY|ROOT ... --weights FILE --seeds 0 1 2
"""

import argparse
import contextlib
import dataclasses
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart._host.machine import usable_cores
from goodpart._host.strict_json import to_plain
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.inspector import Inspector
from goodpart_bank_builder import BuildSettings, build_bundle
from goodpart_bank_builder.data.dataset import Category, read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.figures import MEAN_OF
from goodpart_bank_builder.evaluate.metrics import mean_of
from goodpart_export import (
    ExportReport,
    choose_input,
    choose_range,
    export_backbone,
    load_profile,
    load_weights,
    quantize_backbone,
    survey,
)

_PACKAGES = (*RUNTIME_PACKAGES, "goodpart-bank-builder", "goodpart-export", "opencv-python-headless", "torch")
_SHOWN = {
    "image_auroc": "image AUROC",
    "image_auprc": "image AUPRC",
    "pixel_auroc": "pixel AUROC",
    "pixel_auprc": "pixel AUPRC",
    "aupro_30": "AUPRO 0.30",
}
_WITHOUT_HEAD = {
    "image_auroc_without_head": "image AUROC without the head",
    "pixel_auroc_without_head": "pixel AUROC without the head",
    "aupro_30_without_head": "AUPRO 0.30 without the head",
}
"""Figures of the distance alone, from the same banks; None where a bundle has no head."""

_FIGURES = (*MEAN_OF, *_WITHOUT_HEAD)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument(
        "--data", type=Path, nargs="+", required=True, metavar="CATEGORY|ROOT", help="MVTec-style folders"
    )
    made.add_argument("--weights", required=True, metavar="FILE", help="as in goodpart-export")
    made.add_argument("--profile", default="paper", metavar="NAME|FILE", help="default %(default)s")
    made.add_argument(
        "--size-auto", action="store_true", help="as goodpart-export --size auto does, for every category"
    )
    made.add_argument("--int8", action="store_true", help="quantize the backbone as goodpart-quantize does")
    made.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="default %(default)s")
    made.add_argument("--work", type=Path, metavar="DIR", help="keep backbone and bundles here (default: not kept)")
    made.add_argument("--threads", type=count, default=usable_cores(), help="default %(default)s")
    return run(_accuracy, made, argv)


def _accuracy(options: argparse.Namespace) -> int:
    categories = _categories(options.data)
    rows: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        work = options.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name, (category, good_dir) in categories.items():
            backbone = work / f"{name}.onnx"
            profile = _export(options, backbone, good_dir).backbone.profile
            if options.int8:
                exact, backbone = backbone, work / f"{name}-int8.onnx"
                quantize_backbone(exact, good_dir, backbone, force=True)
            by_seed = {}
            for seed in options.seeds:
                out = work / f"seed{seed}" / name
                config = BuildSettings(
                    good_dir=good_dir, backbone=backbone, out=out, seed=seed, threads=options.threads, force=True
                )
                by_seed[str(seed)] = _figures(config, category)
            rows[name] = {
                "profile": to_plain(profile),
                "precision": "int8" if options.int8 else "float32",
                "backbone_sha256": hashlib.sha256(backbone.read_bytes()).hexdigest(),
                "seeds": by_seed,
                **_spread(list(by_seed.values())),
            }
    mean = {figure: mean_of([row["mean"][figure] for row in rows.values()]) for figure in _FIGURES}
    tell(_table(rows, mean, len(options.seeds)))
    print_json(
        {
            **headline("accuracy", seed=None, digest=None, packages=_PACKAGES),
            "seeds": options.seeds,
            "threads": options.threads,
            "categories": rows,
            "mean": mean,
        }
    )
    return 0


def _categories(folders: Sequence[Path]) -> dict[str, tuple[Category, Path]]:
    """Categories with their folders of good images, by name."""
    found: dict[str, tuple[Category, Path]] = {}
    for given in folders:
        for category in read_categories(given):
            folder = given if (given / "test").is_dir() else given / category.name
            if category.name in found:
                raise UsageError(f"--data {given}: expected every category once, found {category.name} again")
            found[category.name] = category, folder / "train" / "good"
    return found


def _export(options: argparse.Namespace, out: Path, good_dir: Path) -> ExportReport:
    out.parent.mkdir(parents=True, exist_ok=True)
    profile = load_profile(options.profile)
    network, weights = load_weights(options.weights, stages=profile.stages)
    frame = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
    if profile.excess is not None:
        # as goodpart-export implies it for such a profile
        frame = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 65535), roi=None)
        chosen = choose_range(good_dir, frame)
        tell(chosen.describe())
        frame = dataclasses.replace(frame, value_range=(chosen.low, chosen.high))
    if options.size_auto:
        seen_px, found = survey(good_dir, frame)
        choice = choose_input(seen_px, own_px=(profile.input_height_px, profile.input_width_px), images_found=found)
        profile = dataclasses.replace(
            profile, input_height_px=choice.input_height_px, input_width_px=choice.input_width_px
        )
    return export_backbone(network, out, profile=profile, frame=frame, weights=weights, force=True)


def _figures(config: BuildSettings, category: Category) -> dict[str, Any]:
    """One build and its evaluation."""
    tell(f"{category.name}, seed {config.seed}")
    config.out.parent.mkdir(parents=True, exist_ok=True)
    report = build_bundle(config)
    inspector = Inspector.load(config.out, threads=1)
    figures = evaluate_category(inspector, category, workers=config.threads).figures
    rates = {"false_reject_rate": figures.false_reject_rate, "escape_rate": figures.escape_rate}
    alone = figures.without_head
    without = {name: alone and getattr(alone, name.removesuffix("_without_head")) for name in _WITHOUT_HEAD}
    return {"bundle_digest": report.digest, "recall": report.recall, **to_plain(figures), **rates, **without}


def _spread(figures: list[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Mean, lowest and highest over the seeds."""
    had = {name: [row[name] for row in figures if row[name] is not None] for name in _FIGURES}
    return {
        "mean": {name: float(np.mean(values)) if values else None for name, values in had.items()},
        "min": {name: min(values, default=None) for name, values in had.items()},
        "max": {name: max(values, default=None) for name, values in had.items()},
    }


def _table(rows: dict[str, Any], mean: dict[str, float | None], seeds: int) -> str:
    """Markdown: the mean of the seeds, with [lowest..highest] where there are several."""
    has_head = any(row["mean"][figure] is not None for row in rows.values() for figure in _WITHOUT_HEAD)
    shown = {**_SHOWN, **_WITHOUT_HEAD} if has_head else _SHOWN
    lines = ["| category | " + " | ".join(shown.values()) + " |", "|---" * (len(shown) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_cell(row, figure, seeds) for figure in shown) + " |")
    if len(rows) > 1:
        lines.append("| mean | " + " | ".join(_shown(mean[figure]) for figure in shown) + " |")
    return "\n".join(lines)


def _cell(row: dict[str, Any], figure: str, seeds: int) -> str:
    mean = _shown(row["mean"][figure])
    return f"{mean} [{_shown(row['min'][figure])}..{_shown(row['max'][figure])}]" if seeds > 1 else mean


def _shown(figure: float | None) -> str:
    return "n/a" if figure is None else f"{figure:.3f}"


if __name__ == "__main__":
    sys.exit(main())
