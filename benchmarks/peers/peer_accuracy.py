"""Accuracy of peers on whole test sets: anomalib's PatchCore, PaDiM, CFA and FastFlow, and SPADE, with ResNet-18.

Every method learns from the same good images with the same weights, and every figure comes from the code that evaluates
our own bundles, with masks in the size of the frame. Files of 16 bits are stretched to 8 first (see `eight_bits`). Each
result is a line of --results, and a run that was interrupted goes on after the last line. --table prints Markdown.

    python benchmarks/peers/peer_accuracy.py --data CATEGORY ... --weights FILE --results FILE --methods patchcore
    python benchmarks/peers/peer_accuracy.py --results FILE --table
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the shared code of the benchmarks

from eight_bits import EightBits
from results import Done, key_of, table
from set_figures import figures_of

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart.cli.common import run, size
from goodpart.errors import UsageError
from goodpart.frames.images import ImageReader
from goodpart.frames.listing import find_images
from goodpart.scoring.rounding import FIGURE_DIGITS, significant_plain
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.progress import progress

METHODS = ("patchcore", "padim", "spade", "cfa", "fastflow")
TRAINED = ("cfa", "fastflow")
"""Methods with epochs."""
_PACKAGES = (*RUNTIME_PACKAGES, "anomalib", "torch", "torchvision", "timm")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("--results", type=Path, required=True, metavar="FILE", help="JSON lines; added to, never emptied")
    made.add_argument("--data", type=Path, nargs="+", default=[], metavar="CATEGORY", help="train/good, test, ..")
    made.add_argument("--weights", type=Path, metavar="FILE", help="of every peer, as in goodpart-export")
    made.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="METHOD", help="default: all")
    made.add_argument("--seeds", type=int, nargs="+", default=[0], help="default %(default)s")
    made.add_argument(
        "--input", type=size, default=(256, 256), metavar="HxW", help="of every method; default 256x256, anomalib's own"
    )
    made.add_argument("--epochs", type=count, default=5, help="of CFA and FastFlow (default %(default)s)")
    made.add_argument("--threads", type=count, default=1, help="default %(default)s")
    made.add_argument("--table", action="store_true", help="measure nothing: print --results as Markdown")
    return run(_peer_accuracy, made, argv)


def _peer_accuracy(options: argparse.Namespace) -> int:
    done = Done(options.results)
    if options.table:
        print(table(done.lines))
        return 0
    if not options.data or options.weights is None:
        raise UsageError("expected --data and --weights, or --table, found neither")
    jobs = [job for job in _jobs(options) if any(key_of(wanted) not in done for wanted in job)]
    began = time.perf_counter()
    for number, job in enumerate(jobs):
        spent_s = time.perf_counter() - began
        left = f", about {spent_s / number * (len(jobs) - number) / 60:.0f} min left" if number else ""
        tell(f"[{number + 1} of {len(jobs)}] {job[0]['set']}: {job[0]['method']}{left}")
        _measure(job, options, done)
    return 0


def _jobs(options: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """What is to be measured: the seeds of one method on one set together, because they share features."""
    height_px, width_px = options.input
    return [
        [
            {
                "set": folder.resolve().name,
                "data": str(folder),
                "method": method,
                "input": f"{height_px}x{width_px}",
                "seed": seed,
                "epochs": options.epochs if method in TRAINED else None,
            }
            for seed in options.seeds
        ]
        for method, folder in itertools.product(options.methods, options.data)
    ]


def _measure(job: list[dict[str, Any]], options: argparse.Namespace, done: Done) -> None:
    import torch
    from anomalib_models import PEERS, load_anomalib

    torch.set_num_threads(options.threads)
    load_anomalib()  # takes seconds, which belong to no method
    reader = ImageReader()
    data = Path(job[0]["data"])
    paths = find_images(data / "train" / "good")
    frames = EightBits.learned(paths, reader)
    images = read_categories(data)[0].images
    began_s = time.process_time()
    good = [frames.read(path, reader) for path in paths]
    peer = PEERS[job[0]["method"]](good, weights=str(options.weights), input_px=options.input, epochs=options.epochs)
    shared_s = time.process_time() - began_s
    for wanted in job:
        if key_of(wanted) in done:
            continue
        began_s = time.process_time()
        facts = peer.learn(wanted["seed"])
        learned_s = time.process_time() - began_s + shared_s
        began_s = time.process_time()
        scores, maps, shapes = [], [], []
        for image in progress(images, doing="scoring", total=len(images), unit="images"):
            frame = frames.read(image.path, reader)
            score, found = peer.score(frame)
            if not (np.isfinite(score) and np.isfinite(found).all()):
                raise UsageError(f"{image.path}: expected a finite score and map of {wanted['method']}, found others")
            scores.append(score)
            maps.append(found)
            shapes.append((frame.shape[0], frame.shape[1]))
        scored_s = time.process_time() - began_s
        figures = figures_of(images, np.array(scores), maps, shapes, reader)
        line = {
            **{name: value for name, value in wanted.items() if name != "data"},
            **figures,
            "learn_cpu_s": round(learned_s, 1),
            "score_cpu_s": round(scored_s, 1),
            "train_images": len(good),
            "test_images": len(images),
            "value_range": frames.value_range,
            "threads": options.threads,
            **facts,
            **headline("peer_accuracy", seed=wanted["seed"], digest=None, packages=_PACKAGES),
        }
        done.add(significant_plain(line, FIGURE_DIGITS))
        tell(json.dumps({name: line[name] for name in ("set", "method", "seed", *figures, "learn_cpu_s")}))


if __name__ == "__main__":
    sys.exit(main())
