"""What an ONNX file may hold before onnxruntime sees it: one plain graph of the operators that a backbone needs.

A Loop may run for ever, an operator of another domain may be anything, external data has no hash, and onnxruntime takes
them all. The file is protobuf (https://protobuf.dev/programming-guides/encoding), and of its messages only those are
looked into that can hold such things (field numbers as in onnx.proto).
"""

from collections.abc import Iterator

from goodpart.errors import ContractError

OPSET = 18
"""The first opset whose Resize can antialias; old enough for every onnxruntime of the last years."""

# fmt: off
OPERATORS = frozenset({
    "Add", "AveragePool", "Cast", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv",
    "DequantizeLinear", "Div", "Gather", "Identity", "MatMul", "MatMulInteger", "Max", "MaxPool", "Mul",
    "Pad", "QuantizeLinear", "ReduceL2", "ReduceSum", "Relu", "Reshape", "Resize", "Shape", "Slice", "Sqrt",
    "Squeeze", "Sub", "Transpose", "Unsqueeze",
})
# fmt: on
"""Every one ends, has no side effect, and needs memory only for its inputs and outputs."""

_DEFAULT_DOMAINS = (b"", b"ai.onnx")

# fields of the messages ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, OperatorSetIdProto
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 20, 25
_GRAPH_NODES, _GRAPH_INITIALIZERS, _GRAPH_SPARSE = 1, 5, 15
_NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_EXTERNAL, _TENSOR_LOCATION = 13, 14
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2

_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


def check_onnx(model: bytes, where: str) -> None:
    """Refuses an ONNX file that holds more than a plain graph.

    Args:
        model: the file.
        where: how messages call it.

    Raises:
        ContractError: it is no ONNX file, has another opset, an operator that no backbone needs, a graph within the
            graph, or data in another file.
    """
    try:
        _check_model(memoryview(model))
    except _RefusedError as error:
        raise ContractError(f"{where}: {error}; export the backbone again with goodpart-export") from error


class _RefusedError(Exception):
    """What was expected and found."""


def _check_model(model: memoryview) -> None:
    opsets = []
    for field, value in _fields(model):
        if field == _MODEL_OPSETS:
            entry = dict(_fields(_message(value)))
            opsets.append((bytes(_message(entry.get(_OPSET_DOMAIN, b""))), entry.get(_OPSET_VERSION)))
        elif field == _MODEL_GRAPH:
            _check_graph(_message(value))
        elif field in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            raise _RefusedError("expected a plain graph, found functions or training steps")
    if len(opsets) != 1 or opsets[0][0] not in _DEFAULT_DOMAINS or opsets[0][1] != OPSET:
        shown = [(domain.decode("utf-8", "replace")[:40], version) for domain, version in opsets[:4]]
        raise _RefusedError(f"expected an ONNX model of opset {OPSET} of the default domain alone, found {shown}")


def _check_graph(graph: memoryview) -> None:
    for field, value in _fields(graph):
        if field == _GRAPH_NODES:
            _check_node(_message(value))
        elif field == _GRAPH_INITIALIZERS:
            _check_tensor(_message(value))
        elif field == _GRAPH_SPARSE:
            raise _RefusedError("expected plain weights, found sparse ones")


def _check_node(node: memoryview) -> None:
    operator, domain = b"", b""
    for field, value in _fields(node):
        if field == _NODE_OPERATOR:
            operator = bytes(_message(value))
        elif field == _NODE_DOMAIN:
            domain = bytes(_message(value))
        elif field == _NODE_ATTRIBUTES:
            _check_attribute(_message(value))
    name = operator.decode("utf-8", "replace")
    if name not in OPERATORS or domain not in _DEFAULT_DOMAINS:
        full = f"{domain.decode('utf-8', 'replace')[:40]}:{name[:40]}" if domain else name[:40]
        raise _RefusedError(f"expected operators that a backbone needs, found {full!r}")


def _check_attribute(attribute: memoryview) -> None:
    for field, value in _fields(attribute):
        if field in _ATTRIBUTE_GRAPHS:
            raise _RefusedError("expected a plain graph, found a graph within it")
        if field in _ATTRIBUTE_SPARSE:
            raise _RefusedError("expected plain weights, found sparse ones")
        if field in _ATTRIBUTE_TENSORS:
            _check_tensor(_message(value))


def _check_tensor(tensor: memoryview) -> None:
    for field, value in _fields(tensor):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise _RefusedError("expected all weights in the file itself, found external data")


def _message(value: int | memoryview | bytes) -> memoryview:
    if isinstance(value, int):
        raise _RefusedError("expected an ONNX model, found another file")
    return memoryview(value)


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number and value, a whole number or bytes."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 7
        if kind == _VARINT:
            number, at = _varint(message, at)
            yield field, number
            continue
        if kind == _DELIMITED:
            size, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise _RefusedError("expected an ONNX model, found another file")
        if at + size > len(message):
            raise _RefusedError("expected a whole ONNX model, found a truncated or foreign file")
        yield field, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number in groups of 7 bits, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise _RefusedError("expected a whole ONNX model, found a truncated or foreign file")
        value |= (message[at] & 0x7F) << shift
        at += 1
        if not message[at - 1] & 0x80:
            return value, at
    raise _RefusedError("expected an ONNX model, found another file")
