"""What became of a broken bundle: refused in one line, or accepted with exactly the scores that it states itself."""

import contextlib
import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.bases import FIXTURES, PROBES, WARM_PROBES, Base, read_bases
from attacks.mutations import Mutant
from attacks.reference import Stated, broken_promises, golden_wrong, image_score, patch_scores, read_stated, says
from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import Bundle
from goodpart.errors import BundleError, InferenceError
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection, Verdict

FAILURES = frozenset({"changed", "exception", "message", "crash", "hang"})
"""Outcomes that must not be.

changed: accepted, and a score, threshold or verdict is not what the bundle's own files state. exception: another one
than BundleError. message: more than one line, as long as a book, or on stdout. crash, hang: of the process.
"""

_SAME_SIGMAS = 0.02
"""How far a score may be off and still count as the same: what golden frames may be off."""

_MESSAGE_LIMIT = 2000


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one mutant.

    Attributes:
        name: `refused by` and the error's class; `same` for an accepted bundle with the scores of its base; `restated`
            for one with other scores or thresholds, exactly those that its own files state; `drifted` for one of these
            that states golden scores and a scale as its base does, so that its backbone, bank or mask is another; or
            one of FAILURES.
        detail: for people.
    """

    name: str
    detail: str = ""


class Judge:
    """Loads mutants and compares their answers with the base's and with the reference's."""

    def __init__(self, work: Path) -> None:
        """Inspects with the good bundles first.

        Args:
            work: a folder from `make_bases`.
        """
        self.bases = read_bases(work)
        self._answers = {
            name: _answers(Inspector.load(base.folder, threads=1), base) for name, base in self.bases.items()
        }

    def __call__(self, mutant: Mutant, folder: Path) -> Outcome:
        """Judges a mutant that has been written to a folder."""
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            outcome = self._judge(mutant, folder)
        return Outcome("message", f"printed {printed.getvalue()[:200]!r}") if printed.getvalue() else outcome

    def _judge(self, mutant: Mutant, folder: Path) -> Outcome:
        when = "load"
        try:
            inspector = Inspector.load(
                folder, threads=1, public_key=FIXTURES / "format_1.pub" if mutant.keyed else None
            )
            when = "selftest"
            with inspector:
                inspector.self_test()
                when = "inspection"
                return self.accepted(mutant, folder, inspector)
        except BundleError as error:
            text = str(error)
            if not text.isprintable() or len(text) > _MESSAGE_LIMIT or when == "inspection":
                return Outcome("message", f"{len(text)} characters: {text[:200]!r}")
            late = ", selftest only" if when == "selftest" else ""
            return Outcome(f"refused by {type(error).__name__}{late}", text)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            return Outcome("exception", f"at {when}: {error!r}"[:500])

    def accepted(self, mutant: Mutant, folder: Path, inspector: Inspector) -> Outcome:
        """Compares what an Inspector says with what the files in its bundle's folder state."""
        stated = read_stated(folder)
        if wrong := broken_promises(folder, stated):
            return Outcome("changed", f"accepted with wrong {wrong}")
        if wrong := golden_wrong(folder, stated) or _misremembered(folder, inspector.bundle):
            return Outcome("changed", wrong)
        before = self._answers[mutant.base.name]
        try:
            after = _answers(inspector, mutant.base)
        except InferenceError as error:
            # fail-safe, but only a backbone may do so that is not the one it was
            same = mutant.entries["backbone.onnx"] == mutant.base.files["backbone.onnx"]
            return Outcome("changed" if same else "restated", f"no score: {error}"[:500])
        for frame, found in zip(_frames(mutant.base), after, strict=True):
            if wrong := _lies(found, stated, frame):
                return Outcome("changed", wrong)
        off = max(abs(one.score - other.score) for one, other in zip(before, after, strict=True))
        if not mutant.repaired or mutant.keyed:
            # every byte that hashes cover is as it was; a device file may state other thresholds, and nothing else
            told = [_told(one, mutant) == _told(other, mutant) for one, other in zip(before, after, strict=True)]
            if not all(told):
                return Outcome("changed", f"scores off by {off} without repaired hashes")
        restated = (before[0].threshold, before[0].pixel_threshold) != (after[0].threshold, after[0].pixel_threshold)
        if off <= _SAME_SIGMAS and not restated:
            return Outcome("same", f"off by {off:.2g}")
        # a backbone or bank that was built otherwise, as far as a reader can tell: what tells them apart is a signature
        quiet = off > _SAME_SIGMAS and _scale(mutant.base.files) == _scale(mutant.entries)
        return Outcome("drifted" if quiet else "restated", f"off by {off:.3g}, threshold {after[0].threshold:.6g}")


