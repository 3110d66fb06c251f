"""Where the tables and keys of a TOML file stand: `tomllib` gives no positions of what it has read."""

import re

_TABLE = re.compile(r"\s*\[(?P<many>\[)?\s*(?P<name>[^\[\]]+?)\s*\](?(many)\])\s*(#.*)?$")
_KEY = re.compile(r"""\s*(?P<name>[A-Za-z0-9_-]+|"[^"]*"|'[^']*')\s*=""")
_TRIPLE = re.compile(r"\"\"\"|'''")

Place = tuple[str, int, str]
"""Name of a table, number of the table among those of its name, name of a key ("" for the table itself)."""


def lines_of(text: str) -> dict[Place, int]:
    """The line, from 1, of every table and key.

    Args:
        text: TOML that `tomllib` has read.
    """
    found: dict[Place, int] = {}
    counts: dict[str, int] = {}
    table, number, inside = "", 0, ""
    for line, content in enumerate(text.splitlines(), start=1):
        if inside:
            inside = "" if inside in content else inside
            continue
        if (match := _TABLE.match(content)) is not None:
            table = match["name"].strip("\"'")
            number = counts.get(table, 0)
            counts[table] = number + 1
            found[table, number, ""] = line
        elif (match := _KEY.match(content)) is not None:
            found.setdefault((table, number, match["name"].strip("\"'")), line)
        opened = _TRIPLE.findall(content)
        inside = opened[-1] if len(opened) % 2 else ""
    return found
