"""Paper baseline: a straightforward implementation of the paper's method, compared with goodpart on the same frames.

The baseline is a torch ResNet-18, cut after the profile's last stage, and scikit-learn's brute-force cosine neighbours
on the same bank, followed by the same formulas. The bundle's own resize makes its pixels, so both sides get the same
pixels; the time of the resize is reported separately. All sides use the same number of threads and take turns, round by
round in a random order. Ratios are baseline / goodpart, p50.

The fair opponent is `baseline_torch_search`, the same with one torch product and `topk` for the search: scikit-learn
normalises the whole bank again for every frame, and with several threads the workers that it leaves spinning slow down
torch's next trunk too.

    python benchmarks/paper_baseline.py BUNDLE --weights FILE --images CATEGORY/test --threads 2
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx.shape_inference
import onnx.utils
import onnxruntime as ort
import torch
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from common import RUNTIME_PACKAGES, count, headline, load, parser, percentiles, read_frames, tell
from goodpart.bundle.bundle import Bundle
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from goodpart.model.onnx_facts import INPUT
from goodpart.scoring.scores import calibrate, image_score
from goodpart_export import load_weights
from goodpart_export.prologue import PIXELS
from goodpart_export.trunk import Trunk

_STAGES = ("resize", "trunk", "search", "score")


@dataclasses.dataclass
class Side:
    """One contender: a function that gives a frame's image score and the ms of its stages, and its results."""

    score: Callable[[npt.NDArray[Any]], tuple[float, dict[str, float]]]
    stages: list[dict[str, float]] = dataclasses.field(default_factory=list)
    scores: dict[int, float] = dataclasses.field(default_factory=dict)

    def take(self, number: int, frame: npt.NDArray[Any]) -> None:
        """Scores the frame with this number."""
        began = time.perf_counter()
        score, stages = self.score(frame)
        self.stages.append({**stages, "total": (time.perf_counter() - began) * 1e3})
        self.scores[number] = score

    def timings_ms(self) -> dict[str, dict[str, float]]:
        """Percentiles of every stage."""
        return {stage: percentiles([spent[stage] for spent in self.stages]) for stage in self.stages[0]}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--weights", required=True, metavar="FILE", help="those that the bundle's backbone has")
    made.add_argument("--images", type=Path, required=True, metavar="DIR", help="real frames")
    made.add_argument("--threads", type=count, default=2, help="of both sides (default %(default)s)")
    made.add_argument("--frames", type=count, default=50, help="the most to take (default %(default)s)")
    made.add_argument("--rounds", type=count, default=4, help="over all frames (default %(default)s)")
    return run(_paper_baseline, made, argv)


def _paper_baseline(options: argparse.Namespace) -> int:
    inspector, bundle = load(options.bundle, threads=options.threads)
    frames = read_frames(options.images, inspector.backbone.spec.frame, limit=options.frames, seed=options.seed)
    trunk = _trunk(options.weights, bundle)
    resize = _resize(bundle, options.threads)
    sides = {
        "goodpart": Side(_goodpart(inspector)),
        "baseline": Side(_baseline(bundle, resize, trunk, _sklearn_search(inspector))),
        "baseline_torch_search": Side(_baseline(bundle, resize, trunk, _torch_search(inspector))),
    }
    before = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    try:
        with threadpool_limits(limits=options.threads), torch.inference_mode():
            _take_turns(sides, frames, rounds=options.rounds, seed=options.seed)
    finally:
        torch.set_num_threads(before)
    packages = (*RUNTIME_PACKAGES, "goodpart-export", "torch", "scikit-learn")
    print_json(
        {
            **headline("paper_baseline", seed=options.seed, digest=bundle.digest, packages=packages),
            "threads": options.threads,
            "frames": len(frames),
            "rounds": options.rounds,
            **{name: {"timings_ms": side.timings_ms()} for name, side in sides.items()},
            **_comparison(sides),
        }
    )
    return 0


