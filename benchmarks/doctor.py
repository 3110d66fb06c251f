"""Doctor: which images it names when defective ones lie among good ones, and what it names among good ones alone.

Every draw mixes defective images of all kinds into good ones and looks at the folder as a build does. With `--planted`
it also plants near-copies and colour variants.

    python benchmarks/doctor.py backbone.onnx --data CATEGORY [--mix 24:1 60:3] [--group REGEX --group-gap N]
"""

import argparse
import dataclasses
import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from common import RUNTIME_PACKAGES, count, headline, parser, tell
from goodpart._host.machine import usable_cores
from goodpart.cli.common import print_json, run
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart.model.seen import SeenFrame
from goodpart_bank_builder.cli.grouping import add_group_options
from goodpart_bank_builder.data.dataset import GOOD
from goodpart_bank_builder.data.parts import group_parts, make_folds
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import Diagnosis, examine
from goodpart_bank_builder.doctor.finding import OF_IMAGES, FindingKind
from goodpart_bank_builder.doctor.outliers import outlier_scores
from goodpart_bank_builder.learn.frame_facts import frame_facts
from goodpart_bank_builder.learn.learn import learn

_PACKAGES = (*RUNTIME_PACKAGES, "goodpart-bank-builder", "opencv-python-headless")
_COPIES = 20
_GAINS = ((1.0, 1.0, 1.0), (0.5, 1.0, 1.0), (1.0, 0.5, 1.0), (1.0, 1.0, 0.5))
"""Of red, green and blue: the colours of a product's variants."""

_TIMED = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit code."""
    made = parser(__doc__, bundle=False)
    made.add_argument("backbone", type=Path, metavar="BACKBONE", help="from goodpart-export")
    made.add_argument("--data", type=Path, required=True, metavar="CATEGORY", help="with train/good and test/<kind>")
    made.add_argument(
        "--mix", type=_mix, nargs="*", default=[(24, 1), (60, 3)], metavar="GOOD:BAD",
        help="good and defective images of a draw (default: 24:1 60:3)",
    )  # fmt: skip
    made.add_argument("--draws", type=count, default=10, help="of each mix (default %(default)s)")
    made.add_argument("--planted", action="store_true", help="plant near-copies and colour variants, too")
    add_group_options(made)
    made.add_argument("--seed", type=int, default=0, help="of all draws (default %(default)s)")
    made.add_argument("--threads", type=count, default=usable_cores(), help="default %(default)s")
    return run(_measure, made, argv)


def _mix(text: str) -> tuple[int, int]:
    good, _, bad = text.partition(":")
    if not (good.isdecimal() and bad.isdecimal() and int(good) >= 2):
        raise argparse.ArgumentTypeError(f"expected GOOD:BAD, such as 24:1, found {text!r}")
    return int(good), int(bad)


class _Remembering:
    """A backbone that embeds every frame once."""

    def __init__(self, backbone: Backbone) -> None:
        self.spec = backbone.spec
        self._backbone = backbone
        self._seen: dict[bytes, SeenFrame] = {}

    def embed(self, frame: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        return self.see(frame).embeddings

    def see(self, frame: npt.NDArray[Any]) -> SeenFrame:
        key = hashlib.sha256(frame.tobytes()).digest()
        if key not in self._seen:
            self._seen[key] = self._backbone.see(frame)
        return self._seen[key]


@dataclasses.dataclass(frozen=True)
class _Subject:
    """What is looked at."""

    backbone: Backbone
    settings: FolderSettings
    good: list[Path]
    bad: list[Path]

    def look(self, images: Sequence[tuple[str, Path]], *, group: bool) -> tuple[Diagnosis, dict[str, float]]:
        """What the doctor says of these images by these names, and every image's robust z."""
        with tempfile.TemporaryDirectory() as work:
            for name, path in images:
                (Path(work) / name).symlink_to(path.resolve())
            settings = dataclasses.replace(self.settings, good_dir=Path(work))
            pattern, gap = (settings.group, settings.group_gap) if group else (None, 0)
            parts = group_parts(find_images(settings.good_dir), settings.good_dir, pattern=pattern, gap=gap)
            learned = learn(self.backbone, parts, make_folds(parts, settings), settings)
            scores = {path.name: z for path, z in outlier_scores(learned).items()}
            return examine(learned, parts, settings, settings.good_dir, self.backbone.spec.frame.channels), scores


def _measure(options: argparse.Namespace) -> int:
    backbone = Backbone.load(options.backbone, threads=1)
    kinds = sorted(path for path in (options.data / "test").iterdir() if path.is_dir() and path.name != GOOD)
    subject = _Subject(
        backbone=cast("Backbone", _Remembering(backbone)),
        settings=FolderSettings(
            good_dir=options.data,
            backbone=options.backbone,
            group=options.group,
            group_gap=options.group_gap,
            seed=options.seed,
            threads=options.threads,
        ),
        good=find_images(options.data / "train" / GOOD),
        bad=[path for kind in kinds for path in find_images(kind)],
    )
    tell("good images alone")
    found: dict[str, Any] = {
        **headline("doctor", seed=options.seed, digest=None, packages=_PACKAGES),
        "data": options.data.name,
        "group": options.group,
        "group_gap": options.group_gap,
        "clean": _clean(subject),
        "mixed": [_mixed(subject, mix, options.draws, options.seed) for mix in options.mix],
        "cost": _cost(subject, backbone),
    }
    if options.planted:
        found["near_copies"] = _near_copies(subject, options.seed)
        found["variants"] = [_variants(subject, number) for number in (2, 4)]
    print_json(found)
    return 0


