"""What an ONNX file says of itself, read without onnxruntime: the facts in its metadata, its inputs and its outputs.

Numbers of fields as in onnx.proto; the file must have passed `check_onnx`.
"""

from typing import NamedTuple

from goodpart._host import strict_json
from goodpart.errors import ContractError, ManifestError
from goodpart.facts.spec import BackboneSpec, Channels, PixelType
from goodpart.model.protobuf import RefusedError, as_message, as_number, fields_of, fields_once

METADATA_KEY = "goodpart.backbone"
"""Under this key an exported ONNX file carries its BackboneSpec as JSON."""

INPUT, OUTPUT, HOTTEST = "frame", "embeddings", "hottest"

# of ModelProto, GraphProto, StringStringEntryProto, ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto
_MODEL_GRAPH, _MODEL_METADATA, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _ENTRY_KEY, _ENTRY_VALUE = 7, 14, 11, 12, 1, 2
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_ELEMENT, _TENSOR_SHAPE, _SHAPE_SIDES, _SIDE_VALUE = 1, 2, 1, 1, 2, 1, 1

# TensorProto.DataType
_ELEMENTS = {1: "float", 2: PixelType.UINT8.value, 4: PixelType.UINT16.value}


class _Value(NamedTuple):
    """An input or output: its element type, and its sides in so far as the file states them, 0 for a free one."""

    name: str
    element: str
    sides: tuple[int, ...] | None


def read_spec(model: bytes, where: str) -> BackboneSpec:
    """The facts that an ONNX file carries.

    Args:
        model: the file.
        where: how messages call it.

    Raises:
        ContractError: it carries none, carries them twice, or they are malformed or impossible.
    """
    try:
        found = [
            bytes(as_message(entry.get(_ENTRY_VALUE, b"")))
            for field, value in fields_of(memoryview(model))
            if field == _MODEL_METADATA
            for entry in [fields_once(as_message(value), "metadata")]
            if as_message(entry.get(_ENTRY_KEY, b"")) == METADATA_KEY.encode()
        ]
    except RefusedError as error:
        raise ContractError(f"{where}: {error}; export the backbone again with goodpart-export") from error
    if not found:
        raise ContractError(f"{where}: expected a backbone from goodpart-export, found an ONNX file without its facts")
    # readers differ in which of them they take
    if len(found) > 1:
        raise ContractError(
            f"{where}: expected the metadata {METADATA_KEY} once, found it {len(found)} times; export the backbone "
            f"again with goodpart-export"
        )
    try:
        return strict_json.decode(BackboneSpec, found[0], where=f"{where} metadata")
    except ManifestError as error:
        raise ContractError(str(error)) from error


def check_ends(model: bytes, spec: BackboneSpec, where: str) -> None:
    """Refuses an ONNX file whose stated inputs and outputs are not those of its facts.

    A file may leave the sides of its output out. onnxruntime then infers them, and `Backbone` checks what it found.

    Args:
        model: the file.
        spec: from `read_spec`.
        where: how messages call the file.

    Raises:
        ContractError: another input or output.
    """
    frame, grid = spec.frame, spec.grid
    rank = 2 if frame.channels is Channels.GRAY else 3
    outputs = [_Value(OUTPUT, "float", (grid.patches, grid.dimension))]
    if spec.profile.excess is not None:
        outputs.append(_Value(HOTTEST, "float", (grid.patches,)))
    try:
        _check_values(_values(model, _GRAPH_INPUTS), [_Value(INPUT, frame.dtype.value, (0,) * rank)], "input")
        _check_values(sorted(_values(model, _GRAPH_OUTPUTS)), outputs, "output")
    except RefusedError as error:
        raise ContractError(f"{where}: {error}; export the backbone again with goodpart-export") from error


def _check_values(found: list[_Value], wanted: list[_Value], what: str) -> None:
    ends = len(found) == len(wanted) and all(map(_fits, found, wanted))
    if not ends:
        raise RefusedError(f"expected the {what} {_shown(wanted)}, found {_shown(found)}")


def _fits(found: _Value, wanted: _Value) -> bool:
    if found[:2] != wanted[:2] or found.sides is None or wanted.sides is None:
        return found[:2] == wanted[:2]
    pairs = zip(found.sides, wanted.sides, strict=False)
    return len(found.sides) == len(wanted.sides) and all(one in (0, other) or other == 0 for one, other in pairs)


def _values(model: bytes, which: int) -> list[_Value]:
    graphs = [as_message(value) for field, value in fields_of(memoryview(model)) if field == _MODEL_GRAPH]
    return [_value(as_message(value)) for graph in graphs for field, value in fields_of(graph) if field == which]


def _value(info: memoryview) -> _Value:
    value = fields_once(info, "an input or output")
    kind = fields_once(as_message(value.get(_VALUE_TYPE, b"")), "a type")
    tensor = fields_once(as_message(kind.get(_TYPE_TENSOR, b"")), "a tensor type")
    element = as_number(tensor.get(_TENSOR_ELEMENT, 0))
    sides = None
    if _TENSOR_SHAPE in tensor:
        shape = fields_of(as_message(tensor[_TENSOR_SHAPE]))
        sides = tuple(_side(as_message(side)) for field, side in shape if field == _SHAPE_SIDES)
    name = bytes(as_message(value.get(_VALUE_NAME, b""))).decode("utf-8", "replace")
    return _Value(name, _ELEMENTS.get(element, f"type {element}"), sides)


def _side(side: memoryview) -> int:
    """How long a side is, 0 if the file leaves it open."""
    return as_number(fields_once(side, "a side").get(_SIDE_VALUE, 0))


def _shown(values: list[_Value]) -> str:
    shown = [f"{value.name[:40]!r} of {value.element} {value.sides or ''}".rstrip() for value in values[:4]]
    return ", ".join(shown) or "none"
