"""Results as JSON lines: a run goes on where another one ended, and a table is made of all of them."""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from goodpart.errors import UsageError

_KEY = ("set", "method", "input", "seed", "epochs")
_SHOWN = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "aupro_30": "AUPRO .30"}
Key = tuple[Any, ...]


def key_of(line: Mapping[str, Any]) -> Key:
    """What tells one result from another: set, method, input size, seed, epochs.

    Raises:
        KeyError: one of them is missing.
    """
    return tuple(line[name] for name in _KEY)


class Done:
    """The results in a file.

    Attributes:
        lines: all of them, in the order of the file.
    """

    def __init__(self, path: Path) -> None:
        """Reads the file, if there is one.

        Raises:
            UsageError: a line is no result.
        """
        self._path = path
        self.lines: list[dict[str, Any]] = []
        texts = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        for number, text in enumerate(texts, 1):
            try:
                line = json.loads(text)
                key_of(line)
            except (ValueError, KeyError, TypeError) as error:
                raise UsageError(
                    f"--results {path}: expected a result in line {number}, found {text[:40]!r}; remove that line"
                ) from error
            self.lines.append(line)

    def __contains__(self, key: Key) -> bool:
        return any(key_of(line) == key for line in self.lines)

    def add(self, line: dict[str, Any]) -> None:
        """Writes a result to the end of the file, at once and whole."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(line)


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """Markdown: one row per set, method, input size and epochs, with the mean over seeds and [lowest..highest]."""
    rows: defaultdict[tuple[Any, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for line in lines:
        rows[line["set"], line["method"], line["input"], line["epochs"]].append(line)
    head = ["set", "method", "input", "epochs", "seeds", *_SHOWN.values(), "CPU s to learn"]
    made = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for (name, method, input_px, epochs), found in rows.items():
        seeds = " ".join(str(line["seed"]) for line in found)
        cells = [name, method, input_px, "-" if epochs is None else str(epochs), seeds]
        cells += [_cell([line[figure] for line in found]) for figure in _SHOWN]
        cells.append(f"{np.mean([line['learn_cpu_s'] for line in found]):.0f}")
        made.append("| " + " | ".join(cells) + " |")
    return "\n".join(made)


def _cell(values: list[float | None]) -> str:
    had = [value for value in values if value is not None]
    if not had:
        return "n/a"
    spread = f" [{min(had):.4f}..{max(had):.4f}]" if len(had) > 1 else ""
    return f"{np.mean(had):.4f}{spread}"
