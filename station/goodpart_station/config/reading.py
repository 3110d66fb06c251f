"""Reads the tables of the file into dataclasses, whichever there are."""

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from goodpart._host.strict_json import shown
from goodpart._host.toml_lines import lines_of
from goodpart._host.toml_tables import Key, Places, check_table
from goodpart.errors import UsageError
from goodpart_station.settings import Kind, kind_of

_TABLE = "table"
_KIND_KEY = "kind"


def table(name: str) -> Any:
    """A field of the configuration that is a table of the file.

    Its type says how often the table may stand there and what it holds: `T`, once; `T | None`, once or not at all;
    `tuple[T, ...]`, any number of times from one on. With `T1 | T2` the table's key `kind` says which it is: the class
    attribute `KIND` of one of them.

    Args:
        name: of the table, with dots, such as "sink.jsonl".
    """
    return dataclasses.field(metadata={_TABLE: name})


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Rule:
    """How often a table may stand in the file, and the dataclasses that it can be."""

    name: str
    choices: tuple[type, ...]
    many: bool
    required: bool

    @property
    def brackets(self) -> str:
        return f"[[{self.name}]]" if self.many else f"[{self.name}]"


def read_tables(config: type, plain: dict[str, Any], places: Places) -> dict[str, Any]:
    """The fields of a configuration.

    Args:
        config: its class; the fields that are tables are read.
        plain: what the file says.
        places: of the file.

    Raises:
        UsageError: a table or key is unknown or missing, or a value does not fit.
    """
    rules = dict(_rules(config))
    entries: dict[str, list[dict[str, Any]]] = {rule.name: [] for rule in rules.values()}
    for name, value in _flat(plain, set(entries), places):
        known = {rule.name: rule for rule in rules.values()}
        if name not in known:
            raise UsageError(
                f"{_place(name, places)}: expected one of the tables {', '.join(known)}, found {name!r}; "
                f"{_advice(name, known, 'table')}"
            )
        entries[name] = _entries(known[name], value, places)
    found: dict[str, Any] = {}
    for field, rule in rules.items():
        read = [_read(rule, number, entry, places) for number, entry in enumerate(entries[rule.name])]
        if rule.required and not read:
            raise UsageError(f"{places.file}: expected the table {rule.brackets}, found none; add it")
        found[field] = tuple(read) if rule.many else read[0] if read else None
    return found


def _rules(config: type) -> Iterator[tuple[str, _Rule]]:
    hints = typing.get_type_hints(config)
    for field in dataclasses.fields(config):
        if (name := field.metadata.get(_TABLE)) is not None:
            hint, many = hints[field.name], False
            if typing.get_origin(hint) is tuple:
                hint, many = typing.get_args(hint)[0], True
            choices, optional = _without_none(hint)
            yield field.name, _Rule(name=name, choices=choices, many=many, required=not optional)


def _without_none(hint: Any) -> tuple[tuple[Any, ...], bool]:
    is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    choices = typing.get_args(hint) if is_union else (hint,)
    return tuple(each for each in choices if each is not types.NoneType), types.NoneType in choices


def _flat(plain: dict[str, Any], names: set[str], places: Places) -> Iterator[tuple[str, Any]]:
    """The tables by their full names, such as "sink.jsonl"."""
    parents = {name.partition(".")[0] for name in names if "." in name}
    for name, value in plain.items():
        if name not in parents:
            yield name, value
        elif not isinstance(value, dict):
            raise UsageError(f"{_place(name, places)}: expected tables such as [{name}.NAME], found something else")
        else:
            yield from ((f"{name}.{below}", each) for below, each in value.items())


def _place(name: str, places: Places) -> str:
    """Where a table stands, or what should have been one."""
    parent, _, key = name.rpartition(".")
    below = (each for each, _, _ in lines_of(places.text) if each.startswith(f"{name}."))
    for found in (places.of(name), places.of(parent, key), places.of(next(below, ""))):
        if found != str(places.file):
            return found
    return str(places.file)


def _advice(name: str, known: Mapping[str, object], what: str) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"do you mean {near[0]!r}?" if near else f"correct its name, or take the {what} out"


def _entries(rule: _Rule, value: Any, places: Places) -> list[dict[str, Any]]:
    if isinstance(value, list) != rule.many or not all(isinstance(each, dict) for each in _listed(value)):
        raise UsageError(
            f"{_place(rule.name, places)}: expected {rule.brackets}, found something else; correct the brackets"
        )
    return _listed(value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _read(rule: _Rule, number: int, entry: dict[str, Any], places: Places) -> Any:
    cls = rule.choices[0]
    if len(rule.choices) > 1:
        cls = _chosen(rule, number, entry, places)
        entry = {key: value for key, value in entry.items() if key != _KIND_KEY}
    hints = typing.get_type_hints(cls)
    kinds = {each.name: kind_of(each, _without_none(hints[each.name])[0][0]) for each in dataclasses.fields(cls)}
    keys = {each.name: _key(kinds[each.name], each) for each in dataclasses.fields(cls)}
    for key in entry:
        if key not in keys:
            raise UsageError(
                f"{places.of(rule.name, key, number)}: expected one of the keys {', '.join(keys)} in [{rule.name}], "
                f"found {key!r}; {_advice(key, keys, 'line')}"
            )
    try:
        check_table(rule.name, number, entry, keys, places)
    except UsageError as error:
        raise UsageError(f"{error}; {'add' if str(error).endswith('found none') else 'correct'} it") from error
    values = {key: kinds[key].take(value) for key, value in entry.items()}
    for key, value in values.items():
        if hasattr(value, "is_absolute"):
            values[key] = places.file.parent / value
    try:
        return cls(**values)
    except UsageError as error:
        raise UsageError(f"{_of_message(rule.name, number, keys, str(error), places)}: {error}") from error


def _chosen(rule: _Rule, number: int, entry: dict[str, Any], places: Places) -> type:
    """The dataclass that the table's kind names."""
    classes = {getattr(each, "KIND", each.__name__): each for each in rule.choices}
    kind = entry.get(_KIND_KEY)
    where = places.of(rule.name, _KIND_KEY, number)
    words = " or ".join(f'"{each}"' for each in classes)
    if isinstance(kind, str) and kind in classes:
        return classes[kind]
    found = "none" if kind is None else shown(kind)
    raise UsageError(f"{where}: kind: expected {words}, found {found}; correct it")


def _key(kind: Kind, field: "dataclasses.Field[Any]") -> Key:
    required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    return Key(words=kind.words, fits=lambda value: kind.take(value) is not None, required=required)


def _of_message(name: str, number: int, keys: Mapping[str, Key], message: str, places: Places) -> str:
    """Where the key stands that a message begins with."""
    match = re.match(r"(\w+)", message)
    return places.of(name, match[1] if match is not None and match[1] in keys else "", number)
