"""Update: CPU time of a build with a workspace that knows all batches but the last, against one without a workspace.

The good images are dealt by part into batches, by default a half, four tenths and a tenth. Every batch is appended to a
recipe and built twice: with the workspace of the builds before, and from nothing. Both must make the same bytes. CPU
seconds are those of the whole command, so that other programs on the machine change them little.

    python benchmarks/update.py --good DIR --backbone FILE [--group REGEX --group-gap N] [--head off|auto]
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from common import headline, parser, tell
from goodpart.cli.common import print_json, run
from goodpart.errors import UsageError
from goodpart.frames.listing import find_images
from goodpart_bank_builder.data.parts import group_parts
from goodpart_bank_builder.recipe.stored import with_batch


def main() -> int:
    """Measures, and prints the figures."""
    options = parser(__doc__, bundle=False)
    options.add_argument("--good", type=Path, required=True, metavar="DIR", help="good images")
    options.add_argument("--backbone", type=Path, required=True, metavar="FILE", help="file from goodpart-export")
    options.add_argument("--group", metavar="REGEX", help="as in goodpart-bank build")
    options.add_argument("--group-gap", type=int, default=0, metavar="N", help="as in goodpart-bank build")
    options.add_argument("--head", default="off", help="as in goodpart-bank build (default %(default)s)")
    options.add_argument("--shares", default="0.5,0.4,0.1", help="of the parts in each batch (default %(default)s)")
    options.add_argument("--most", type=int, metavar="N", help="take at most N parts (default: all)")
    options.add_argument("--seed", type=int, default=0, help="of the deal (default %(default)s)")
    return run(_measure, options, None)


def _measure(options: argparse.Namespace) -> int:
    shares = [float(share) for share in options.shares.split(",")]
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        counts = _deal(options, folder, shares)
        (folder / "backbone.onnx").symlink_to(options.backbone.resolve())
        steps: list[dict[str, Any]] = []
        for number in range(len(shares)):
            text = _recipe(options) if number == 0 else (folder / "r.toml").read_text()
            (folder / "r.toml").write_text(
                with_batch(text, name=f"batch {number}", images=Path(f"batch{number}"), calibrates=True)
            )
            warm_s, warm = _built(folder, f"warm{number}")
            cold_s, cold = _built(folder, f"cold{number}", "--no-workspace") if number else (warm_s, warm)
            steps.append({
                "images": sum(counts[: number + 1]),
                "new": counts[number],
                "update_cpu_s": round(warm_s, 1),
                "rebuild_cpu_s": round(cold_s, 1),
                "ratio": round(warm_s / cold_s, 3),
                "same_bytes": warm == cold,
            })  # fmt: skip
            tell(str(steps[-1]))
        size = sum(path.stat().st_size for path in (folder / "workspace").rglob("*") if path.is_file())
        facts = {"head": options.head, "steps": steps, "workspace_mb": round(size / 1e6)}
        print_json({**headline("update", seed=options.seed, digest=None), **facts})
    return 0


def _recipe(options: argparse.Namespace) -> str:
    group = f"group = '{options.group}'\n" if options.group else ""
    head = options.head if options.head not in ("off", "auto") else f'"{options.head}"'
    return (
        '[product]\nname = "measured"\nserial = 1\n[backbone]\nfile = "backbone.onnx"\n'
        f"[parts]\n{group}group_gap = {options.group_gap}\n[bank]\nhead = {head}\n[workspace]\nembeddings_mb = 2048\n"
    )


def _deal(options: argparse.Namespace, folder: Path, shares: list[float]) -> list[int]:
    """Lays every part into the folder of a batch; returns how many images each batch has."""
    paths = find_images(options.good)
    parts = group_parts(paths, options.good, pattern=options.group, gap=options.group_gap)
    names = sorted(set(parts.values()))
    order = np.random.default_rng(options.seed).permutation(len(names))[: options.most]
    edges = np.round(np.cumsum([0.0, *shares]) / sum(shares) * len(order)).astype(int)
    batch_of = {names[place]: batch for batch in range(len(shares)) for place in order[edges[batch] : edges[batch + 1]]}
    counts = [0] * len(shares)
    for path in paths:
        if (batch := batch_of.get(parts[path])) is not None:
            target = folder / f"batch{batch}" / path.relative_to(options.good)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(path.resolve())
            counts[batch] += 1
    return counts


def _built(folder: Path, out: str, *more: str) -> tuple[float, dict[str, str]]:
    """CPU seconds of a build, and the sha256 of every file that it made."""
    command = [sys.executable, "-m", "goodpart_bank_builder.cli.main", "build", str(folder / "r.toml")]
    child = subprocess.Popen([*command, "--out", str(folder / out), "--threads", "1", *more], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise UsageError(f"{out}: expected a build, found exit code {child.returncode}")
    digests = {
        path.relative_to(folder / out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / out).rglob("*"))
        if path.is_file()
    }
    return used.ru_utime + used.ru_stime, digests


if __name__ == "__main__":
    sys.exit(main())
