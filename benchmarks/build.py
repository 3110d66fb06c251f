"""Build: time and peak memory of building a bundle, from a folder or from many images derived from its images.

With `--images N`, the good images are repeated until there are N, each time slightly shifted and brightened. For time
and memory, these files are as large and as varied as N photographs, but a bundle learns less from them.

    python benchmarks/build.py backbone.onnx --good GOOD_DIR [--images 10000]
"""

import argparse
import contextlib
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from common import RUNTIME_PACKAGES, count, headline, parser
from goodpart._host.machine import usable_cores
from goodpart.cli.common import print_json, run
from goodpart.facts.spec import FrameSpec
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart_bank_builder import BuildSettings, build_bundle
from goodpart_bank_builder.progress import progress

_PACKAGES = (*RUNTIME_PACKAGES, "goodpart-bank-builder", "opencv-python-headless")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="from goodpart-export")
    made.add_argument("--good", type=Path, required=True, metavar="GOOD_DIR", help="good images")
    made.add_argument("--images", type=count, metavar="N", help="make N images of them (default: as they are)")
    made.add_argument("--seed", type=int, default=0, help="default %(default)s")
    made.add_argument("--threads", type=count, default=usable_cores(), help="default %(default)s")
    return run(_build, made, argv)


def _build(options: argparse.Namespace) -> int:
    frame = Backbone.load(options.backbone).spec.frame
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        good_dir = options.good
        if options.images is not None:
            good_dir = work / "good"
            _multiply(options.good, good_dir, frame, options.images, options.seed)
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        report = build_bundle(
            BuildSettings(
                good_dir=good_dir,
                backbone=options.backbone,
                out=work / "bundle",
                seed=options.seed,
                threads=options.threads,
            )
        )
        spent_s = time.perf_counter() - began
    print_json(
        {
            **headline("build", seed=options.seed, digest=report.digest, packages=_PACKAGES),
            "threads": options.threads,
            "images": report.images,
            "bank": report.bank,
            "seconds": round(spent_s, 1),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "peak_before_build_mib": round(before_kib / 1024),
        }
    )
    return 0


def _multiply(source: Path, target: Path, frame: FrameSpec, number: int, seed: int) -> None:
    """Writes `number` images, each a shifted and brightened one of `source`."""
    target.mkdir()
    rng = np.random.default_rng(seed)
    paths = find_images(source)
    for copy in progress(range(number), doing="multiplying", total=number, unit="images"):
        picture = read_image(paths[copy % len(paths)], frame)
        moved = np.roll(picture, tuple(rng.integers(-8, 9, 2)), axis=(0, 1))
        gain = rng.uniform(0.8, 1.2)
        brightened = np.clip(moved * gain, 0, np.iinfo(picture.dtype).max).astype(picture.dtype)
        cv2.imwrite(str(target / f"{copy:06}.bmp"), brightened)


if __name__ == "__main__":
    sys.exit(main())
