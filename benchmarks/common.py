"""Shared code of the benchmarks: facts that make figures comparable, options, summaries and child processes.

Every benchmark prints one JSON object to stdout, and messages to stderr.
"""

import argparse
import importlib.metadata
import json
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.machine import cpu_name, usable_cores
from goodpart.bundle.bundle import Bundle
from goodpart.cli.common import add_common_options
from goodpart.errors import UsageError
from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector

PERCENTILES = (50, 95, 99)
"""Percentiles of every timing."""

RUNTIME_PACKAGES = ("goodpart", "numpy", "onnxruntime", "hnswlib")
"""Packages that the figures of the embedded PC depend on."""


def parser(description: str | None, *, bundle: bool = True) -> argparse.ArgumentParser:
    """A parser with the arguments and options of every benchmark.

    Args:
        description: the script's docstring.
        bundle: whether it measures a bundle.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    if bundle:
        made.add_argument("bundle", type=Path, metavar="BUNDLE", help="a bundle from goodpart-bank build")
        made.add_argument("--seed", type=int, default=0, help="seed of orders and samples (default %(default)s)")
    add_common_options(made)
    return made


def count(text: str) -> int:
    """Parses a whole number of at least 1.

    Raises:
        argparse.ArgumentTypeError: anything else.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {text!r}")
    return int(text)


def headline(
    benchmark: str, *, seed: int | None, digest: str | None, packages: Sequence[str] = RUNTIME_PACKAGES
) -> dict[str, Any]:
    """The first facts of a benchmark's JSON object.

    Args:
        benchmark: the script's name.
        seed: seed of orders and samples, None if there are several.
        digest: digest of the bundle, None if there are several bundles.
        packages: packages whose versions are recorded.
    """
    return {
        "benchmark": benchmark,
        "cpu": cpu_name(),
        "cores": usable_cores(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "seed": seed,
        "bundle_digest": digest,
    }


def load(folder: Path, *, threads: int) -> tuple[Inspector, Bundle]:
    """Loads an Inspector and its bundle, checked and warm.

    Raises:
        BundleError: the bundle is refused.
    """
    inspector = Inspector.load(folder, threads=threads)
    return inspector, inspector.bundle


def read_frames(folder: Path, spec: FrameSpec, *, limit: int, seed: int) -> list[npt.NDArray[Any]]:
    """Reads frames of a folder, before any time is measured.

    Args:
        folder: folder of images, searched recursively.
        spec: the frame specification of the bundle.
        limit: largest number of frames; a sample without repeats if there are more.
        seed: seed of the sample.
    """
    paths = find_images(folder)
    chosen = np.random.default_rng(seed).permutation(len(paths))[:limit]
    return [read_image(paths[number], spec) for number in sorted(chosen)]


def varied_frames(bundle: Bundle, frames: int, *, seed: int) -> list[npt.NDArray[Any]]:
    """Makes different frames from the golden frames: brightness changed by up to a fifth, every other frame turned.

    Args:
        bundle: the bundle with the golden frames.
        frames: number of frames to make.
        seed: seed of the brightness changes.
    """
    rng = np.random.default_rng(seed)
    golden = [bundle.read_golden(facts.file) for facts in bundle.manifest.golden]
    top = np.iinfo(golden[0].dtype).max
    made = []
    for number in range(frames):
        frame = golden[number % len(golden)]
        changed = np.clip(frame * rng.uniform(0.8, 1.2), 0, top).astype(frame.dtype)
        made.append(changed if number % 2 else changed[::-1, ::-1])
    return made


def percentiles(spent_ms: Sequence[float]) -> dict[str, float]:
    """The same percentiles as `goodpart bench`, in ms."""
    return {f"p{percent}": round(float(np.percentile(spent_ms, percent)), 3) for percent in PERCENTILES}


def run_child(python: str, code: str, arguments: Sequence[str]) -> tuple[dict[str, Any], float]:
    """Runs code in a fresh interpreter and reads the JSON objects that it prints.

    Args:
        python: the interpreter, which may belong to another environment.
        code: prints two lines of JSON: the figures, which stop the clock, then the versions.
        arguments: the arguments of `code`, in `sys.argv[1:]`.

    Returns:
        both objects joined, and the wall time in ms from the start of the process to its first line.

    Raises:
        UsageError: the interpreter does not exist, or the child failed.
    """
    # isolated mode: neither the working directory nor PYTHONPATH changes the imports
    command = [python, "-I", "-c", code, *arguments]
    began = time.perf_counter()
    try:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        raise UsageError(f"--python {python}: expected an interpreter, found none ({error.strerror})") from error
    with child:
        first = child.stdout.readline() if child.stdout is not None else ""
        wall_ms = (time.perf_counter() - began) * 1e3
        rest = child.stdout.read() if child.stdout is not None else ""
    if child.returncode != 0:
        raise UsageError(f"{python}: expected exit code 0, found {child.returncode}; its own message stands above")
    return {**json.loads(first), **json.loads(rest)}, wall_ms


CHILD_VERSIONS = f"""
import importlib.metadata, json, platform
versions = {{name: importlib.metadata.version(name) for name in {RUNTIME_PACKAGES!r}}}
print(json.dumps({{"python": platform.python_version(), "versions": versions}}))
"""
"""The end of a child's code: prints the measured versions after the clock has stopped."""


def tell(text: str) -> None:
    """Prints a progress message to stderr."""
    print(text, file=sys.stderr, flush=True)
