"""Prologue: the raw frame to resized pixels, as ONNX operators. The part of the graph that stands before the trunk."""

import onnx
from goodpart.spec import Channels, FrameSpec, PixelType
from onnx import parser

OPSET = 18
"""The first opset whose Resize can antialias; old enough for every onnxruntime of the last years."""

PIXELS = "pixels"


def make_prologue(frame: FrameSpec, *, height_px: int, width_px: int, ir_version: int) -> onnx.ModelProto:
    """Crop, value range, channel order and resize.

    Every frame pixel counts in the resize (a triangle filter as wide as the reduction), on float32: onnxruntime's uint8
    path cuts off fractions and is not faster (see docs/decisions.md).

    Args:
        frame: what goes in; any height and width.
        height_px, width_px: what comes out: `(1, 3, height_px, width_px) float32` RGB, 0 to 255.
        ir_version: of the trunk it will be joined with.
    """
    gray = frame.channels is Channels.GRAY
    shape = "frame_height, frame_width" + ("" if gray else ", 3")
    constants: list[str] = [f"int64[4] resized_shape = {{1, {1 if gray else 3}, {height_px}, {width_px}}}"]
    lines: list[str] = []
    current = "frame"

    def step(operator: str, result: str) -> None:
        nonlocal current
        lines.append(f"{result} = {operator}")
        current = result

    if frame.roi is not None:
        roi = frame.roi
        constants += [
            f"int64[2] roi_start = {{{roi.y_px}, {roi.x_px}}}",
            f"int64[2] roi_end = {{{roi.y_px + roi.height_px}, {roi.x_px + roi.width_px}}}",
        ]
        step("Slice(frame, roi_start, roi_end)", "cropped")
    if not gray:
        step(f"Transpose<perm = [2, 0, 1]>({current})", "planes")
    constants.append(f"int64[{2 if gray else 1}] outer_axes = {{{'0, 1' if gray else '0'}}}")
    step(f"Unsqueeze({current}, outer_axes)", "batch")
    step(f"Cast<to = 1>({current})", "levels")
    if frame.dtype is PixelType.UINT16 and frame.value_range is not None:
        low, high = frame.value_range
        constants += [
            f"float range_low = {{{float(low)}}}",
            f"float range_scale = {{{255.0 / (high - low)!r}}}",
            "float black = {0.0}",
            "float white = {255.0}",
        ]
        step(f"Sub({current}, range_low)", "above_black")
        step(f"Mul({current}, range_scale)", "scaled")
        step(f"Clip({current}, black, white)", "ranged")
    # exclude_outside: the filter is cut at the frame's border, as in torch and PIL, instead of repeating its pixels
    how = 'mode = "linear", antialias = 1, exclude_outside = 1, coordinate_transformation_mode = "half_pixel"'
    resize = f"Resize<{how}>({current}, , , resized_shape)"
    if gray:
        step(resize, "resized")
        step(f"Concat<axis = 1>({current}, {current}, {current})", PIXELS)
    elif frame.channels is Channels.BGR:
        constants.append("int64[3] rgb_order = {2, 1, 0}")
        step(resize, "resized")
        step(f"Gather<axis = 1>({current}, rgb_order)", PIXELS)
    else:
        step(resize, PIXELS)
    text = f"""
        <ir_version: {ir_version}, opset_import: ["" : {OPSET}], producer_name: "goodpart-export">
        prologue ({frame.dtype.value}[{shape}] frame) => (float[1, 3, {height_px}, {width_px}] {PIXELS})
        <{", ".join(constants)}>
        {{ {" ".join(lines)} }}
    """
    return parser.parse_model(text)
