"""Explain: checks that explanations name exactly the nearest stored vectors, and measures what they cost.

Random patches of good frames and the hottest patch of defective ones are explained and compared with brute force in
float64. The exit code is 1 if an image, place or distance differs. It also says how far the named places lie from the
explained ones, and what keeping embeddings costs each inspection: the same frames in turns with and without it.

    python benchmarks/explain.py BUNDLE --data CATEGORY
"""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import goodpart.inspector
from common import count, headline, load, parser, read_frames, tell
from goodpart.cli.common import print_json, run
from goodpart.inspector import Inspector
from goodpart.scoring.explanation import Explanation, hot_patches

_TURNS = 12


def main(argv: list[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="has test/good and test/<defects>")
    made.add_argument("--patches", type=count, default=50, help="random patches of good frames (default %(default)s)")
    made.add_argument("--defects", type=count, default=20, help="defective frames (default %(default)s)")
    return run(_explain, made, argv)


def _explain(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=1)
    spec = inspector.backbone.spec.frame
    good = read_frames(options.data / "test" / "good", spec, limit=options.patches, seed=options.seed)
    kinds = sorted(path for path in (options.data / "test").iterdir() if path.is_dir() and path.name != "good")
    defects = [
        frame
        for kind in kinds
        for frame in read_frames(kind, spec, limit=-(-options.defects // len(kinds)), seed=options.seed)
    ][: options.defects]
    rng = np.random.default_rng(options.seed)
    grid = inspector.backbone.spec.grid
    wrong = 0
    found: dict[str, list[Explanation]] = {"good": [], "defective": []}
    for number in range(options.patches):
        frame = good[number % len(good)]
        patch = (int(rng.integers(grid.rows)), int(rng.integers(grid.columns)))
        wrong += _check(inspector, frame, patch, found["good"])
    for frame in defects:
        row, column = divmod(int(inspector.inspect(frame).grid.argmax()), grid.columns)
        wrong += _check(inspector, frame, (row, column), found["defective"])
    print_json(
        {
            **headline("explain", seed=options.seed, digest=bundle.digest),
            "mismatches": wrong,
            "explained": {name: len(explanations) for name, explanations in found.items()},
            "apart": {name: _apart(inspector, explanations) for name, explanations in found.items()},
            "explain_ms": _explain_ms(inspector, defects),
            "inspect_ratio": _inspect_ratio(inspector, [*good[:5], *defects[:5]]),
            "kept_bytes": _kept_bytes(inspector, good, defects),
        }
    )
    return int(wrong > 0)


def _check(inspector: Inspector, frame: npt.NDArray[Any], patch: tuple[int, int], found: list[Explanation]) -> int:
    """Explains a patch; 1 if brute force over files of the bundle gives another image, place or distance."""
    [explanation] = inspector.inspect(frame).explain([patch], nearest=1, frame=frame)
    found.append(explanation)
    bundle, grid = inspector.bundle, inspector.backbone.spec.grid
    vectors, origins = np.load(bundle.folder / "bank.npy"), np.load(bundle.folder / "origins.npy")
    embedding = inspector.backbone.embed(frame)[patch[0] * grid.columns + patch[1]]
    distances = 1.0 - vectors.astype(np.float64) @ embedding.astype(np.float64)
    number, row, column = origins[int(distances.argmin())].tolist()
    images, place = bundle.read_images(), explanation.nearest[0]
    if images is None:
        return 1
    image, roi = images.images[number], inspector.backbone.spec.frame.roi
    height_px, width_px = (image.height_px, image.width_px) if roi is None else (roi.height_px, roi.width_px)
    top, left = (0, 0) if roi is None else (roi.y_px, roi.x_px)
    box = (
        top + row * height_px // grid.rows, left + column * width_px // grid.columns,
        top + -(-(row + 1) * height_px // grid.rows), left + -(-(column + 1) * width_px // grid.columns),
    )  # fmt: skip
    named = (place.y_px, place.x_px, place.y_px + place.height_px, place.x_px + place.width_px)
    same = (place.image, named) == (image.name, box) and abs(place.distance - distances.min()) < 1e-12
    if not same:
        tell(f"patch {patch}: expected {image.name} {box}, found {place}")
    return int(not same)


def _apart(inspector: Inspector, explanations: list[Explanation]) -> dict[str, Any]:
    """How far the named place lies from the explained one: in patches, and in degrees about the frame's middle."""
    grid, memory = inspector.backbone.spec.grid, inspector.memory
    middle = complex((grid.columns - 1) / 2, (grid.rows - 1) / 2)
    patches, degrees = [], []
    for explanation in explanations:
        _, row, column = memory.origins[explanation.nearest[0].vector].tolist()
        one, other = complex(explanation.column, explanation.row), complex(column, row)
        patches.append(abs(one - other))
        turn = np.angle(one - middle) - np.angle(other - middle)
        degrees.append(math.degrees(abs((turn + math.pi) % (2 * math.pi) - math.pi)))
    distances = [explanation.nearest[0].distance for explanation in explanations]
    quarters = [0, 25, 50, 75, 100]
    return {
        "percentiles": quarters,
        "patches": np.percentile(patches, quarters).round(2).tolist(),
        "degrees": np.percentile(degrees, quarters).round(1).tolist(),
        "distance": np.percentile(distances, quarters).round(4).tolist(),
    }


def _explain_ms(inspector: Inspector, defects: list[npt.NDArray[Any]]) -> dict[str, float]:
    """CPU milliseconds of one call for all regions of a defective frame; the first call reads the images."""
    taken, regions = [], []
    for frame in defects:
        inspection = inspector.inspect(frame)
        regions.append(len(inspection.regions))
        began = time.process_time()
        inspection.explain()
        taken.append((time.process_time() - began) * 1e3)
    return {
        "median": round(float(np.median(taken)), 2),
        "max": round(max(taken), 2),
        "regions_median": float(np.median(regions)),
    }


def _inspect_ratio(inspector: Inspector, frames: list[npt.NDArray[Any]]) -> float:
    """CPU time of inspections that keep embeddings, over that of inspections that keep none; taken in turns."""
    names: dict[str, Any] = vars(goodpart.inspector)
    taken = {True: 0.0, False: 0.0}
    for turn in range(2 * _TURNS):
        keeps = turn % 2 == 0
        names["hot_patches"] = hot_patches if keeps else lambda *_, **__: None
        began = time.process_time()
        for frame in frames:
            inspector.inspect(frame)
        taken[keeps] += time.process_time() - began
    names["hot_patches"] = hot_patches
    return round(taken[True] / taken[False], 4)


def _kept_bytes(
    inspector: Inspector, good: list[npt.NDArray[Any]], defects: list[npt.NDArray[Any]]
) -> dict[str, float]:
    """Median bytes of the embeddings that one inspection keeps."""
    kept = {"good": good, "defective": defects}
    return {
        name: float(np.median([_embeddings_bytes(inspector, frame) for frame in frames]))
        for name, frames in kept.items()
    }


def _embeddings_bytes(inspector: Inspector, frame: npt.NDArray[Any]) -> int:
    hot = inspector.inspect(frame)._hot
    return 0 if hot is None else hot.embeddings.nbytes


if __name__ == "__main__":
    sys.exit(main())
