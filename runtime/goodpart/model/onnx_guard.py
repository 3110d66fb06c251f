"""What an ONNX file may hold before onnxruntime sees it: one plain graph of the operators that a backbone needs.

A Loop may run for ever, an operator of another domain may be anything, external data has no hash, and onnxruntime
accepts them all. Some plain graphs crash it: -2^63 / -1, or Max without one of its inputs. The file is protobuf
(https://protobuf.dev/programming-guides/encoding). Only the messages that can hold such things are examined (field
numbers as in onnx.proto).
"""

from typing import NamedTuple

from goodpart.errors import ContractError
from goodpart.model.protobuf import RefusedError, as_message, as_number, fields_of, fields_once, numbers_of

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

_MAY_SKIP_INPUTS = ("Clip", "Resize")
"""Operators of which an input may be left out by an empty name; others, such as Max, crash onnxruntime."""

# TensorProto.DataType
_FLOAT, _UINT8, _INT8, _UINT16, _INT32, _INT64, _BOOL = 1, 2, 3, 4, 6, 7, 9
_TYPES = (_FLOAT, _UINT8, _INT8, _UINT16, _INT32, _INT64, _BOOL)
_RESULTS = {"Shape": _INT64, "DequantizeLinear": _FLOAT, "MatMulInteger": _INT32}
"""Types of results, where neither an attribute nor the first input says it."""

# fields of the messages ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, OperatorSetIdProto
_MODEL_GRAPH, _MODEL_OPSETS, _MODEL_TRAINING, _MODEL_FUNCTIONS = 7, 8, 20, 25
_GRAPH_NODES, _GRAPH_INITIALIZERS, _GRAPH_INPUTS, _GRAPH_SPARSE = 1, 5, 11, 15
_NODE_INPUTS, _NODE_OUTPUTS, _NODE_OPERATOR, _NODE_ATTRIBUTES, _NODE_DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _ATTRIBUTE_NUMBER = 1, 3
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS, _ATTRIBUTE_SPARSE = (5, 10), (6, 11), (22, 23)
_TENSOR_TYPE, _TENSOR_WHOLES, _TENSOR_NAME, _TENSOR_RAW, _TENSOR_EXTERNAL, _TENSOR_LOCATION = 2, 7, 8, 9, 13, 14
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
# ValueInfoProto's name and type, TypeProto's tensor, and its element type
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT = 1, 2, 1, 1


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
    except RefusedError as error:
        raise ContractError(f"{where}: {error}; export the backbone again with goodpart-export") from error


class _Value(NamedTuple):
    """What is known of a value in the graph: its element type, and whether it is surely a positive whole number."""

    type: int
    positive: bool = False


class _Attribute(NamedTuple):
    """Facts about an attribute of an operator: its integer, and the used fields of its tensor."""

    name: bytes
    number: int
    tensor: _Value | None


def _check_model(model: memoryview) -> None:
    opsets, graphs = [], []
    for field, value in fields_of(model):
        if field == _MODEL_OPSETS:
            entry = dict(fields_of(as_message(value)))
            opsets.append((bytes(as_message(entry.get(_OPSET_DOMAIN, b""))), entry.get(_OPSET_VERSION)))
        elif field == _MODEL_GRAPH:
            graphs.append(as_message(value))
        elif field in (_MODEL_TRAINING, _MODEL_FUNCTIONS):
            raise RefusedError("expected a plain graph, found functions or training steps")
    if len(opsets) != 1 or opsets[0][0] not in _DEFAULT_DOMAINS or opsets[0][1] != OPSET:
        shown = [(domain.decode("utf-8", "replace")[:40], version) for domain, version in opsets[:4]]
        raise RefusedError(f"expected an ONNX model of opset {OPSET} of the default domain alone, found {shown}")
    # protobuf would merge them
    if len(graphs) != 1:
        raise RefusedError(f"expected one graph, found {len(graphs)}")
    _check_graph(graphs[0])


def _check_graph(graph: memoryview) -> None:
    values: dict[bytes, _Value] = {}
    nodes = []
    for field, value in fields_of(graph):
        if field == _GRAPH_NODES:
            nodes.append(as_message(value))
        elif field == _GRAPH_INITIALIZERS:
            _define(values, *_check_tensor(as_message(value)))
        elif field == _GRAPH_INPUTS:
            _define(values, *_check_input(as_message(value)))
        elif field == _GRAPH_SPARSE:
            raise RefusedError("expected plain weights, found sparse ones")
    for node in nodes:
        _check_node(node, values)


def _define(values: dict[bytes, _Value], name: bytes, value: _Value) -> None:
    if name in values:
        raise RefusedError(f"expected every value once, found {_shown(name)} twice")
    if value.type not in _TYPES:
        raise RefusedError(f"expected values of the types that a backbone needs, found {_shown(name)} of another")
    values[name] = value


