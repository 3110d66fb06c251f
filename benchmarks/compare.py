"""Compare: whether `goodpart-bank compare` tells learned defects from another seed, on real images.

OLD is a bank of all good images. Against it stand, built in the same way: banks that have learned ten defects of all
kinds as well (one draw each), banks of other seeds, and banks of half the images. Images that a bank has learned are no
test images. Learned defects are also compared on data without these very images (`without_their_images`), where their
sha256 tells nothing. Finished bundles in `--work` are kept, so that a run that was stopped goes on.

    python benchmarks/compare.py backbone.onnx --data CATEGORY --work DIR [--draws 10] [--seeds 10] [--halves 1]
"""

import argparse
import collections
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart.cli.common import print_json, run
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import build_bundle
from goodpart_bank_builder.cli.grouping import add_group_options
from goodpart_bank_builder.compare.comparison import CompareSettings, compare
from goodpart_bank_builder.compare.decide import decide
from goodpart_bank_builder.data.dataset import GOOD, Category, read_categories
from goodpart_bank_builder.data.settings import BuildSettings

_PACKAGES = (*RUNTIME_PACKAGES, "goodpart-bank-builder")
_LEARNED = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="from goodpart-export")
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="with train/good and test/<kind>")
    made.add_argument("--work", type=Path, required=True, metavar="DIR", help="for the bundles, which are kept")
    made.add_argument("--draws", type=int, default=10, help="of learned defects (default %(default)s)")
    made.add_argument("--seeds", type=int, default=10, help="other seeds (default %(default)s)")
    made.add_argument("--halves", type=int, default=1, help="banks of half the images (default %(default)s)")
    made.add_argument("--latency-frames", type=int, default=40, help="as in compare (default %(default)s)")
    made.add_argument("--head", type=float, default=0.0, help="as in build (default: off)")
    add_group_options(made)
    made.add_argument("--seed", type=int, default=0, help="of OLD and of all draws (default %(default)s)")
    made.add_argument("--threads", type=count, default=1, help="default %(default)s")
    return run(_measure, made, argv)


@dataclasses.dataclass(frozen=True)
class _Subject:
    """What is built and compared."""

    options: argparse.Namespace
    category: Category
    good: list[Path]

    def build(self, name: str, images: dict[str, Path], *, seed: int) -> Path:
        """The bundle of this name, built from images by the names that it lists."""
        out = self.options.work / name
        if (out / "manifest.json").is_file():
            return Path(out)
        tell(f"building {name}")
        source = self.options.work / "images" / name
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        for link, path in images.items():
            (source / link).symlink_to(path.resolve())
        options = self.options
        build_bundle(
            BuildSettings(
                good_dir=source, backbone=options.backbone, out=out, seed=seed, head=options.head, thumbnails=False,
                threads=options.threads, group=options.group, group_gap=options.group_gap,
            )
        )  # fmt: skip
        return Path(out)

    def compared(self, old: Path, new: Path, *, without: frozenset[Path] = frozenset()) -> dict[str, Any]:
        """What `compare` says, on all test images but some."""
        images = tuple(image for image in self.category.images if image.path.resolve() not in without)
        settings = CompareSettings(latency_frames=self.options.latency_frames, workers=self.options.threads)
        with Inspector.load(old, threads=1) as one, Inspector.load(new, threads=1) as other:
            category = dataclasses.replace(self.category, images=images)
            found = compare(one, other, category, self.options.data, settings)
        decision = decide(found, settings)
        return {
            "old": old.name,
            "new": new.name,
            "decision": decision.outcome.value,
            "against": [each.reason.value for each in decision.against],
            "escapes": [found.escapes.old, found.escapes.new, found.escapes.of],
            "escapes_by_margin": len(found.escapes_by_margin),
            "false_rejects": [found.false_rejects.old, found.false_rejects.new, found.false_rejects.of],
            "image_auroc": None if found.area is None else [round(found.area.old, 4), round(found.area.new, 4)],
            "latency_ratio": None if found.speed is None else round(found.speed.ratio, 3),
            "changed": len(found.changed),
        }


def _measure(options: argparse.Namespace) -> int:
    category = read_categories(options.data, group=options.group, group_gap=options.group_gap)[0]
    subject = _Subject(options=options, category=category, good=find_images(options.data / "train" / GOOD))
    good = {path.name: path for path in subject.good}
    bad = [image.path for image in category.images if image.is_defective]
    old = subject.build("old", good, seed=options.seed)
    rows: dict[str, list[dict[str, Any]]] = collections.defaultdict(list)
    for draw in range(options.draws):
        drawn = _of_all_kinds(bad, np.random.default_rng((options.seed, 1, draw)))
        mixed = {f"mixed_{path.parent.name}_{path.name}": path for path in drawn}
        new = subject.build(f"learned_{draw}", {**good, **mixed}, seed=options.seed)
        rows["learned_defects"].append(subject.compared(old, new))
        own = frozenset(path.resolve() for path in drawn)
        rows["without_their_images"].append(subject.compared(old, new, without=own))
    for number in range(1, options.seeds + 1):
        new = subject.build(f"seed_{options.seed + number}", good, seed=options.seed + number)
        rows["other_seeds"].append(subject.compared(old, new))
    for number in range(options.halves):
        order = np.random.default_rng((options.seed, 2, number)).permutation(len(subject.good))
        half = {subject.good[row].name: subject.good[row] for row in order[: len(order) // 2]}
        new = subject.build(f"half_{number}", half, seed=options.seed)
        rows["half_the_images"].append(subject.compared(old, new))
        rows["twice_the_images"].append(subject.compared(new, old))
    outcomes = {name: dict(collections.Counter(row["decision"] for row in found)) for name, found in rows.items()}
    print_json(
        {
            **headline("compare", seed=options.seed, digest=None, packages=_PACKAGES),
            "data": options.data.name,
            "outcomes": outcomes,
            "rows": rows,
        }
    )
    return 0


def _of_all_kinds(bad: list[Path], rng: np.random.Generator) -> list[Path]:
    """Ten defective images of as many kinds as can be."""
    kinds = sorted({path.parent for path in bad})
    order = [kinds[row] for row in rng.permutation(len(kinds))]
    chosen: list[Path] = []
    for position in range(min(_LEARNED, len(bad))):
        own = [path for path in bad if path.parent == order[position % len(order)] and path not in chosen]
        own = own or [path for path in bad if path not in chosen]
        chosen.append(own[int(rng.integers(len(own)))])
    return chosen


if __name__ == "__main__":
    sys.exit(main())
