"""Messages of protobuf (https://protobuf.dev/programming-guides/encoding), as an ONNX file holds them.

Strict: what protobuf merges, cuts or skips, and onnxruntime may therefore read in another way, is refused.
"""

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _DELIMITED, _FOUR_BYTES = 0, 1, 2, 5


class RefusedError(Exception):
    """What was expected of the file and found in it."""


def as_message(value: int | memoryview | bytes) -> memoryview:
    """A field's value as a message, a text or bytes.

    Raises:
        RefusedError: it is a number.
    """
    if isinstance(value, int):
        raise RefusedError("expected an ONNX model, found another file")
    return memoryview(value)


def as_number(value: int | memoryview | bytes) -> int:
    """A field's value as a number.

    Raises:
        RefusedError: it is no number.
    """
    if not isinstance(value, int):
        raise RefusedError("expected an ONNX model, found another file")
    return value


def fields_once(message: memoryview, what: str) -> dict[int, int | memoryview]:
    """The fields of a message, each of which stands once: protobuf would merge them.

    Raises:
        RefusedError: a field stands twice; `what` names the message. Or as in `fields_of`.
    """
    found: dict[int, int | memoryview] = {}
    for field, value in fields_of(message):
        if field in found:
            raise RefusedError(f"expected {what} whose facts stand once, found some twice")
        found[field] = value
    return found


def fields_of(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number and value, a whole number or bytes.

    Raises:
        RefusedError: the message is truncated, or not protobuf that every reader takes in the same way.
    """
    position = 0
    while position < len(message):
        start = position
        key, position = _varint(message, position)
        field, kind = key >> 3, key & 7
        # onnxruntime cuts a longer key to 32 bits and takes another field for it
        if field == 0 or key >= 1 << 32 or (position - start > 1 and not message[position - 1]):
            raise RefusedError("expected an ONNX model, found another file")
        if kind == _VARINT:
            number, position = _varint(message, position)
            yield field, number
            continue
        if kind == _DELIMITED:
            size, position = _varint(message, position)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise RefusedError("expected an ONNX model, found another file")
        if position + size > len(message):
            raise RefusedError("expected a whole ONNX model, found a truncated or foreign file")
        yield field, message[position : position + size]
        position += size


def numbers_of(packed: memoryview) -> Iterator[int]:
    """The whole numbers of a packed field.

    Raises:
        RefusedError: as in `fields_of`.
    """
    position = 0
    while position < len(packed):
        number, position = _varint(packed, position)
        yield number


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """A whole number in groups of 7 bits, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise RefusedError("expected a whole ONNX model, found a truncated or foreign file")
        value |= (message[position] & 0x7F) << shift
        position += 1
        if not message[position - 1] & 0x80:
            return value, position
    raise RefusedError("expected an ONNX model, found another file")
