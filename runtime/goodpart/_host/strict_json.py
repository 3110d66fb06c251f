"""Conversion of JSON to frozen dataclasses and back; it refuses everything that the dataclass does not declare.

Python's own reader accepts NaN and duplicate keys, and checks no types. Facts that decide verdicts need a stricter
reader. Here, unknown, missing and duplicate keys, non-finite numbers and wrong types are errors that name the place.

A field with `metadata={"optional": True}` and the default None is a key that may be left out: None has no key, and null
is refused.
"""

import dataclasses
import enum
import json
import math
import types
import typing
from typing import Any, TypeVar

from goodpart.errors import ManifestError, UsageError

T = TypeVar("T")


def encode(value: object) -> bytes:
    """The JSON bytes of a dataclass: UTF-8, indented, keys in field order, the same bytes for the same facts.

    Args:
        value: a frozen dataclass of the kinds that `decode` reads.
    """
    return (json.dumps(to_plain(value), indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def to_plain(value: object) -> Any:
    """A dataclass as plain dicts, lists, strings and numbers."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        stated = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        left_out = {name for name in _optional(type(value)) if stated[name] is None}
        return {name: to_plain(item) for name, item in stated.items() if name not in left_out}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def decode(kind: type[T], text: bytes, *, where: str) -> T:
    """Reads a dataclass from JSON bytes.

    Args:
        kind: a frozen dataclass; its annotations are the schema.
        text: UTF-8 JSON.
        where: name of the place in messages, for example a file name.

    Raises:
        ManifestError: malformed JSON, unknown, missing or duplicate keys, a wrong type, a non-finite number, or a value
            that the dataclass itself refuses.
    """
    return from_plain(kind, parse(text, where=where), where=where)


def from_plain(kind: type[T], plain: object, *, where: str) -> T:
    """Converts the result of `parse` to a dataclass.

    Args:
        kind: a frozen dataclass; its annotations are the schema.
        plain: dicts, lists, strings and numbers.
        where: name of the place in messages.

    Raises:
        ManifestError: unknown or missing keys, a wrong type, or a value that the dataclass itself refuses.
    """
    return typing.cast(T, _typed(kind, plain, where))


def parse(text: bytes, *, where: str) -> Any:
    """Reads plain JSON, refusing duplicate keys and non-finite numbers.

    Raises:
        ManifestError: not UTF-8, not JSON, nested too deeply, a duplicate key, NaN or infinity.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            names = [name for name, _ in items]
            twice = next(name for name in names if names.count(name) > 1)
            raise ManifestError(f"{where}: key {twice!r} stands twice in one object; keep one")
        return found

    def number(digits: str) -> float:
        value = float(digits)
        if not math.isfinite(value):
            raise ManifestError(f"{where}: expected finite numbers, found {digits[:40]}")
        return value

    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=pairs, parse_float=number, parse_constant=number)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{where}: expected UTF-8 JSON, found something else ({error})") from error


def _typed(kind: Any, value: Any, where: str) -> Any:
    """Converts the value to the annotated type `kind`, or raises ManifestError."""
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        inner = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if value is None else _typed(inner[0], value, where)
    if origin is tuple:
        return _typed_tuple(typing.get_args(kind), value, where)
    if origin is dict:
        found = _expect(dict, value, where, "an object")
        inner = typing.get_args(kind)[1]
        return {_text(key, where): _typed(inner, item, f"{where}: {key}") for key, item in found.items()}
    if dataclasses.is_dataclass(kind):
        return _typed_dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        options = [member.value for member in kind]
        if value not in options:
            raise ManifestError(f"{where}: expected one of {options}, found {shown(value)}")
        return kind(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value, where)
    if kind is str:
        return _text(value, where)
    return _expect(kind, value, where, {int: "a whole number", float: "a number"}.get(kind, "true/false"))


def _typed_tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    found = _expect(list, value, where, "a list")
    if kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(found)
    if len(found) != len(kinds):
        raise ManifestError(f"{where}: expected a list of {len(kinds)}, found {len(found)}")
    return tuple(
        _typed(kind, item, f"{where}[{index}]") for index, (kind, item) in enumerate(zip(kinds, found, strict=True))
    )


def _typed_dataclass(kind: Any, value: Any, where: str) -> Any:
    found = _expect(dict, value, where, "an object")
    hints = typing.get_type_hints(kind)
    names, optional = [field.name for field in dataclasses.fields(kind)], _optional(kind)
    unknown = sorted(set(found) - set(names))
    missing = [name for name in names if name not in found and name not in optional]
    if unknown or missing:
        raise ManifestError(f"{where}: expected the keys {names}, found unknown {unknown} and missing {missing}")
    if empty := [name for name in names if name in optional and name in found and found[name] is None]:
        raise ManifestError(f"{where}: {empty[0]}: expected a value or no such key, found None")
    fields = {name: _typed(hints[name], found[name], f"{where}: {name}") for name in names if name in found}
    try:
        return kind(**fields)
    except UsageError as error:
        raise ManifestError(f"{where}: {error}") from error


def _optional(kind: Any) -> set[str]:
    """The keys that may be left out."""
    return {field.name for field in dataclasses.fields(kind) if field.metadata.get("optional")}


def _text(value: Any, where: str) -> str:
    found = _expect(str, value, where, "a text")
    # an escape such as \ud800 is half a character, which can be neither printed nor encoded
    if any("\ud800" <= each <= "\udfff" for each in found):
        raise ManifestError(f"{where}: expected a text of whole characters, found {shown(found)}")
    return str(found)


def _as_float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ManifestError(f"{where}: expected a number within float range, found {shown(value)}") from error


def _expect(kind: Any, value: Any, where: str, words: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ManifestError(f"{where}: expected {words}, found {shown(value)}")
    return value


def shown(value: object) -> str:
    """A JSON value as text, short enough for a message."""
    # repr fails on lists and objects that are nested too deeply
    text = "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
