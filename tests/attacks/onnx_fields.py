"""Mutations of any field of any protobuf message in the ONNX file; and its bytes, where the library is too strict."""

import functools
import random
from collections.abc import Iterator
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from attacks.draft import Draft
from attacks.odd_values import ALL_OPERATORS, FLOATS, INTEGERS, TEXTS


def onnx_field(draft: Draft) -> None:
    """Any field of any message, weights seldom."""
    model = parsed(draft.data("backbone.onnx"))
    spots = list(_spots(model))
    draft.words = _change_field(*draft.dice.choice(spots), draft.dice)
    put(draft, model)


def with_metadata(backbone: bytes, facts: bytes) -> bytes:
    """The ONNX file with other facts, which need not be UTF-8."""
    model = parsed(backbone)
    del model.metadata_props[:]
    key = b"goodpart.backbone"
    entry = b"\x0a" + varint(len(key)) + key + b"\x12" + varint(len(facts)) + facts
    return model.SerializeToString() + b"\x72" + varint(len(entry)) + entry


def varint(number: int) -> bytes:
    """A whole number as protobuf has it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


@functools.lru_cache(maxsize=4)
def _parsed(backbone: bytes) -> onnx.ModelProto:
    return onnx.load_model_from_string(backbone)


def parsed(backbone: bytes) -> onnx.ModelProto:
    """A model of one's own, to be changed."""
    model = onnx.ModelProto()
    model.CopyFrom(_parsed(backbone))
    return model


def put(draft: Draft, model: onnx.ModelProto) -> None:
    """Writes a changed model."""
    draft.entries["backbone.onnx"] = model.SerializeToString()


def _spots(message: Message) -> Iterator[tuple[Message, FieldDescriptor]]:
    """Every message within a message, with every field that it could have, set or not."""
    for field in message.DESCRIPTOR.fields:
        yield message, field
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if _is_repeated(value) else [value]:
                yield from _spots(inner)


def _is_repeated(value: Any) -> bool:
    return not isinstance(value, (Message, str, bytes, int, float))


def _change_field(message: Message, field: FieldDescriptor, dice: random.Random) -> str:
    name, value = field.name, getattr(message, field.name)
    words = f"{message.DESCRIPTOR.name}.{name}"
    if field.message_type is not None:
        if not _is_repeated(value):
            dice.choice([value.SetInParent, functools.partial(message.ClearField, name)])()
        elif len(value) and dice.random() < 0.5:
            del value[dice.randrange(len(value))]
        else:
            value.add().CopyFrom(dice.choice(value)) if len(value) else value.add()
        return f"{words}: another message"
    new = _scalar(field, dice)
    try:
        if not _is_repeated(value):
            setattr(message, name, new)
        elif len(value) and dice.random() < 0.6:
            value[dice.randrange(len(value))] = new
        else:
            value.append(new)
    except ValueError:  # beyond 32 bits
        message.ClearField(name)
        return f"{words} cleared"
    return f"{words} = {str(new)[:40]!r}"


def _scalar(field: FieldDescriptor, dice: random.Random) -> Any:
    if field.enum_type is not None:
        return dice.choice([value.number for value in field.enum_type.values])
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return dice.choice(FLOATS)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return dice.randbytes(dice.choice([0, 1, 4, 8, 64, 4096]))
    if field.type == FieldDescriptor.TYPE_STRING:
        return dice.choice(TEXTS + ALL_OPERATORS)
    return dice.choice(INTEGERS)
