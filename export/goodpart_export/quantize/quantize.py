"""Quantize: the convolutions of an exported backbone in 8-bit integers, except where that costs accuracy."""

import contextlib
import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import onnx

from goodpart._host.atomic import write_file
from goodpart._host.session import load_onnxruntime
from goodpart._host.strict_json import encode
from goodpart.errors import ExportError, UsageError
from goodpart.facts.spec import BackboneSpec, Precision
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_guard import OPSET
from goodpart_export.good_images import read_images
from goodpart_export.onnx_file import check_out, report_path
from goodpart_export.quantize.int8_model import blocks_of, quantized
from goodpart_export.quantize.shift import Measured, Shift, shift_between

LIMIT = 0.05
"""The largest mean change of a patch's calibrated score, in sigmas, that int8 may cost by default."""

LEAST_IMAGES = 6
_MEASURED = 40
"""The most images on which the shift is measured; at least a third of all are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One way to quantize that was tried.

    Attributes:
        float_blocks: the network's blocks, from the front, that stay float.
        shift: what it costs.
    """

    float_blocks: tuple[str, ...]
    shift: Shift


@dataclasses.dataclass(frozen=True, kw_only=True)
class QuantizeReport:
    """What was quantized.

    Attributes:
        file: the ONNX file.
        sha256, size_bytes: of that file.
        opset: of the graph.
        float32_sha256: of the backbone that it was made from.
        backbone: what the file is.
        blocks: the network's blocks, from the front.
        attempts: the ways that were tried; the last one is the file.
        shift_limit: largest `score_mean` that was accepted, in sigmas.
        reduce_range: whether weights have 7 bits.
        calibration_images: that set the ranges of the activations.
        seed: of the sample of images.
        versions: of the packages that made it.
    """

    file: str
    sha256: str
    size_bytes: int
    opset: int
    float32_sha256: str
    backbone: BackboneSpec
    blocks: tuple[str, ...]
    attempts: tuple[Attempt, ...]
    shift_limit: float
    reduce_range: bool
    calibration_images: int
    seed: int
    versions: dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Sample:
    """Images that set the ranges of the activations, other images to measure on, and the seed that chose them."""

    calibrating: list[Path]
    measured: list[Path]
    seed: int


def quantize_backbone(
    backbone: Path,
    images: Path,
    out: Path,
    *,
    calibration_images: int = 50,
    shift_limit: float = LIMIT,
    reduce_range: bool = False,
    seed: int = 0,
    force: bool = False,
) -> QuantizeReport:
    """Writes `out` and, beside it, the report as `<out stem>.report.json`.

    All blocks are tried in int8 first. Then one more from the front stays float, until scores change by at most the
    limit: the rounding of an early block passes through all later ones.

    Args:
        backbone: a float32 backbone from `goodpart-export`.
        images: good images; some set the ranges of the activations, others measure the shift.
        out: the ONNX file.
        calibration_images: the largest number that sets ranges, at least 4; at most two thirds of all.
        shift_limit: the largest mean change of a patch's calibrated score, in sigmas.
        reduce_range: weights of 7 bits, for CPUs without 8-bit dot products, where sums of 8-bit products saturate.
        seed: of the sample of images, 0 or more.
        force: replace existing files.

    Raises:
        UsageError: as in `check_out`, a value out of range, `out` is the backbone itself, too few images, or the
            backbone is int8 already.
        BundleError: the backbone is missing or no backbone.
        FrameError: an image cannot be decoded, or is not what the backbone takes; names it.
        ExportError: even with all blocks but the last in float the shift is beyond the limit.
    """
    _check(calibration_images=calibration_images, shift_limit=shift_limit, seed=seed)
    check_out(out, force=force)
    source, data = _load_float32(backbone, out)
    sample = _sample(find_images(images), images, calibration_images, seed)
    attempts, model = _try(source, data, sample, shift_limit=shift_limit, reduce_range=reduce_range, out=out)
    write_file(out, model)
    report = QuantizeReport(
        file=out.name,
        sha256=hashlib.sha256(model).hexdigest(),
        size_bytes=len(model),
        opset=OPSET,
        float32_sha256=hashlib.sha256(data).hexdigest(),
        backbone=_int8(source.spec),
        blocks=tuple(blocks_of(onnx.load_model_from_string(data))),
        attempts=tuple(attempts),
        shift_limit=shift_limit,
        reduce_range=reduce_range,
        calibration_images=len(sample.calibrating),
        seed=seed,
        versions={"onnxruntime": load_onnxruntime().__version__, "onnx": onnx.__version__},
    )
    write_file(report_path(out), encode(report))
    return report


