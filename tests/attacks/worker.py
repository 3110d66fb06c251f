"""The child process that judges mutants one by one and says so before it goes on: `worker.py WORK PLACE SEED JUDGE`.

Numbers come in as lines of JSON lists, results go out as one JSON line each. Whatever a mutant does to this process,
the parent knows which one it was.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import shutil
import sys
import time
from pathlib import Path

from attacks.bases import read_bases
from attacks.mutations import mutant

_LIMIT_BYTES = {resource.RLIMIT_AS: 3 << 30, resource.RLIMIT_DATA: 2 << 30, resource.RLIMIT_CORE: 0}


def main(work: Path, place: Path, seed: int, judge: str) -> None:
    """Judges until the parent closes the pipe or dies."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: also when a mutant hangs
    for kind, limit in _LIMIT_BYTES.items():
        resource.setrlimit(kind, (limit, limit))
    # what native libraries print must not get between the results
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    module, _, name = judge.partition(":")
    bases, judged = read_bases(work), getattr(importlib.import_module(module), name)(work)
    results.write("ready\n")
    for line in sys.stdin:
        for number in json.loads(line):
            began = time.perf_counter()
            found = mutant(seed, number, bases)
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            shutil.copy(work / "outside.npy", place)
            folder = place / "bar"
            found.write(folder)
            outcome = judged(found, folder)
            facts = {"number": number, "kind": found.kind, "base": found.base.name, "words": found.words[:300]}
            facts |= {
                "repaired": found.repaired,
                "keyed": found.keyed,
                "outcome": outcome.name,
                "detail": outcome.detail,
            }
            results.write(json.dumps({**facts, "seconds": round(time.perf_counter() - began, 4)}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
