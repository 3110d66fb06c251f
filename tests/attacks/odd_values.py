"""What mutations and tests of ONNX files put in the place of right values."""

import numpy as np
import onnx

from goodpart.model.onnx_guard import OPERATORS

# fmt: off
INTEGERS = [
    0, 1, -1, 2, 3, 7, 16, 17, 19, 31, 32, 33, 64, 255, 4096,
    2**31 - 1, -(2**31), 2**31, 2**40, 2**62, -(2**63),
]
FLOATS = [0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, float("nan"), float("inf"), float("-inf")]
TEXTS = [
    "", "frame", "embeddings", "pixels", "weight", "constant_1", "flat_shape", "\x1b[2J", "é", "x" * 5000, "../x",
]
ALLOWED = sorted(OPERATORS)
ALL_OPERATORS = [
    *ALLOWED, "Loop", "If", "Scan", "Einsum", "RandomNormal", "Expand", "Tile", "Range", "NonZero", "FusedConv", "",
]
ATTRIBUTES = {
    "ints": ["kernel_shape", "strides", "dilations", "pads", "perm", "axes"],
    "i": ["group", "axis", "keepdims", "to", "start", "end", "ceil_mode", "allowzero", "antialias"],
    "f": ["cubic_coeff_a", "extrapolation_value"],
    "s": ["mode", "auto_pad", "coordinate_transformation_mode", "nearest_mode", "keep_aspect_ratio_policy"],
}
MODES = [
    b"linear", b"nearest", b"cubic", b"constant", b"edge", b"reflect", b"wrap", b"SAME_UPPER", b"VALID", b"asymmetric",
    b"align_corners", b"half_pixel", b"tf_crop_and_resize", b"floor", b"not_larger", b"", b"\xff",
]
# fmt: on
KINDS = {
    onnx.AttributeProto.INT: "i",
    onnx.AttributeProto.INTS: "ints",
    onnx.AttributeProto.FLOAT: "f",
    onnx.AttributeProto.STRING: "s",
}
"""In which field of an attribute its value stands."""

TYPES = {
    np.float32: "float",
    np.int64: "int64",
    np.uint8: "uint8",
    np.int8: "int8",
    np.int32: "int32",
    np.bool_: "bool",
}
"""Types as schemas call them."""