def _check_input(info: memoryview) -> tuple[bytes, _Value]:
    """Name and type of an input of the graph."""
    fields = fields_once(info, "an input")
    kind = fields_once(as_message(fields.get(_VALUE_TYPE, b"")), "a type")
    tensor = fields_once(as_message(kind.get(_TYPE_TENSOR, b"")), "a tensor type")
    return bytes(as_message(fields.get(_VALUE_NAME, b""))), _Value(as_number(tensor.get(_TENSOR_ELEMENT, 0)))


def _check_node(node: memoryview, values: dict[bytes, _Value]) -> None:
    operator, domain = b"", b""
    inputs: list[bytes] = []
    outputs: list[bytes] = []
    attributes: dict[bytes, _Attribute] = {}
    for field, value in fields_of(node):
        if field == _NODE_OPERATOR:
            operator = bytes(as_message(value))
        elif field == _NODE_DOMAIN:
            domain = bytes(as_message(value))
        elif field == _NODE_ATTRIBUTES:
            attribute = _check_attribute(as_message(value))
            if attributes.setdefault(attribute.name, attribute) is not attribute:
                raise RefusedError(f"expected every attribute once, found {_shown(attribute.name)} twice")
        elif field in (_NODE_INPUTS, _NODE_OUTPUTS):
            (inputs if field == _NODE_INPUTS else outputs).append(bytes(as_message(value)))
    name = operator.decode("utf-8", "replace")
    if name not in OPERATORS or domain not in _DEFAULT_DOMAINS:
        full = f"{domain.decode('utf-8', 'replace')[:40]}:{name[:40]}" if domain else name[:40]
        raise RefusedError(f"expected operators that a backbone needs, found {full!r}")
    for value_name in inputs:
        if value_name not in values and not (value_name == b"" and name in _MAY_SKIP_INPUTS):
            raise RefusedError(f"expected values before {name} uses them, found {_shown(value_name)} nowhere before")
    known = [values[value_name] for value_name in inputs if value_name]
    result = _result(name, known, attributes)
    # -2^63 / -1 ends the process, in onnxruntime as in C
    if name == "Div" and result.type != _FLOAT and not (len(known) == 2 and known[1].positive):
        raise RefusedError("expected whole numbers to be divided by positive ones, found others")
    for index, value_name in enumerate(outputs):
        if value_name:
            _define(values, value_name, result if index == 0 else _Value(_INT64))


def _result(name: str, inputs: list[_Value], attributes: dict[bytes, _Attribute]) -> _Value:
    """What is known of an operator's first result."""
    if name == "Cast":
        return _Value(attributes[b"to"].number if b"to" in attributes else 0)
    if name in ("Constant", "ConstantOfShape"):
        # of a single value or a list of numbers, Constant says the type by the attribute's name: no backbone has that
        stated = attributes[b"value"].tensor if b"value" in attributes else None
        return stated or _Value(_FLOAT if name == "ConstantOfShape" else 0)
    if name == "QuantizeLinear":
        return inputs[2] if len(inputs) > 2 else _Value(_UINT8)
    first = inputs[0].type if inputs else 0
    if name == "Max":
        return _Value(first, any(value.positive for value in inputs))
    return _Value(_RESULTS.get(name, first))


def _check_attribute(attribute: memoryview) -> _Attribute:
    name, number, tensors = b"", 0, []
    for field, value in fields_of(attribute):
        if field in _ATTRIBUTE_GRAPHS:
            raise RefusedError("expected a plain graph, found a graph within it")
        if field in _ATTRIBUTE_SPARSE:
            raise RefusedError("expected plain weights, found sparse ones")
        if field in _ATTRIBUTE_TENSORS:
            tensors.append(_check_tensor(as_message(value))[1])
        elif field == _ATTRIBUTE_NUMBER:
            number = as_number(value)
        elif field == _ATTRIBUTE_NAME:
            name = bytes(as_message(value))
    if len(tensors) > 1:
        raise RefusedError("expected one tensor in an attribute, found several")
    return _Attribute(name, number, tensors[0] if tensors else None)


def _check_tensor(tensor: memoryview) -> tuple[bytes, _Value]:
    """Name and type of a tensor that is wholly in the file."""
    name, kind = b"", 0
    wholes: list[int] = []
    for field, value in fields_of(tensor):
        if field == _TENSOR_EXTERNAL or (field == _TENSOR_LOCATION and value != 0):
            raise RefusedError("expected all weights in the file itself, found external data")
        if field == _TENSOR_NAME:
            name = bytes(as_message(value))
        elif field == _TENSOR_TYPE:
            kind = as_number(value)
        elif field == _TENSOR_WHOLES:
            wholes += [value] if isinstance(value, int) else numbers_of(memoryview(value))
        elif field == _TENSOR_RAW and len(raw := as_message(value)) == 8:
            wholes.append(int.from_bytes(raw, "little"))
    # one number, for no backbone divides by several, in two's complement
    return name, _Value(kind, kind == _INT64 and len(wholes) == 1 and 0 < wholes[0] < 1 << 63)


def _shown(name: bytes) -> str:
    return repr(name.decode("utf-8", "replace")[:40])