def _told(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "images": diagnosis.images,
        "named": diagnosis.look_at,
        "named_share": round(diagnosis.look_at / diagnosis.images, 4),
        "findings": {one.kind.value: one.count for one in diagnosis.findings},
        "threshold": round(diagnosis.threshold.threshold, 3),
        "warning": list(diagnosis.threshold.carried_by),
    }


def _clean(subject: _Subject) -> dict[str, Any]:
    diagnosis, scores = subject.look([(path.name, path) for path in subject.good], group=True)
    names = sorted(scores, key=lambda name: -scores[name])[:5]
    return {**_told(diagnosis), "highest_z": {name: round(scores[name], 2) for name in names}}


def _mixed(subject: _Subject, mix: tuple[int, int], draws: int, seed: int) -> dict[str, Any]:
    """Draws of good images and defective ones of all kinds, every draw beside the same good images alone."""
    rng = np.random.default_rng((seed, *mix))
    rows: list[dict[str, Any]] = []
    for draw in range(draws):
        tell(f"{mix[0]} good and {mix[1]} defective images, draw {draw + 1} of {draws}")
        good = [subject.good[row] for row in rng.permutation(len(subject.good))[: mix[0]]]
        bad = {f"mixed_{path.parent.name}_{path.name}": path for path in _of_all_kinds(subject.bad, mix[1], rng)}
        images = [(path.name, path) for path in good]
        diagnosis, scores = subject.look([*images, *bad.items()], group=False)
        alone, _ = subject.look(images, group=False) if len(good) < len(subject.good) else (None, None)
        named = {image.name for one in diagnosis.findings if one.kind in OF_IMAGES for image in one.images}
        rank = {name: place for place, name in enumerate(sorted(scores, key=lambda name: -scores[name]))}
        rows.append(
            {
                "mixed": {name: round(scores[name], 2) for name in bad},
                "mixed_named": len(named & set(bad)),
                "mixed_among_highest_12": sum(rank[name] < 12 for name in bad),
                "others_named": diagnosis.look_at - len(named & set(bad)),
                "threshold": round(diagnosis.threshold.threshold, 3),
                "warning": list(diagnosis.threshold.carried_by),
                "alone": None if alone is None else _told(alone),
            }
        )
    return {
        "good": mix[0],
        "bad": mix[1],
        "mixed_named_share": sum(row["mixed_named"] for row in rows) / (mix[1] * draws),
        "draws_with_all_named": sum(row["mixed_named"] == mix[1] for row in rows),
        "draws_with_warning": sum(bool(row["warning"]) for row in rows),
        "others_named_share": sum(row["others_named"] for row in rows) / (mix[0] * draws),
        "draws_alone_with_warning": sum(bool(row["alone"] and row["alone"]["warning"]) for row in rows),
        "draws": rows,
    }


def _of_all_kinds(bad: list[Path], number: int, rng: np.random.Generator) -> list[Path]:
    """As many defective images, of as many kinds as can be."""
    kinds = sorted({path.parent for path in bad})
    order = [kinds[row] for row in rng.permutation(len(kinds))]
    chosen: list[Path] = []
    for position in range(number):
        own = [path for path in bad if path.parent == order[position % len(order)] and path not in chosen]
        chosen.append(own[int(rng.integers(len(own)))])
    return chosen


def _cost(subject: _Subject, backbone: Backbone) -> dict[str, float]:
    """CPU time of measuring a frame as a picture, over that of embedding it."""
    frames = [read_image(path, backbone.spec.frame) for path in subject.good[:_TIMED]]
    spent = []
    for measure in (backbone.embed, lambda frame: frame_facts(frame, backbone.spec.frame)):
        measure(frames[0])
        began = time.process_time()
        for frame in frames:
            measure(frame)
        spent.append(time.process_time() - began)
    return {"facts_over_embedding": round(spent[1] / spent[0], 4)}


def _near_copies(subject: _Subject, seed: int) -> dict[str, Any]:
    """Twenty images again, 2 % brighter, with noise of 2 levels and moved by a pixel."""
    rng = np.random.default_rng(seed)
    tell("near-copies")
    with tempfile.TemporaryDirectory() as work:
        images = [(path.name, path) for path in subject.good]
        for path in [subject.good[row] for row in rng.permutation(len(subject.good))[:_COPIES]]:
            frame = read_image(path, subject.backbone.spec.frame)
            moved = np.roll(frame, 1, axis=1) * 1.02 + rng.normal(0.0, 2.0, frame.shape)
            images.append((f"copy_{path.name}", _written(Path(work) / path.name, moved)))
        diagnosis, _ = subject.look(images, group=False)
    pairs = [one for one in diagnosis.findings if one.kind is FindingKind.LOOKALIKES]
    listed = [image for one in pairs for image in one.images]
    right = sum(_is_copy(image.name, image.why) for image in listed)
    return {**_told(diagnosis), "planted": _COPIES, "listed": len(listed), "planted_among_listed": right}


def _is_copy(name: str, why: str) -> bool:
    other = why.rpartition(" ")[2]
    return name in (f"copy_{other}", other.removeprefix("copy_")) and name != other


def _variants(subject: _Subject, number: int) -> dict[str, Any]:
    """The images in so many colours."""
    tell(f"{number} colours")
    with tempfile.TemporaryDirectory() as work:
        images = []
        for row, path in enumerate(subject.good):
            frame = read_image(path, subject.backbone.spec.frame)
            images.append((path.name, _written(Path(work) / path.name, frame * _GAINS[row % number])))
        diagnosis, _ = subject.look(images, group=False)
    return {"colours": number, **_told(diagnosis)}


def _written(path: Path, frame: npt.NDArray[np.float64]) -> Path:
    cv2.imwrite(str(path), np.clip(frame, 0, 255).round().astype(np.uint8)[:, :, ::-1])
    return path


if __name__ == "__main__":
    sys.exit(main())
