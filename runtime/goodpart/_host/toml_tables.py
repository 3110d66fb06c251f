"""TOML files read strictly: what is wrong in one is a line with file and line number.

`tomllib` came with Python 3.11. The runtime itself reads no TOML; the distributions that do need 3.11.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from goodpart._host.strict_json import shown
from goodpart._host.toml_lines import lines_of
from goodpart.errors import UsageError, found_at

_LIMIT_BYTES = 1 << 20
_AT_LINE = re.compile(r" \(at line (\d+), column \d+\)| \(at end of document\)")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a table.

    Attributes:
        words: what is expected, for messages.
        fits: whether a value from `tomllib` is that.
        required: whether the table must have it.
    """

    words: str
    fits: Callable[[object], bool]
    required: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Places:
    """Where things stand in a file.

    Attributes:
        file: the file.
        text: of the file.
    """

    file: Path
    text: str = dataclasses.field(repr=False)

    def of(self, table: str, key: str = "", number: int = 0) -> str:
        """`file:line` of a key, or of its table where the key is not there."""
        lines = lines_of(self.text)
        line = lines.get((table, number, key)) or lines.get((table, number, ""))
        return str(self.file) if line is None else f"{self.file}:{line}"


def read_text(file: Path, *, what: str) -> str:
    """The text of a file.

    Args:
        file: the file.
        what: it should be, for messages, such as "a recipe".

    Raises:
        UsageError: no such file, too large, or no UTF-8.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: expected {what}, found {found_at(file)} ({error.strerror})") from error
    if len(data) > _LIMIT_BYTES:
        raise UsageError(f"{file}: expected {what} of at most {_LIMIT_BYTES} bytes, found {len(data)}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"{file}:{line}: expected UTF-8, found another byte; save the file as UTF-8") from error


def parsed(places: Places) -> dict[str, Any]:
    """What a file says.

    Raises:
        UsageError: it is no TOML; the message names the line.
    """
    # not at the top: a PC with the runtime alone may have Python 3.10
    import tomllib

    try:
        plain: dict[str, Any] = tomllib.loads(places.text)
    except tomllib.TOMLDecodeError as error:
        line = _AT_LINE.search(str(error))
        where = f"{places.file}:{line[1]}" if line is not None and line[1] else str(places.file)
        raise UsageError(f"{where}: expected TOML, found {_AT_LINE.sub('', str(error))}; correct the line") from error
    return plain


def check_table(name: str, number: int, entry: Mapping[str, Any], keys: Mapping[str, Key], places: Places) -> None:
    """Refuses a table that holds something else than its keys.

    Args:
        name: of the table.
        number: of the table among those of its name.
        entry: what it holds.
        keys: what it may hold, by name.
        places: of the file.

    Raises:
        UsageError: a key is unknown or missing, or its value does not fit.
    """
    for key, value in entry.items():
        if key not in keys:
            raise UsageError(
                f"{places.of(name, key, number)}: expected one of the keys {', '.join(keys)} in [{name}], found {key!r}"
            )
        if not keys[key].fits(value):
            raise UsageError(f"{places.of(name, key, number)}: {key}: expected {keys[key].words}, found {shown(value)}")
    for key, facts in keys.items():
        if facts.required and key not in entry:
            raise UsageError(f"{places.of(name, '', number)}: expected the key {key!r} in [{name}], found none")
