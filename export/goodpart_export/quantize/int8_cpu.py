"""int8 on this CPU: which instructions it has, and how fast it is."""

import statistics
import time
from pathlib import Path
from typing import Any

import numpy.typing as npt

from goodpart._host.machine import CPUINFO
from goodpart.model.backbone import Backbone

_DOT_PRODUCTS = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"}
"""Flags of the instructions that add four products of 8-bit numbers without saturating, on x86 and Arm."""

_PAIRS = 15
_WARM_UP = 3


def int8_instructions(cpuinfo: Path = CPUINFO) -> tuple[str, ...] | None:
    """This CPU's 8-bit dot products by the kernel's names, () for none, None if the kernel does not list them.

    Args:
        cpuinfo: the kernel's listing.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))), None)
    return None if flags is None else tuple(sorted(_DOT_PRODUCTS & set(flags)))


def interleaved_ms(first: Backbone, second: Backbone, frame: npt.NDArray[Any]) -> tuple[float, float]:
    """Median time per frame of two backbones, in ms. They take turns, so that other work on the machine slows both.

    Args:
        first, second: backbones for the same frames.
        frame: such as they declare.
    """
    spent_ms: tuple[list[float], list[float]] = ([], [])
    for _ in range(_WARM_UP + _PAIRS):
        for backbone, spent in zip((first, second), spent_ms, strict=True):
            began = time.perf_counter()
            backbone.embed(frame)
            spent.append((time.perf_counter() - began) * 1e3)
    before, after = (statistics.median(spent[_WARM_UP:]) for spent in spent_ms)
    return before, after
