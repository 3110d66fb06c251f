"""What the format says a bundle's scores are, by other code than the runtime's: plain JSON, numpy and brute force.

It trusts the bundle, so it only ever sees one that the runtime has accepted.
"""

import dataclasses
import functools
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort


@dataclasses.dataclass(frozen=True)
class Stated:
    """What one bundle states.

    Attributes:
        manifest, calibration: as plain JSON.
        backbone: the ONNX file.
        bank: `(N, D) float64`.
        counted: `(P,) bool` patches that count.
        head: `(n,) float64` weights of the head, None without one.
        thresholds: of the image and the pixels, in sigmas; the device file's where it has some.
    """

    manifest: dict[str, Any]
    calibration: dict[str, Any]
    backbone: bytes
    bank: npt.NDArray[np.float64]
    counted: npt.NDArray[np.bool_]
    thresholds: tuple[float, float]
    head: npt.NDArray[np.float64] | None


def read_stated(folder: Path) -> Stated:
    """Reads a bundle that the runtime has accepted."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    calibration = json.loads((folder / "calibration.json").read_bytes())
    grid = manifest["backbone"]["grid"]
    counted = np.ones(grid["rows"] * grid["columns"], np.bool_)
    if "ignore.npy" in manifest["files"]:
        counted = ~np.load(folder / "ignore.npy").ravel()
    device = folder.with_name(folder.name + ".device.json")
    settings = json.loads(device.read_bytes()) if device.exists() else {}
    source = calibration if settings.get("threshold") is None else settings
    return Stated(
        manifest=manifest,
        calibration=calibration,
        backbone=(folder / "backbone.onnx").read_bytes(),
        bank=np.load(folder / "bank.npy").astype(np.float64),
        counted=counted,
        thresholds=(source["threshold"], source["pixel_threshold"]),
        head=np.load(folder / "head.npy").astype(np.float64) if "head" in manifest else None,
    )


def broken_promises(folder: Path, stated: Stated) -> list[str]:
    """What every accepted bundle must hold to, and this one does not: whole plain files, a
    tolerance that means something, and a conformal threshold."""
    wrong = []
    recorded = (folder / "manifest.sha256").read_text().strip()
    if hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() != recorded:
        wrong.append("manifest.sha256")
    for name, facts in stated.manifest["files"].items():
        path = folder / name
        inside = not path.is_symlink() and path.resolve().is_relative_to(folder.resolve())
        if not inside or hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
            wrong.append(name)
    if not 0 < stated.manifest["golden_tolerance"] <= 1:
        wrong.append("golden_tolerance")
    calibration = stated.calibration
    for scores, threshold in (("scores", "threshold"), ("peaks", "pixel_threshold")):
        count, rate = len(calibration[scores]), calibration["false_reject_rate"]
        rank = max(1, math.ceil((count + 1) * (1 - rate) - 1e-9))
        if rank > count or sorted(calibration[scores])[rank - 1] != calibration[threshold]:
            wrong.append(threshold)
    return wrong


def golden_wrong(folder: Path, stated: Stated) -> str | None:
    """A golden frame whose score is not the stated one, or None: such a bundle must not have been accepted."""
    tolerance = stated.manifest["golden_tolerance"]
    for golden in stated.manifest["golden"]:
        found = image_score(stated, patch_scores(stated, np.load(folder / golden["file"])))
        # single precision on one side
        if not abs(found - golden["score"]) <= tolerance + 4e-6 / stated.calibration["std"] + 1e-6 * abs(found):
            return f"golden score {golden['score']!r} of {golden['file']} within {tolerance}, by brute force {found!r}"
    return None


def says(document: Any, facts: Any) -> bool:
    """Whether plain facts are what a JSON document says; a whole number may have become the nearest float."""
    if isinstance(facts, dict) and isinstance(document, dict):
        return set(facts) == set(document) and all(says(document[key], value) for key, value in facts.items())
    if isinstance(facts, list) and isinstance(document, list):
        return len(facts) == len(document) and all(map(says, document, facts))
    if isinstance(facts, float) and type(document) is int:
        return facts == float(document)
    return type(facts) is type(document) and facts == document


def patch_scores(stated: Stated, frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """`(P,) float64` calibrated scores of all patches, by brute force over all values of all vectors."""
    profile, names = stated.manifest["backbone"]["profile"], ["embeddings"]
    names += ["hottest"] if profile.get("excess") else []
    embeddings, *others = (each.astype(np.float64) for each in _session(stated.backbone).run(names, {"frame": frame}))
    similarities = np.sort(embeddings @ stated.bank.T, axis=1)[:, -profile["neighbours"] :]
    sums = 1.0 - similarities.mean(axis=1) + _head_terms(stated, embeddings)
    if others:
        level = np.percentile(others[0][stated.counted], profile["excess"]["percentile"])
        sums += stated.manifest["excess"]["weight"] * np.maximum(others[0] - level, 0.0)
    return (sums - stated.calibration["mean"]) / stated.calibration["std"]


def _head_terms(stated: Stated, embeddings: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | float:
    """`(P,) float64` what the head adds to the distances."""
    if stated.head is None:
        return 0.0
    facts, values, start = stated.manifest["head"], embeddings, 0
    for outputs in (facts["hidden"], facts["hidden"], 1):
        inputs = values.shape[1]
        matrix = stated.head[start : start + outputs * inputs].reshape(outputs, inputs)
        start += outputs * inputs
        values = values @ matrix.T + stated.head[start : start + outputs]
        start += outputs
        if outputs > 1:
            values = np.maximum(values, 0.0)
    return np.maximum(facts["weight"] * (values[:, 0] - facts["offset"]), facts["lowest"])


def image_score(stated: Stated, patches: npt.NDArray[np.float64]) -> float:
    """The mean of the highest scores among the patches that count."""
    counted = np.sort(patches[stated.counted])
    share = stated.manifest["backbone"]["profile"]["top_share"]
    return float(counted[-max(1, math.floor(share * len(counted) + 0.5)) :].mean())


@functools.lru_cache(maxsize=2)
def _session(backbone: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(backbone, options, providers=["CPUExecutionProvider"])
