"""Export: network, profile and frame become one self-contained, byte-reproducible ONNX file."""

import contextlib
import dataclasses
import hashlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import onnx
import torch
from onnx import compose
from torch import nn

from goodpart._host.atomic import write_file
from goodpart._host.strict_json import encode
from goodpart.errors import ExportError
from goodpart.facts.profile import Profile
from goodpart.facts.spec import BackboneSpec, FrameSpec, Precision, WeightsSpec
from goodpart.model.backbone import Backbone
from goodpart.model.onnx_facts import OUTPUT
from goodpart.model.onnx_guard import OPSET
from goodpart_export.onnx_file import check_out, report_path, sealed
from goodpart_export.parity import LIMIT, parity_of, trial_frames
from goodpart_export.prologue import PIXELS, make_prologue
from goodpart_export.sizing.input_size import InputChoice
from goodpart_export.sizing.value_range import RangeChoice
from goodpart_export.trunk import Trunk, grid_of, stride_px


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What was exported.

    Attributes:
        file: the ONNX file.
        sha256, size_bytes: of that file.
        opset: of the graph.
        parity: largest difference of any embedding value between torch and onnxruntime, from the resized pixels on.
        parity_limit: largest parity with which an export succeeds.
        backbone: what the file contains.
        input_choice: how its input size was chosen for images, or None if it is the profile's or was given.
        range_choice: how its value range was chosen for images, or None if it was given, or frames are uint8.
        versions: of the packages that made it.
    """

    file: str
    sha256: str
    size_bytes: int
    opset: int
    parity: float
    parity_limit: float
    backbone: BackboneSpec
    input_choice: InputChoice | None
    range_choice: RangeChoice | None
    versions: dict[str, str]


def export_backbone(
    network: nn.Module,
    out: Path,
    *,
    profile: Profile,
    frame: FrameSpec,
    weights: WeightsSpec,
    input_choice: InputChoice | None = None,
    range_choice: RangeChoice | None = None,
    force: bool = False,
) -> ExportReport:
    """Writes `out` and, beside it, the report as `<out stem>.report.json`.

    Args:
        network: torchvision's ResNet-18 in evaluation mode.
        out: the ONNX file.
        profile: stages, neighbourhood, input size, and what else travels with them.
        frame: the raw frame that the graph takes.
        weights: the source of the network's weights.
        input_choice: how the profile's input size was chosen, for the report.
        range_choice: how the frame's value range was chosen, for the report.
        force: replace existing files.

    Raises:
        UsageError: as in `check_out`, the profile takes other frames, or a file cannot be written.
        ExportError: the exporter failed, returned another opset or a side file, or parity is beyond the limit.
    """
    check_out(out, force=force)
    trunk = Trunk(network, profile)
    spec = BackboneSpec(
        frame=frame, grid=grid_of(profile), profile=profile, weights=weights, precision=Precision.FLOAT32
    )
    height_px, width_px = profile.input_height_px, profile.input_width_px
    exported = _export_trunk(trunk, height_px=height_px, width_px=width_px)
    prologue = make_prologue(
        frame,
        height_px=height_px,
        width_px=width_px,
        ir_version=exported.ir_version,
        cell_px=None if profile.excess is None else stride_px(profile.grid),
    )
    model = _join(prologue, exported, spec)
    backbone = Backbone(model, where=str(out))
    frames = trial_frames(frame, height_px=height_px, width_px=width_px)
    parity = parity_of(backbone, prologue.SerializeToString(), trunk, frames)
    # written so that a NaN fails
    if not parity <= LIMIT:
        raise ExportError(
            f"{out}: expected torch and onnxruntime to agree within {LIMIT}, found {parity:.2g}; nothing was written"
        )
    write_file(out, model)
    report = ExportReport(
        file=out.name,
        sha256=hashlib.sha256(model).hexdigest(),
        size_bytes=len(model),
        opset=OPSET,
        parity=parity,
        parity_limit=LIMIT,
        backbone=spec,
        input_choice=input_choice,
        range_choice=range_choice,
        versions={"torch": torch.__version__, "onnx": onnx.__version__},
    )
    write_file(report_path(out), encode(report))
    return report


def _export_trunk(trunk: Trunk, *, height_px: int, width_px: int) -> onnx.ModelProto:
    with _quiet():
        program = torch.onnx.export(
            trunk,
            (torch.zeros(1, 3, height_px, width_px),),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            input_names=[PIXELS],
            output_names=[OUTPUT],
            verbose=False,
        )
    if program is None:
        raise ExportError("backbone: expected a graph from torch's exporter, found none")
    model = program.model_proto
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    # the exporter may return another opset than it was asked for
    if opsets != {"": OPSET}:
        raise ExportError(f"backbone: expected opset {OPSET} alone from torch's exporter, found {opsets}")
    if any(tensor.external_data for tensor in model.graph.initializer):
        raise ExportError("backbone: expected one self-contained file from torch's exporter, found external data")
    return model


def _join(prologue: onnx.ModelProto, trunk: onnx.ModelProto, spec: BackboneSpec) -> bytes:
    """Both parts as one sealed model."""
    model = compose.merge_models(prologue, trunk, io_map=[(PIXELS, PIXELS)])
    # each part brings an entry for the same opset, and some readers expect a single one
    del model.opset_import[1:]
    return sealed(model, spec)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides the exporter's progress lines and its own deprecation warnings from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