def _load_float32(backbone: Path, out: Path) -> tuple[Backbone, bytes]:
    """The backbone to quantize, loaded, and its bytes."""
    source = Backbone.load(backbone)
    if source.spec.precision is not Precision.FLOAT32:
        raise UsageError(
            f"{backbone}: expected a float32 backbone, found {source.spec.precision.value}; give the float32 one"
        )
    if out.exists() and out.samefile(backbone):
        raise UsageError(f"{out}: expected another file than the float32 backbone, found the same; name another --out")
    return source, backbone.read_bytes()


def _int8(spec: BackboneSpec) -> BackboneSpec:
    return dataclasses.replace(spec, precision=Precision.INT8)


def _try(
    source: Backbone, data: bytes, sample: _Sample, *, shift_limit: float, reduce_range: bool, out: Path
) -> tuple[list[Attempt], bytes]:
    """Quantizes with one more block in float each time, until the shift is within the limit.

    Returns:
        what was tried, and the model of the last attempt.

    Raises:
        ExportError: no attempt is within the limit.
    """
    attempts: list[Attempt] = []
    blocks = blocks_of(onnx.load_model_from_string(data))
    before = _measure(source, sample, doing="measuring float32")
    for count in range(len(blocks)):
        front = tuple(blocks)[:count]
        nodes = [name for block in list(blocks)[count:] for name in blocks[block]]
        model = quantized(data, _int8(source.spec), nodes, sample.calibrating, reduce_range=reduce_range)
        doing = f"measuring int8 behind {front[-1]}" if front else "measuring int8 throughout"
        after = _measure(Backbone(model, where=str(out)), sample, doing=doing)
        attempts.append(Attempt(float_blocks=front, shift=shift_between(before, after, source.spec.profile)))
        # written so that a NaN fails
        if attempts[-1].shift.score_mean <= shift_limit:
            return attempts, model
    least = min(attempt.shift.score_mean for attempt in attempts)
    raise ExportError(
        f"{out}: expected scores to change by at most {shift_limit:g} sigmas, found {least:.3f}; nothing was written, "
        f"use the float32 backbone or raise --shift-limit"
    )


def _check(*, calibration_images: int, shift_limit: float, seed: int) -> None:
    if calibration_images < 4:
        raise UsageError(f"--calibration-images: expected at least 4, found {calibration_images}")
    if not 0.0 < shift_limit <= 1.0:
        raise UsageError(f"--shift-limit: expected more than 0 and at most 1 sigma, found {shift_limit:g}")
    if seed < 0:
        raise UsageError(f"--seed: expected 0 or more, found {seed}")


def _sample(paths: list[Path], folder: Path, most: int, seed: int) -> _Sample:
    """Chooses at most `most` images for calibration, and others to measure on."""
    if len(paths) < LEAST_IMAGES:
        raise UsageError(
            f"{folder}: expected at least {LEAST_IMAGES} images, found {len(paths)}; photograph more parts"
        )
    order = np.random.default_rng(seed).permutation(len(paths))
    count = min(most, len(paths) * 2 // 3)
    chosen = [sorted(order[:count]), sorted(order[count : count + _MEASURED])]
    calibrating, measured = ([paths[index] for index in indices] for indices in chosen)
    return _Sample(calibrating=calibrating, measured=measured, seed=seed)


def _measure(backbone: Backbone, sample: _Sample, *, doing: str) -> Measured:
    paths = [*sample.calibrating, *sample.measured]
    with contextlib.closing(read_images(paths, backbone.spec.frame, doing=doing)) as frames:
        embeddings = (backbone.embed(frame) for frame in frames)
        return Measured.of(embeddings, references=len(sample.calibrating), seed=sample.seed)