def _take_turns(sides: dict[str, Side], frames: list[npt.NDArray[Any]], *, rounds: int, seed: int) -> None:
    """Scores in blocks of frames, so that a side's spinning threads and caches affect few frames of another side."""
    rng = np.random.default_rng(seed)
    for done in range(rounds):
        tell(f"round {done + 1} of {rounds}")
        for name in rng.permutation(list(sides)):
            sides[name].score(frames[0])  # not measured: caches still hold another side's data
            for number, frame in enumerate(frames):
                sides[name].take(number, frame)


def _comparison(sides: dict[str, Side]) -> dict[str, Any]:
    """Ratios of p50, and the largest differences of image scores."""
    ours = sides["goodpart"]
    p50 = {name: side.timings_ms()["total"]["p50"] for name, side in sides.items()}
    others = [name for name in sides if name != "goodpart"]
    apart = {
        name: max(abs(score - ours.scores[number]) for number, score in sides[name].scores.items()) for name in others
    }
    return {
        "ratio": {name: round(p50[name] / p50["goodpart"], 3) for name in others},
        "largest_score_difference_sigmas": apart,
    }


def _goodpart(inspector: Inspector) -> Callable[[npt.NDArray[Any]], tuple[float, dict[str, float]]]:
    def score(frame: npt.NDArray[Any]) -> tuple[float, dict[str, float]]:
        inspection = inspector.inspect(frame)
        return inspection.score, inspection.timings_ms

    return score


def _baseline(
    bundle: Bundle,
    resize: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]],
    trunk: Trunk,
    search: Callable[[torch.Tensor], npt.NDArray[np.float64]],
) -> Callable[[npt.NDArray[Any]], tuple[float, dict[str, float]]]:
    facts = bundle.manifest.backbone
    top_k = facts.profile.top_k(facts.grid.patches)

    def score(frame: npt.NDArray[Any]) -> tuple[float, dict[str, float]]:
        marks = [time.perf_counter()]
        pixels = resize(frame)
        marks.append(time.perf_counter())
        embeddings = trunk(torch.from_numpy(pixels))
        marks.append(time.perf_counter())
        distances = search(embeddings)
        marks.append(time.perf_counter())
        found = image_score(calibrate(distances, bundle.calibration), top_k)
        marks.append(time.perf_counter())
        return found, dict(zip(_STAGES, (float(spent) for spent in np.diff(marks) * 1e3), strict=True))

    return score


def _sklearn_search(inspector: Inspector) -> Callable[[torch.Tensor], npt.NDArray[np.float64]]:
    neighbours = NearestNeighbors(
        n_neighbors=inspector.backbone.spec.profile.neighbours, algorithm="brute", metric="cosine"
    ).fit(inspector.bank.vectors)
    return lambda embeddings: np.asarray(neighbours.kneighbors(embeddings.numpy())[0].mean(axis=1, dtype=np.float64))


def _torch_search(inspector: Inspector) -> Callable[[torch.Tensor], npt.NDArray[np.float64]]:
    count_nearest = inspector.backbone.spec.profile.neighbours
    # a copy: torch does not take read-only memory
    columns = torch.from_numpy(inspector.bank.vectors.T.copy())

    def search(embeddings: torch.Tensor) -> npt.NDArray[np.float64]:
        nearest = torch.topk(embeddings @ columns, count_nearest, dim=1).values
        return np.asarray(1.0 - nearest.numpy().mean(axis=1, dtype=np.float64))

    return search


def _trunk(source: str, bundle: Bundle) -> Trunk:
    facts = bundle.manifest.backbone
    network, weights = load_weights(source, stages=facts.profile.stages, seed=facts.weights.seed or 0)
    if (weights.sha256, weights.seed) != (facts.weights.sha256, facts.weights.seed):
        raise UsageError(f"--weights {source}: expected those of the bundle, {facts.weights}, found {weights}")
    return Trunk(network, facts.profile)


def _resize(bundle: Bundle, threads: int) -> Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]:
    """The first part of the bundle's own graph, so that both sides have the same prologue."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(bundle.read_backbone()))
    prologue = onnx.utils.Extractor(model).extract_model([INPUT], [PIXELS])
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(prologue.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda frame: np.asarray(session.run([PIXELS], {INPUT: frame})[0])


if __name__ == "__main__":
    sys.exit(main())
