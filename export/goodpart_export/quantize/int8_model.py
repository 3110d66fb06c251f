"""The int8 model: which nodes of a backbone can be quantized, and the model in which they are."""

import contextlib
import io
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
import onnx

from goodpart._host.session import load_onnxruntime
from goodpart.errors import ExportError
from goodpart.facts.profile import STAGES
from goodpart.facts.spec import BackboneSpec
from goodpart.model.onnx_facts import INPUT
from goodpart.model.onnx_guard import OPSET
from goodpart_export.good_images import read_images
from goodpart_export.onnx_file import sealed
from goodpart_export.prologue import PIXELS

_QUANTIZED = ("Conv", "Add", "MaxPool", "Relu")


def blocks_of(model: onnx.ModelProto) -> dict[str, list[str]]:
    """Names of the nodes that can be quantized, by block of the network: the stem, then the residual blocks.

    The stem ends with its pooling, a residual block with the ReLU of its sum. A pooling behind the last block brings
    features onto the grid and belongs to that block. Depthwise convolutions average neighbours and stay float.
    """
    start = next(index for index, node in enumerate(model.graph.node) if PIXELS in node.output)
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
    """Hands images to onnxruntime's tool one after the other."""

    def __init__(self, frames: Iterator[npt.NDArray[Any]]) -> None:
        self._frames = frames

    def get_next(self) -> dict[str, npt.NDArray[Any]] | None:
        """The next frame, or None."""
        frame = next(self._frames, None)
        return None if frame is None else {INPUT: frame}


def quantized(
    model: bytes, spec: BackboneSpec, nodes: Sequence[str], calibrating: Sequence[Path], *, reduce_range: bool
) -> bytes:
    """The sealed model with some nodes between QuantizeLinear and DequantizeLinear, per channel, U8S8.

    Args:
        model: the bytes of the float32 model.
        spec: what the quantized model is.
        nodes: names of the nodes to quantize.
        calibrating: images that set the ranges of the activations.
        reduce_range: weights of 7 bits.

    Raises:
        FrameError: an image cannot be decoded or is not such a frame; names it.
        ExportError: onnxruntime's tool returned another opset.
    """
    load_onnxruntime()
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    tagged = onnx.load_model_from_string(model)
    # without this mark the tool logs the advice to fold and fuse first, which the exporter has done
    onnx.helper.set_model_props(tagged, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with (
        tempfile.TemporaryDirectory(prefix="goodpart-quantize.") as folder,
        contextlib.closing(read_images(calibrating, spec.frame, doing="calibrating")) as frames,
    ):
        before, after = Path(folder, "float32.onnx"), Path(folder, "int8.onnx")
        before.write_bytes(tagged.SerializeToString())
        with contextlib.redirect_stdout(io.StringIO()):
            quantize_static(
                before,
                after,
                _Frames(frames),
                quant_format=QuantFormat.QDQ,
                # with Relu, or it would stay beside the convolution instead of being fused into it
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
