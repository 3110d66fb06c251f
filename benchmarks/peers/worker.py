"""One contender in a process of its own: it reads tasks from stdin and answers on stdout, one JSON object per line.

Every contender has its own process, because the thread pools of torch, scikit-learn, faiss, OpenVINO and onnxruntime
disturb each other, and because memory and cold start are properties of a process. `peers.py` starts it with a job as
its only argument. Heavy packages are imported only when the contender needs them.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from contender import Found, Score, numbers, progress


def main() -> int:
    """Serves until stdin ends; returns the exit code."""
    # the output of libraries must not mix with the answers
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    job = json.loads(sys.argv[1])
    if job["do"] == "prepare":
        _answer(answers, _prepare(job))
        return 0
    frames = np.load(job["frames"], mmap_mode="r")
    first = np.array(frames[0])
    score, facts = _contender(job)
    _check(score(first), first)
    _answer(answers, {"facts": facts})
    # only now, so that it does not count as cold start
    loaded = [np.array(frame) for frame in frames]
    for line in sys.stdin:
        task = json.loads(line)
        if task["do"] == "time":
            _answer(answers, {"spent_ms": _timed(score, [loaded[number % len(loaded)] for number in task["frames"]])})
        elif task["do"] == "memory":
            _answer(answers, _memory(sum(frame.nbytes for frame in loaded)))
        else:
            _answer(answers, _accuracy(score, Path(task["data"])))
    return 0


def _prepare(job: dict[str, Any]) -> dict[str, Any]:
    from goodpart.facts.spec import Channels, FrameSpec, PixelType
    from goodpart.frames.images import read_image
    from goodpart.frames.listing import find_images

    spec = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
    good = [read_image(path, spec) for path in find_images(Path(job["data"], "train", "good"))]
    cache, weights, seed = Path(job["cache"]), job["weights"], job["seed"]
    made = {}
    if "anomalib" in job["families"]:
        import anomalib_patchcore

        made["anomalib"] = anomalib_patchcore.prepare(good, weights=weights, seed=seed, cache=cache / "anomalib")
    if "paper" in job["families"]:
        import paper_way

        made["paper"] = paper_way.prepare(good, weights=weights, seed=seed, cache=cache / "paper")
    return made


def _contender(job: dict[str, Any]) -> tuple[Score, dict[str, Any]]:
    """How to score a frame, and what the contender says of itself."""
    name, threads, cache = job["name"], job["threads"], Path(job["cache"])
    if name.startswith("goodpart:"):
        import goodpart_bundle

        return goodpart_bundle.load(Path(job["bundle"]), threads=threads)
    if name.startswith("paper_"):
        import paper_way

        make = {"paper_sklearn": paper_way.in_sklearn, "paper_faiss_flat": paper_way.in_faiss}[name]
        return make(cache / "paper", weights=job["weights"], threads=threads), {}
    import anomalib_patchcore

    folder = cache / "anomalib"
    if name == "anomalib_torch":
        return anomalib_patchcore.in_torch(folder, weights=job["weights"], threads=threads), {}
    if name == "anomalib_onnxruntime":
        return anomalib_patchcore.in_onnxruntime(folder, threads=threads), {}
    precision = "f32" if name.endswith("_float32") else None
    if name.startswith("anomalib_openvino_lean"):
        return anomalib_patchcore.in_lean_openvino(folder, precision=precision, threads=threads)
    return anomalib_patchcore.in_openvino(folder, precision=precision, threads=threads)


def _timed(score: Score, frames: list[npt.NDArray[np.uint8]]) -> list[float]:
    """The ms of each frame, after one that is not measured: the caches still hold another contender's data."""
    score(frames[-1])
    spent = []
    for frame in frames:
        began = time.perf_counter()
        score(frame)
        spent.append((time.perf_counter() - began) * 1e3)
    return numbers(spent)


def _accuracy(score: Score, data: Path) -> dict[str, Any]:
    """Every test image once, in its own size; a map of another size is enlarged to the image's pixels first."""
    import cv2

    from goodpart.facts.spec import Channels, FrameSpec, PixelType
    from goodpart.frames.images import ImageReader
    from goodpart_bank_builder.data.dataset import read_categories
    from goodpart_bank_builder.evaluate.masks import levels_of
    from goodpart_bank_builder.evaluate.metrics import auprc, auroc
    from goodpart_bank_builder.evaluate.pixel_counts import PixelCounts

    spec = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
    images = read_categories(data)[0].images
    pixels, scores, reader = PixelCounts(), [], ImageReader()
    for image in progress(images, "accuracy"):
        frame = reader.read(image.path, spec)
        found = score(frame)
        scores.append(found.score)
        if image.is_defective and image.mask is None:
            continue
        fitted = found.unsaturated()
        if fitted.shape != frame.shape[:2]:
            fitted = np.asarray(cv2.resize(fitted, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR))
        pixels.add(fitted, levels_of(image, frame.shape[:2], reader) > 0)
    defective = np.array([image.is_defective for image in images])
    return {
        "images": len(images),
        "image_auroc": auroc(defective, np.array(scores)),
        "image_auprc": auprc(defective, np.array(scores)),
        "pixel_auroc": pixels.auroc(),
        "aupro_30": pixels.aupro(0.30),
    }


def _check(found: Found, frame: npt.NDArray[np.uint8]) -> None:
    if not (np.isfinite(found.score) and np.isfinite(found.map).all() and found.map.ndim == 2):
        raise SystemExit(f"expected a finite score and a map for {frame.shape}, found {found.score}, {found.map.shape}")


def _memory(frames_bytes: int) -> dict[str, float]:
    """Resident MB now and at most, as Linux tells, less the frames that are held for the timing alone."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    named = {line.partition(":")[0]: line.partition(":")[2] for line in lines}
    now, most = (round((int(named[name].split()[0]) * 1024 - frames_bytes) / 2**20, 1) for name in ("VmRSS", "VmHWM"))
    return {"resident_mb": now, "peak_mb": most}


def _answer(answers: IO[str], value: dict[str, Any]) -> None:
    answers.write(json.dumps(value, allow_nan=False) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
