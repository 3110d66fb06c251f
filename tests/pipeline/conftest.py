"""Runs benchmarks in this process."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Runs a benchmark's `main` by the script's name, in this process."""
    # the scripts import `common` as their neighbour, as when they are started by path
    monkeypatch.syspath_prepend(str(BENCHMARKS))

    def call(name: str, *arguments: object) -> int:
        return int(importlib.import_module(name).main([str(argument) for argument in arguments]))

    yield call
    # names as short as `search` and `common` must not stay importable for other tests
    for path in BENCHMARKS.glob("*.py"):
        sys.modules.pop(path.stem, None)


@pytest.fixture
def bench(script: Callable[..., int], capfd: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Runs a benchmark and gives the one JSON object of its stdout."""

    def call(name: str, *arguments: object) -> dict[str, Any]:
        code = script(name, *arguments)
        captured = capfd.readouterr()
        assert code == 0, captured.err
        lines = captured.out.splitlines()
        assert len(lines) == 1
        found: dict[str, Any] = json.loads(lines[0])
        assert found["benchmark"] == name
        assert found["cpu"]
        assert found["cores"] >= 1
        assert {"goodpart", "numpy", "onnxruntime", "hnswlib"} <= set(found["versions"])
        return found

    return call
