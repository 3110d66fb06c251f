"""Build all: drawn products built in processes, killed in the middle and built on, against one process.

Wall time stands beside the load of the machine: on a busy one, only CPU time says something.

    python benchmarks/build_all.py BACKBONE [--products 40]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from common import count, headline, parser
from goodpart._host.machine import usable_cores
from goodpart.cli.common import print_json, run

_COMMAND = [sys.executable, "-m", "goodpart_bank_builder.cli.main", "build-all"]
_RECIPE = '[product]\nname = "{name}"\n[backbone]\nfile = "{backbone}"\n[[batch]]\nname = "start"\nimages = "{name}"\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="from goodpart-export, for RGB frames")
    made.add_argument("--products", type=count, default=40, help="default %(default)s")
    made.add_argument("--images", type=count, default=40, help="of each product (default %(default)s)")
    made.add_argument("--jobs", type=count, default=usable_cores(), help="default %(default)s")
    return run(_measure, made, argv)


def _measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as work:
        halves = {name: _draw(Path(work) / name, options) for name in ("alone", "killed")}
        loads = [os.getloadavg()[0]]
        alone = _build(halves["alone"], jobs=1)
        loads.append(os.getloadavg()[0])
        recipes = halves["killed"]
        done = _kill(recipes, options.jobs, after=options.products // 2)
        before = {path: path.stat().st_mtime_ns for path in _manifests(recipes)}
        resumed = _build(recipes, jobs=options.jobs)
        kept = sum(path.stat().st_mtime_ns == then for path, then in before.items())
        parallel = _build(recipes, "--force", jobs=options.jobs)
        loads.append(os.getloadavg()[0])
        passed = sum(_passes(path.parent) for path in _manifests(recipes))
    print_json(
        {
            **headline("build_all", seed=0, digest=None),
            "products": options.products,
            "images": options.images,
            "jobs": options.jobs,
            "load": [round(load, 1) for load in loads],
            "one_process": alone,
            "killed_after": done,
            "bundles_at_kill": len(before),
            "bundles_not_redone": kept,
            "resumed": resumed,
            "pass_verify": passed,
            "processes": parallel,
            "speed_up_wall": round(alone["wall_s"] / parallel["wall_s"], 2),
            "cpu_ratio": round(parallel["cpu_s"] / alone["cpu_s"], 2),
        }
    )
    return 0 if passed == options.products and kept >= len(before) - options.jobs else 1


def _draw(folder: Path, options: argparse.Namespace) -> list[Path]:
    """Draws products: a disc of another size and grey level each; returns their recipes."""
    recipes = []
    for product in range(options.products):
        name = f"part{product:03}"
        (folder / name).mkdir(parents=True)
        rng = np.random.default_rng(product)
        radius, grey = int(rng.integers(15, 30)), float(rng.uniform(150, 220))
        for number in range(options.images):
            frame = np.full((90, 70, 3), 90.0)
            centre = (35 + int(rng.integers(-2, 3)), 45 + int(rng.integers(-2, 3)))
            cv2.circle(frame, centre, radius, (grey, grey, grey), -1)
            noisy = np.clip(frame + rng.normal(0, 4, frame.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / name / f"{number:03}.png"), noisy)
        recipes.append(folder / f"{name}.toml")
        recipes[-1].write_text(_RECIPE.format(name=name, backbone=options.backbone.resolve()))
    return recipes


def _build(recipes: list[Path], *more: str, jobs: int) -> dict[str, Any]:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [*_COMMAND, *map(str, recipes), "--jobs", str(jobs), "--json", *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(done.stdout)
    return {
        "wall_s": round(time.perf_counter() - began, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        **{state: found[state] for state in ("built", "up_to_date", "failed")},
    }


def _kill(recipes: list[Path], jobs: int, *, after: int) -> int:
    """Kills a build when some products are built; returns how many it said were."""
    built = 0
    command = [*_COMMAND, *map(str, recipes), "--jobs", str(jobs)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            built += ": built in " in line
            if built == after:
                process.kill()
                break
    return built


def _manifests(recipes: list[Path]) -> list[Path]:
    return sorted((recipes[0].parent / "bundles").glob("[!.]*/manifest.json"))


def _passes(bundle: Path) -> bool:
    command = [sys.executable, "-m", "goodpart.cli.main", "verify", str(bundle)]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
