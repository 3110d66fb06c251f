"""Quantize: the convolutions of an exported backbone in 8-bit integers, except where that costs accuracy."""

import contextlib
import dataclasses
import hashlib
import io
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from goodpart._host.atomic import write_file
from goodpart._host.session import load_onnxruntime
from goodpart._host.strict_json import encode
from goodpart.errors import ExportError, UsageError
from goodpart.facts.profile import STAGES
from goodpart.facts.spec import BackboneSpec, FrameSpec, Precision
from goodpart.frames.images import find_images, read_image
from goodpart.model.backbone import INPUT, Backbone
from goodpart.model.onnx_guard import OPSET
from goodpart_export.onnx_file import check_out, report_path, sealed
from goodpart_export.progress import shown
from goodpart_export.prologue import PIXELS
from goodpart_export.quantize.shift import Measured, Shift, shift_between

LIMIT = 0.05
"""The largest mean change of a patch's calibrated score, in sigmas, that int8 may cost by default."""

LEAST_IMAGES = 6
_MEASURED = 40
"""The most images on which the shift is measured; at least a third of all are."""

_QUANTIZED = ("Conv", "Add", "MaxPool", "Relu")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
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
        trials: what was tried; the last one is the file.
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
    trials: tuple[Trial, ...]
    shift_limit: float
    reduce_range: bool
    calibration_images: int
    seed: int
    versions: dict[str, str]


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

    All blocks are tried in int8 first, then one more from the front stays float, until scores move by at most the
    limit: what an early block rounds off goes through all later ones.

    Args:
        backbone: a float32 backbone from `goodpart-export`.
        images: good images; some set the ranges of the activations, others measure the shift.
        out: the ONNX file.
        calibration_images: the most that set ranges, at least 4; at most two thirds of all.
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
    source = Backbone.load(backbone)
    model_bytes = backbone.read_bytes()
    if source.spec.precision is not Precision.FLOAT32:
        raise UsageError(
            f"{backbone}: expected a float32 backbone, found {source.spec.precision.value}; give the float32 one"
        )
    if out.exists() and out.samefile(backbone):
        raise UsageError(f"{out}: expected another file than the float32 backbone, found the same; name another --out")
    calibrating, measured = _sample(find_images(images), images, calibration_images, seed)
    spec = dataclasses.replace(source.spec, precision=Precision.INT8)
    blocks = _blocks(onnx.load_model_from_string(model_bytes))
    before = _measure(source, calibrating, measured, seed=seed, doing="measuring float32 on")
    trials: list[Trial] = []
    for count in range(len(blocks)):
        front = tuple(blocks)[:count]
        nodes = [name for block in list(blocks)[count:] for name in blocks[block]]
        model = _quantized(model_bytes, spec, nodes, calibrating, reduce_range=reduce_range)
        doing = f"measuring int8 behind {front[-1]} on" if front else "measuring int8 throughout on"
        after = _measure(Backbone(model, where=str(out)), calibrating, measured, seed=seed, doing=doing)
        trials.append(Trial(float_blocks=front, shift=shift_between(before, after, source.spec.profile)))
        # written so that a NaN fails
        if trials[-1].shift.score_mean <= shift_limit:
            break
    else:
        least = min(trial.shift.score_mean for trial in trials)
        raise ExportError(
            f"{out}: expected scores to move by at most {shift_limit:g} sigmas, found {least:.3f}; nothing was "
            f"written, stay with {backbone} or raise --shift-limit"
        )
    write_file(out, model)
    report = QuantizeReport(
        file=out.name,
        sha256=hashlib.sha256(model).hexdigest(),
        size_bytes=len(model),
        opset=OPSET,
        float32_sha256=hashlib.sha256(model_bytes).hexdigest(),
        backbone=spec,
        blocks=tuple(blocks),
        trials=tuple(trials),
        shift_limit=shift_limit,
        reduce_range=reduce_range,
        calibration_images=len(calibrating),
        seed=seed,
        versions={"onnxruntime": load_onnxruntime().__version__, "onnx": onnx.__version__},
    )
    write_file(report_path(out), encode(report))
    return report


