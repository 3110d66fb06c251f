"""Peers: anomalib's PatchCore, the paper's method and goodpart's bundles on the same frames, in turns.

Every contender is a process of its own (see `worker.py`) with the same good images and the same weights. In every
round, each contender scores and maps a few frames, one at a time, in a new random order. `ratio` is a bundle's p50
divided by a peer's. Frames are test images, enlarged to --frame-size before any time is measured. A peer's own resize
is part of its time. The maps of anomalib have 256x256 pixels, as it ships; all other maps have the size of the frame.

    python benchmarks/peers/peers.py --data CATEGORY --weights FILE --goodpart default=BUNDLE --cache DIR --accuracy
"""

import argparse
import contextlib
import functools
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the shared code of the benchmarks

from contestants import Contestant, ask_once

from common import RUNTIME_PACKAGES, count, headline, parser, percentiles, tell
from goodpart._host.opencv import load_opencv
from goodpart.cli.common import print_json, run, size
from goodpart.errors import UsageError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images

PEERS = (
    "anomalib_openvino",
    "anomalib_openvino_float32",
    "anomalib_openvino_lean",
    "anomalib_openvino_lean_float32",
    "anomalib_onnxruntime",
    "anomalib_torch",
    "paper_sklearn",
    "paper_faiss_flat",
)
_PACKAGES = (*RUNTIME_PACKAGES, "anomalib", "openvino", "torch", "torchvision", "timm", "scikit-learn", "faiss-cpu")
_DISTINCT = 20
"""Test images that the frames are made of; all of them lie in the memory of every contender."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="train/good, test, ground_truth")
    made.add_argument(
        "--weights", type=Path, required=True, metavar="FILE", help="of every peer, as in goodpart-export"
    )
    made.add_argument("--goodpart", type=_named, nargs="*", default=[], metavar="NAME=BUNDLE", help="of this category")
    made.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS, metavar="PEER", help="default: all")
    made.add_argument("--cache", type=Path, metavar="DIR", help="keep the peers' banks here (default: not kept)")
    made.add_argument("--threads", type=count, nargs="+", default=[1, 2], help="default %(default)s")
    made.add_argument(
        "--frames", type=count, default=100, help="frames per contender, over all rounds (default %(default)s)"
    )
    made.add_argument(
        "--rounds", type=count, default=20, help="rounds over which the frames are spread (default %(default)s)"
    )
    made.add_argument("--frame-size", type=size, default=(900, 900), metavar="HxW", help="default 900x900")
    made.add_argument("--accuracy", action="store_true", help="all test images, once per contender")
    made.add_argument("--no-timing", action="store_true", help="measure accuracy only")
    made.add_argument("--seed", type=int, default=0, help="of banks, frames and orders (default %(default)s)")
    return run(_peers, made, argv)


def _peers(options: argparse.Namespace) -> int:
    bundles = dict(options.goodpart)
    if not bundles and not options.peers:
        raise UsageError("--peers: expected at least one peer or --goodpart NAME=BUNDLE, found neither")
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cache = _cache_folder(options, scratch)
        banks = _prepare(options, cache)
        frames = scratch / "frames.npy"
        np.save(frames, _frames(options))
        results: list[dict[str, Any]] = []
        accuracy: dict[str, Any] = {}
        for threads in options.threads:
            start = functools.partial(_job, options, cache=cache, frames=frames, threads=threads)
            last = threads == options.threads[-1]
            with contextlib.ExitStack() as running:
                contestants = [
                    running.enter_context(Contestant(start(name, bundle), scratch))
                    for name, bundle in _names(options.peers, bundles)
                ]
                if not options.no_timing:
                    results += _take_turns(contestants, options, threads)
                if options.accuracy and last:
                    for one in contestants:
                        accuracy[one.name] = one.ask({"do": "accuracy", "data": str(options.data.resolve())})
                        tell(f"accuracy of {one.name}: {accuracy[one.name]}")
    print_json(
        {
            **headline("peers", seed=options.seed, digest=None, packages=_PACKAGES),
            "category": options.data.resolve().name,
            "frame": "{}x{}".format(*options.frame_size),
            "frames": -(-options.frames // options.rounds) * options.rounds,
            "rounds": options.rounds,
            "banks": banks,
            "results": results,
            "accuracy": accuracy,
        }
    )
    return 0


def _named(text: str) -> tuple[str, Path]:
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise argparse.ArgumentTypeError(f"expected NAME=BUNDLE, found {text!r}")
    return name, Path(folder).resolve()


def _names(peers: Sequence[str], bundles: dict[str, Path]) -> list[tuple[str, Path | None]]:
    return [*((f"goodpart:{name}", folder) for name, folder in bundles.items()), *((name, None) for name in peers)]


def _cache_folder(options: argparse.Namespace, scratch: Path) -> Path:
    """A cache folder for these images, weights and seed."""
    facts = hashlib.sha256(options.weights.read_bytes())
    for path in find_images(options.data / "train" / "good"):
        facts.update(f"{path.name}\0{path.stat().st_size}\n".encode())
    root: Path = (options.cache or scratch).resolve()
    return root / f"{options.data.resolve().name}-{facts.hexdigest()[:12]}-seed{options.seed}"


def _prepare(options: argparse.Namespace, cache: Path) -> dict[str, Any]:
    """Builds the peers' banks, or finds them in the cache."""
    families = sorted({name.partition("_")[0] for name in options.peers})
    if not families:
        return {}
    job = {
        "do": "prepare",
        "data": str(options.data.resolve()),
        "weights": str(options.weights.resolve()),
        "seed": options.seed,
        "cache": str(cache),
        "families": families,
    }
    return ask_once(job)


