"""Training pictures in a report: those that want a look, and how many good ones lie above the threshold."""

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart.bank.exact import exact_distances
from goodpart.bundle.term import load_term
from goodpart.errors import FrameError
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection
from goodpart.scoring.overlay import visible
from goodpart_bank_builder.doctor.reasons import reason_in_words
from goodpart_bank_builder.evaluate.figures import CategoryResult, ImageResult
from goodpart_bank_builder.evaluate.held_out import HeldOut
from goodpart_bank_builder.report.good_patches import GoodPatches
from goodpart_bank_builder.report.pictures import draw_heat_map
from goodpart_bank_builder.report.small_picture import Picture, encoded, resized

_SIDE_PX = 400
"""The longer side of the pictures, which a click makes as large as the window."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suspect:
    """A good image that wants a look.

    Attributes:
        name: below the folder of good images.
        score: held-out score in sigmas, None if it was not scored.
        why: what is odd, in words.
        picture: None if neither the file nor a small picture of it is at hand.
        heat_map: against a bank without its part; None if the file is not at hand.
    """

    name: str
    score: float | None
    why: str
    picture: Picture | None
    heat_map: Picture | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """What a report says of the images that a bundle was built from.

    Attributes:
        suspects: those that want a look.
        above: how many held-out good parts, or images, of the build score above the threshold.
        of: how many were held out.
        named: those of them that the report shows as false rejects, the highest score first.
    """

    suspects: tuple[Suspect, ...]
    above: int
    of: int
    named: tuple[ImageResult, ...]


def look_at_training(inspector: Inspector, result: CategoryResult, good: GoodPatches) -> Training:
    """Gathers what is known of the training pictures.

    A picture is that of the file itself if a file of this name and sha256 lies where `try` or a data set has it, and
    else the bundle's small one.

    Args:
        inspector: the bundle.
        result: of a category.
        good: what the bundle has learned.
    """
    calibration, examination = inspector.calibration, inspector.bundle.manifest.provenance.examination
    images = () if examination is None else examination.images
    folders = {folder for image in result.images for folder in _folders(image.path)}
    held_out = [image for image in result.images if image.held_out is not None]
    found = {odd.name: _pictures(inspector, good, odd.name, _candidates(odd.name, folders, held_out)) for odd in images}
    return Training(
        suspects=tuple(
            Suspect(
                name=odd.name,
                score=odd.score,
                why=reason_in_words(odd.findings, odd.score, calibration.threshold),
                picture=found[odd.name][0] or good.thumbnail(odd.name),
                heat_map=found[odd.name][1],
            )
            for odd in images
        ),
        above=sum(score > calibration.threshold for score in calibration.scores),
        of=len(calibration.scores),
        named=tuple(
            sorted((image for image in held_out if image.score > calibration.threshold), key=lambda image: -image.score)
        ),
    )


def doctor_command(bundle: Path) -> str:
    """The command that shows all good images that want a look, in words.

    Args:
        bundle: the folder as it was given. An absolute one is a place of the computer that wrote the report, and none
            where it is read.
    """
    folder, also = (
        (bundle.as_posix(), "") if not bundle.is_absolute() else ("BUNDLE", " and BUNDLE this bundle's folder")
    )
    backbone = shlex.quote(f"{folder}/backbone.onnx")
    return (
        f"`goodpart-bank doctor GOOD_DIR --backbone {backbone} --report DIR`, where GOOD_DIR is the folder of good "
        f"images{also}"
    )


def _folders(path: Path) -> list[Path]:
    """Where a data set with this test image has its good training images."""
    return [parent.parent / "train" / "good" for parent in path.parents if parent.name == "test"]


def _candidates(name: str, folders: set[Path], held_out: list[ImageResult]) -> dict[Path, Inspection | None]:
    """Files that may be the image, each with what a bank without it has said of it."""
    own = {image.path: image.held_out for image in held_out if image.path.as_posix().endswith(f"/{name}")}
    return {**own, **{folder / name: None for folder in sorted(folders) if folder / name not in own}}


def _pictures(
    inspector: Inspector, good: GoodPatches, name: str, candidates: dict[Path, Inspection | None]
) -> tuple[Picture | None, Picture | None]:
    """Picture and heat map of the first file that is the learned image itself."""
    spec = inspector.backbone.spec.frame
    for path, held_out in candidates.items():
        learned = good.learned(path) if path.is_file() else None
        if learned is not None and learned.name == name:
            try:
                # the build has read it under its own limit
                frame = ImageReader(max_megapixels=float("inf")).read(path, spec)
            except FrameError:
                return None, None
            pixels = resized(np.asarray(np.rint(visible(frame, spec)), np.uint8), side_px=_SIDE_PX)
            inspection = held_out or _without_part(inspector, path, frame, learned.part)
            heat_map = None if inspection is None else encoded(draw_heat_map(inspection, pixels, corners=True))
            return encoded(pixels), heat_map
    return None, None


def _without_part(inspector: Inspector, path: Path, frame: npt.NDArray[Any], part: str) -> Inspection | None:
    """What the bank says of an image that it has learned, if it forgets the vectors of its part; None if none stay."""
    memory, ignored, spec = inspector.memory, inspector.bundle.ignored, inspector.backbone.spec
    own = [number for number, each in enumerate(memory.images.images) if each.part == part]
    vectors = np.ascontiguousarray(inspector.bank.vectors[~np.isin(memory.origins[:, 0], own)])
    if len(vectors) < spec.profile.neighbours:
        return None
    counts = np.arange(spec.grid.patches) if ignored is None else np.flatnonzero(~ignored)
    seen, term = inspector.see(frame).only(counts), load_term(inspector.bundle)
    distances = exact_distances(vectors, seen.embeddings, neighbours=spec.profile.neighbours)
    forgotten = HeldOut(
        inspector=inspector,
        distances={path: distances if term is None else distances + term.of(seen)},
        sizes_px={path: (frame.shape[0], frame.shape[1])},
        ignored=ignored,
        parts={},
        alone={},
    )
    return forgotten.inspect(path)