def _misremembered(folder: Path, bundle: Bundle) -> str | None:
    """What a bundle says of its images and the origins of its vectors that its files do not, or None."""
    try:
        images, origins, recipe = bundle.read_images(), bundle.read_origins(), bundle.read_recipe()
    except BundleError:
        return None
    listed = json.loads((folder / "images.json").read_bytes()) if "images.json" in bundle.manifest.files else None
    if not says(listed, None if images is None else to_plain(images)):
        return "other images than images.json lists"
    if recipe is not None and recipe.encode() != (folder / "recipe.toml").read_bytes():
        return "another recipe than recipe.toml holds"
    if images is not None and any(image.batch not in _batch_names(bundle) for image in images.images):
        return "an image of a batch that is not there"
    if origins is None:
        return None if images is None or "origins.npy" not in bundle.manifest.files else "no origins"
    if listed is None or not np.array_equal(origins, np.load(folder / "origins.npy")):
        return "other origins than origins.npy holds"
    return None if origins.min() >= 0 and origins[:, 0].max() < len(listed["images"]) else "an origin that is not there"


def _batch_names(bundle: Bundle) -> set[str | None]:
    return {batch.name for batch in bundle.manifest.provenance.batches or ()} or {None}


def _frames(base: Base) -> list[npt.NDArray[np.uint8]]:
    golden = [name for name in sorted(base.files) if name.startswith("golden/")]
    return [
        *(np.load(io.BytesIO(base.files[name])) for name in golden),
        *(WARM_PROBES if base.name == "warm" else PROBES),
    ]


def _answers(inspector: Inspector, base: Base) -> list[Inspection]:
    return [inspector.inspect(frame) for frame in _frames(base)]


def _told(found: Inspection, mutant: Mutant) -> list[Any]:
    """What must not change by a bit. Patches are exact above the pixel threshold only, and a device may set another."""
    if mutant.device is not None:
        return [found.score]
    return [found.score, found.threshold, found.pixel_threshold, found.verdict, found.grid.tobytes()]


def _scale(files: Mapping[str, Any]) -> list[Any]:
    """What an accepted bundle states about scores in so many words."""
    manifest, calibration = json.loads(files["manifest.json"]), json.loads(files["calibration.json"])
    return [manifest["golden_tolerance"], manifest["golden"], calibration["mean"], calibration["std"]]


def _lies(found: Inspection, stated: Stated, frame: npt.NDArray[np.uint8]) -> str | None:
    """What an inspection says that the bundle's files do not, or None."""
    patches = patch_scores(stated, frame)
    score, (threshold, pixel_threshold) = image_score(stated, patches), stated.thresholds
    # the runtime computes the head in float32, all else in float64 as here, in another order
    of_head = 0.0 if stated.head is None else 1e-4
    nearly = 1e-9 / stated.calibration["std"] + 1e-9 * abs(score) + of_head
    if not abs(found.score - score) <= nearly:
        return f"score {found.score!r}, by brute force {score!r}"
    if (found.threshold, found.pixel_threshold) != (threshold, pixel_threshold):
        return f"thresholds {found.threshold!r}, {found.pixel_threshold!r}, stated {stated.thresholds}"
    if found.reason is None and found.verdict is not (Verdict.GOOD if found.score <= threshold else Verdict.DEFECT):
        return f"verdict {found.verdict} of score {found.score!r} and threshold {threshold!r}"
    grid, single = found.grid.ravel()[stated.counted], patches[stated.counted].astype(np.float32)
    # float32 on one side; below the pixel threshold upper bounds will do
    slack = 4e-6 / stated.calibration["std"] + 1e-6 * np.abs(single) + of_head
    if (grid < single - slack).any() or (np.abs(grid - single) > slack)[single > pixel_threshold + slack].any():
        return f"patches off by {np.abs(grid - single).max()!r}"
    if ((grid > pixel_threshold + slack) & (single < pixel_threshold - slack)).any():
        return "a region where none is"
    return None