def _job(
    options: argparse.Namespace, name: str, bundle: Path | None, *, cache: Path, frames: Path, threads: int
) -> dict[str, Any]:
    return {
        "do": "serve",
        "name": name,
        "bundle": None if bundle is None else str(bundle),
        "threads": threads,
        "weights": str(options.weights.resolve()),
        "cache": str(cache),
        "frames": str(frames),
    }


def _frames(options: argparse.Namespace) -> npt.NDArray[np.uint8]:
    """`(n, H, W, 3) uint8` RGB: a sample of the test images in the size of a camera's frame."""
    cv2 = load_opencv("--frame-size")
    spec = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
    paths = find_images(options.data / "test")
    chosen = np.random.default_rng(options.seed).permutation(len(paths))[:_DISTINCT]
    height_px, width_px = options.frame_size
    return np.stack([cv2.resize(read_image(paths[number], spec), (width_px, height_px)) for number in chosen])


def _take_turns(contestants: list[Contestant], options: argparse.Namespace, threads: int) -> list[dict[str, Any]]:
    """Timings of all contestants, in a new random order in every round."""
    rng = np.random.default_rng(options.seed)
    frames = -(-options.frames // options.rounds)
    rounds: dict[str, list[list[float]]] = {one.name: [] for one in contestants}
    for done in range(options.rounds):
        tell(f"{threads} threads: round {done + 1} of {options.rounds}")
        numbers = list(range(done * frames, (done + 1) * frames))
        for turn in rng.permutation(len(contestants)):
            one = contestants[turn]
            rounds[one.name].append(one.ask({"do": "time", "frames": numbers})["spent_ms"])
    everything = {name: [spent for taken in own for spent in taken] for name, own in rounds.items()}
    p50 = {name: float(np.median(spent)) for name, spent in everything.items()}
    return [
        {
            "name": one.name,
            "threads": threads,
            "total_ms": percentiles(everything[one.name]),
            "rounds_p50_ms": _range([float(np.median(taken)) for taken in rounds[one.name]]),
            # a bundle's time as a share of each peer's
            "ratio": {name: round(p50[one.name] / p50[name], 3) for name in p50 if not name.startswith("goodpart:")}
            if one.name.startswith("goodpart:")
            else {},
            "cold_start_ms": round(one.cold_start_ms, 1),
            **one.ask({"do": "memory"}),
            **one.facts,
        }
        for one in contestants
    ]


def _range(values: Sequence[float]) -> list[float]:
    return [round(min(values), 3), round(max(values), 3)]


if __name__ == "__main__":
    sys.exit(main())