def _check(*, calibration_images: int, shift_limit: float, seed: int) -> None:
    if calibration_images < 4:
        raise UsageError(f"--calibration-images: expected at least 4, found {calibration_images}")
    if not 0.0 < shift_limit <= 1.0:
        raise UsageError(f"--shift-limit: expected more than 0 and at most 1 sigma, found {shift_limit:g}")
    if seed < 0:
        raise UsageError(f"--seed: expected 0 or more, found {seed}")


def _sample(paths: list[Path], folder: Path, most: int, seed: int) -> tuple[list[Path], list[Path]]:
    """Images for calibration and other ones to measure on."""
    if len(paths) < LEAST_IMAGES:
        raise UsageError(
            f"{folder}: expected at least {LEAST_IMAGES} images, found {len(paths)}; photograph more parts"
        )
    order = np.random.default_rng(seed).permutation(len(paths))
    count = min(most, len(paths) * 2 // 3)
    chosen = [sorted(order[:count]), sorted(order[count : count + _MEASURED])]
    calibrating, measured = ([paths[at] for at in part] for part in chosen)
    return calibrating, measured


def _blocks(model: onnx.ModelProto) -> dict[str, list[str]]:
    """Names of the nodes that can be quantized, by block of the network: the stem, then a residual block each.

    The stem ends with its pooling, a residual block with the ReLU of its sum; a pooling behind the last block brings
    features onto the grid and belongs to that block. Depthwise convolutions average neighbours, and stay float.
    """
    start = next(at for at, node in enumerate(model.graph.node) if PIXELS in node.output)
    found: list[list[str]] = [[]]
    last_sum = ""
    for node in list(model.graph.node)[start + 1 :]:
        if node.op_type not in _QUANTIZED or any(part.name == "group" and part.i > 1 for part in node.attribute):
            continue
        found[-1].append(node.name)
        if node.op_type == "Add":
            last_sum = node.output[0]
        if (node.op_type == "MaxPool" and len(found) == 1) or (node.op_type == "Relu" and node.input[0] == last_sum):
            found.append([])
    rest = found.pop()
    found[-1] += rest
    return dict(zip(("stem", *STAGES), found, strict=False))


class _Frames:
    """Images as onnxruntime's tool asks for them, one after the other."""

    def __init__(self, frames: Iterator[npt.NDArray[Any]]) -> None:
        self._frames = frames

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """The next frame, or None."""
        frame = next(self._frames, None)
        return None if frame is None else {INPUT: frame}


def _quantized(
    model: bytes, spec: BackboneSpec, nodes: Sequence[str], calibrating: Sequence[Path], *, reduce_range: bool
) -> bytes:
    """The sealed model with these nodes between QuantizeLinear and DequantizeLinear, per channel, U8S8."""
    load_onnxruntime()
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    tagged = onnx.load_model_from_string(model)
    # the tool would advise to fold and fuse first, which the exporter has done, and set up logging to say so
    onnx.helper.set_model_props(tagged, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with (
        tempfile.TemporaryDirectory(prefix="goodpart-quantize.") as folder,
        contextlib.closing(_read(calibrating, spec.frame, doing="calibrating on")) as frames,
    ):
        before, after = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        before.write_bytes(tagged.SerializeToString())
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_static(
                before,
                after,
                _Frames(frames),
                quant_format=QuantFormat.QDQ,
                # Relu too, or it stays beside the convolution instead of in it
                op_types_to_quantize=_QUANTIZED,
                nodes_to_quantize=nodes,
                per_channel=True,
                reduce_range=reduce_range,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
                extra_options={"WeightSymmetric": True},
            )
        found = onnx.load_model(after)
    opsets = {entry.domain: entry.version for entry in found.opset_import}
    if opsets != {"": OPSET}:
        raise ExportError(f"backbone: expected opset {OPSET} alone from onnxruntime's tool, found {opsets}")
    return sealed(found, spec)


def _measure(
    backbone: Backbone, calibrating: Sequence[Path], measured: Sequence[Path], *, seed: int, doing: str
) -> Measured:
    frames = _read([*calibrating, *measured], backbone.spec.frame, doing=doing)
    with contextlib.closing(frames):
        return Measured.of((backbone.embed(frame) for frame in frames), references=len(calibrating), seed=seed)


def _read(paths: Sequence[Path], spec: FrameSpec, *, doing: str) -> Generator[npt.NDArray[Any], None, None]:
    with contextlib.closing(shown(paths, doing=doing)) as seen:
        for path in seen:
            yield read_image(path, spec)
