"""Cold start: time from starting the process to the first score, in a fresh interpreter each time.

The wall time is measured from outside, from before the start of the process until it prints its first score. The
process itself measures the stages: import goodpart; load (every byte verified, with one warm-up frame); the first
inspection. `rest` is mostly the start of the interpreter. The first run is reported separately, because later runs
find the files in the page cache. On a PC that has just booted, the time to read the bundle and the libraries from disk
is added.

    python benchmarks/cold_start.py BUNDLE --python /opt/line/bin/python --runs 10
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from common import CHILD_VERSIONS, count, headline, load, parser, run_child, tell
from goodpart.cli.common import print_json, run

_CODE = f"""
import time
began = time.perf_counter()
import goodpart
imported = time.perf_counter()
import json, sys
inspector = goodpart.Inspector.load(sys.argv[1], threads=int(sys.argv[2]))
loaded = time.perf_counter()
frame = inspector.bundle.read_golden(inspector.bundle.manifest.golden[0].file)
read = time.perf_counter()
score = inspector.inspect(frame).score
scored = time.perf_counter()
print(json.dumps({{
    "score": score,
    "import": (imported - began) * 1e3,
    "load": (loaded - imported) * 1e3,
    "first_inspection": (scored - read) * 1e3,
}}), flush=True)
{CHILD_VERSIONS}
"""

_PARTS = ("import", "load", "first_inspection")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--python", default=sys.executable, metavar="PATH", help="default: this interpreter")
    made.add_argument("--runs", type=count, default=10, help="after a warming one (default %(default)s)")
    made.add_argument("--threads", type=count, default=1, help="default %(default)s")
    return run(_cold_start, made, argv)


def _cold_start(options: argparse.Namespace) -> int:
    _, bundle = load(options.bundle, threads=options.threads)
    arguments = [str(options.bundle), str(options.threads)]
    runs: list[dict[str, float]] = []
    child, first_ms = run_child(options.python, _CODE, arguments)
    for done in range(options.runs):
        tell(f"run {done + 1} of {options.runs}")
        child, wall_ms = run_child(options.python, _CODE, arguments)
        parts = {part: child[part] for part in _PARTS}
        runs.append({"wall": wall_ms, **parts, "rest": wall_ms - sum(parts.values())})
    walls = [figures["wall"] for figures in runs]
    print_json(
        {
            **headline("cold_start", seed=options.seed, digest=bundle.digest),
            # of the interpreter that was measured, which may be another than this one
            "python": child["python"],
            "versions": child["versions"],
            "threads": options.threads,
            "runs": options.runs,
            "first_run_wall_ms": round(first_ms, 1),
            "median_ms": {part: round(float(np.median([figures[part] for figures in runs])), 1) for part in runs[0]},
            "wall_range_ms": [round(min(walls), 1), round(max(walls), 1)],
            "score": child["score"],
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
