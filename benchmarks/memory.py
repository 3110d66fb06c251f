"""Memory: resident memory of a fresh process, from its start to many frames later (Linux).

VmRSS is the present memory of the process and VmHWM its maximum so far, both in MiB from /proc/self/status. The
difference between one frame and many frames shows growth that would matter on a line that runs for days.

    python benchmarks/memory.py BUNDLE --python /opt/line/bin/python --frames 1000
"""

import argparse
import sys
from collections.abc import Sequence

from common import CHILD_VERSIONS, count, headline, load, parser, run_child
from goodpart.cli.common import print_json, run

_CODE = f"""
import json, sys

def resident():
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return {{name: round(int(fields[name].split()[0]) / 1024, 1) for name in ("VmRSS", "VmHWM")}}

stages = {{"started": resident()}}
import goodpart
stages["imported"] = resident()
inspector = goodpart.Inspector.load(sys.argv[1], threads=int(sys.argv[2]))
stages["loaded"] = resident()
frames = [inspector.bundle.read_golden(golden.file) for golden in inspector.bundle.manifest.golden]
inspector.inspect(frames[0])
stages["one_frame"] = resident()
for number in range(int(sys.argv[3])):
    inspector.inspect(frames[number % len(frames)])
stages["many_frames"] = resident()
print(json.dumps({{"resident_mib": stages}}))
{CHILD_VERSIONS}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__)
    made.add_argument("--python", default=sys.executable, metavar="PATH", help="default: this interpreter")
    made.add_argument("--frames", type=count, default=1000, help="default %(default)s")
    made.add_argument("--threads", type=count, default=1, help="default %(default)s")
    return run(_memory, made, argv)


def _memory(options: argparse.Namespace) -> int:
    _, bundle = load(options.bundle, threads=options.threads)
    arguments = [str(options.bundle), str(options.threads), str(options.frames)]
    child, _ = run_child(options.python, _CODE, arguments)
    print_json(
        {
            **headline("memory", seed=options.seed, digest=bundle.digest),
            # interpreter and versions that were measured, which may differ from those of this process
            **child,
            "threads": options.threads,
            "frames": options.frames,
            "bundle_mib": round(sum(facts.size_bytes for facts in bundle.manifest.files.values()) / 2**20, 1),
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
