"""Prologue: the part of the graph before the trunk. ONNX operators turn the raw frame into resized pixels."""

import onnx
from onnx import parser

from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.model.onnx_facts import HOTTEST
from goodpart.model.onnx_guard import OPSET

PIXELS = "pixels"


class _Chain:
    """Operators one after the other, in ONNX's text form, with their constants."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.constants: list[str] = []
        self.last = "frame"

    def constant(self, kind: str, *values: float) -> str:
        """Adds a constant, a list unless it is a single float, and returns its name."""
        name = f"constant_{len(self.constants)}"
        shape = "" if kind == "float" else f"[{len(values)}]"
        self.constants.append(f"{kind}{shape} {name} = {{{', '.join(repr(value) for value in values)}}}")
        return name

    def then(self, operator: str, *inputs: str, attributes: str = "", result: str | None = None) -> None:
        """Adds an operator that takes the last result and further inputs."""
        name = result or f"step_{len(self.lines)}"
        self.lines.append(f"{name} = {operator}{attributes}({', '.join((self.last, *inputs))})")
        self.last = name


def make_prologue(
    frame: FrameSpec, *, height_px: int, width_px: int, ir_version: int, cell_px: int | None = None
) -> onnx.ModelProto:
    """Crop, value range, resize and channel order.

    Args:
        frame: what goes in; any height and width.
        height_px, width_px: what comes out: `(1, 3, height_px, width_px) float32` RGB, 0 to 255.
        ir_version: of the trunk it will be joined with.
        cell_px: side of a patch's cell in the resized picture, if the graph also gives the highest pixel value of every
            patch: `(P,) float32`, in the units of a uint16 frame. Such values are taken before the value range clips
            them. None for a graph without.
    """
    gray = frame.channels is Channels.GRAY
    chain = _Chain()
    if frame.roi is not None:
        _crop(chain, frame.roi)
    if frame.dtype is PixelType.UINT8:
        _average_rows(chain, height_px, channels=1 if gray else 3)
    else:
        chain.then("Unsqueeze", chain.constant("int64", 0, 1))
        chain.then("Cast", attributes="<to = 1>")
        if frame.value_range is not None and cell_px is None:
            _stretch(chain, *frame.value_range)
    _resize(chain, (1, 1 if gray else 3, height_px, width_px))
    hottest = ""
    if cell_px is not None:
        patches = (height_px // cell_px) * (width_px // cell_px)
        _pool(chain, cell_px, patches)
        hottest = f", float[{patches}] {HOTTEST}"
        if frame.value_range is not None:
            _stretch(chain, *frame.value_range)
    if gray:
        chain.then("Concat", chain.last, chain.last, attributes="<axis = 1>", result=PIXELS)
    elif frame.channels is Channels.BGR:
        chain.then("Gather", chain.constant("int64", 2, 1, 0), attributes="<axis = 1>", result=PIXELS)
    else:
        chain.then("Identity", result=PIXELS)
    shape = "frame_height, frame_width" + ("" if gray else ", 3")
    return parser.parse_model(f"""
        <ir_version: {ir_version}, opset_import: ["" : {OPSET}], producer_name: "goodpart-export">
        prologue ({frame.dtype.value}[{shape}] frame) => (float[1, 3, {height_px}, {width_px}] {PIXELS}{hottest})
        <{", ".join(chain.constants)}>
        {{ {" ".join(chain.lines)} }}
    """)


def _crop(chain: _Chain, roi: Roi) -> None:
    start = chain.constant("int64", roi.y_px, roi.x_px)
    end = chain.constant("int64", roi.y_px + roi.height_px, roi.x_px + roi.width_px)
    chain.then("Slice", start, end)


def _average_rows(chain: _Chain, height_px: int, *, channels: int) -> None:
    """`(1, C, rows, W) float32` means of as many rows as fit into one input row; only these are transposed and resized.

    A product with ones adds the rows: it is exact integer arithmetic, and the only operator that reads 8-bit pixels as
    fast as memory delivers them. The last rows are repeated to fill the last group, which stretches the picture by less
    than one input row. Pixels are transposed into planes as rows of a matrix: onnxruntime would move a transpose of the
    picture further down and then subtract the mean from every third value, which takes ten times as long.
    """
    zero, one, rest = (chain.constant("int64", value) for value in (0, 1, -1))
    frame, input_rows = chain.last, chain.constant("int64", height_px)
    depth, pixels = chain.constant("int64", channels), chain.constant("int64", -1, channels)
    chain.lines.append(f"""
        height = Shape <start = 0, end = 1> ({frame})
        rows_that_fit = Div(height, {input_rows})
        size = Max(rows_that_fit, {one})
        height_and_size = Add(height, size)
        rounded_up = Sub(height_and_size, {one})
        groups = Div(rounded_up, size)
        whole_height = Mul(groups, size)
        missing = Sub(whole_height, height)
        last_at = Sub(height, missing)
        last_rows = Slice({frame}, last_at, height, {zero})
        whole = Concat <axis = 0> ({frame}, last_rows)
        stack_shape = Concat <axis = 0> (groups, size, {rest})
        stack = Reshape(whole, stack_shape)
        ones_shape = Concat <axis = 0> ({one}, {one}, size)
        group_of_ones = ConstantOfShape <value = uint8[1] {{1}}> (ones_shape)
        sums = MatMulInteger(group_of_ones, stack)
        float_sums = Cast <to = 1> (sums)
        float_size = Cast <to = 1> (size)
        flat_means = Div(float_sums, float_size)
        mean_pixels = Reshape(flat_means, {pixels})
        flat_planes = Transpose <perm = [1, 0]> (mean_pixels)
        width = Shape <start = 1, end = 2> ({frame})
        planes_shape = Concat <axis = 0> ({one}, {depth}, groups, width)
        planes = Reshape(flat_planes, planes_shape)
    """)
    chain.last = "planes"


def _stretch(chain: _Chain, low: int, high: int) -> None:
    """Maps a value range to 0 to 255; values outside are clipped."""
    chain.then("Sub", chain.constant("float", float(low)))
    chain.then("Mul", chain.constant("float", 255.0 / (high - low)))
    chain.then("Clip", chain.constant("float", 0.0), chain.constant("float", 255.0))


def _pool(chain: _Chain, cell_px: int, patches: int) -> None:
    """The highest value of every patch's cell, beside the chain."""
    side = f"kernel_shape = [{cell_px}, {cell_px}], strides = [{cell_px}, {cell_px}]"
    shape = chain.constant("int64", patches)
    chain.lines.append(f"cell_peaks = MaxPool <{side}> ({chain.last})\n{HOTTEST} = Reshape(cell_peaks, {shape})")


def _resize(chain: _Chain, shape: tuple[int, int, int, int]) -> None:
    # every frame pixel counts: the triangle filter is as wide as the reduction (antialias) and is cut at the border of
    # the frame, as in torch and PIL (exclude_outside); on float32, because the uint8 path truncates and is not faster
    how = 'mode = "linear", antialias = 1, exclude_outside = 1, coordinate_transformation_mode = "half_pixel"'
    chain.then("Resize", "", "", chain.constant("int64", *shape), attributes=f"<{how}>")
