"""Training pictures in a report: those that want a look, and how many good ones lie above the threshold."""

import dataclasses
from pathlib import Path

import numpy as np

from goodpart.errors import FrameError
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.scoring.overlay import visible
from goodpart_bank_builder.doctor.reasons import reason_in_words
from goodpart_bank_builder.evaluate.figures import CategoryResult, ImageResult
from goodpart_bank_builder.report.good_patches import THUMBNAIL_PX, GoodPatches
from goodpart_bank_builder.report.small_picture import Picture, picture_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Suspect:
    """A good image that wants a look.

    Attributes:
        name: below the folder of good images.
        score: held-out score in sigmas, None if it was not scored.
        why: what is odd, in words.
        picture: None if neither the file nor a small picture of it is at hand.
    """

    name: str
    score: float | None
    why: str
    picture: Picture | None


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
    return Training(
        suspects=tuple(
            Suspect(
                name=odd.name,
                score=odd.score,
                why=reason_in_words(odd.findings, odd.score, calibration.threshold),
                picture=_file(inspector, good, odd.name, _candidates(odd.name, folders, held_out))
                or good.thumbnail(odd.name),
            )
            for odd in images
        ),
        above=sum(score > calibration.threshold for score in calibration.scores),
        of=len(calibration.scores),
        named=tuple(
            sorted((image for image in held_out if image.score > calibration.threshold), key=lambda image: -image.score)
        ),
    )


def _folders(path: Path) -> list[Path]:
    """Where a data set with this test image has its good training images."""
    return [parent.parent / "train" / "good" for parent in path.parents if parent.name == "test"]


def _candidates(name: str, folders: set[Path], held_out: list[ImageResult]) -> list[Path]:
    own = [image.path for image in held_out if image.path.as_posix().endswith(f"/{name}")]
    return [*own, *(folder / name for folder in sorted(folders))]


def _file(inspector: Inspector, good: GoodPatches, name: str, candidates: list[Path]) -> Picture | None:
    """The picture of the first file that is the learned image itself."""
    for path in candidates:
        learned = good.learned(path) if path.is_file() else None
        if learned is not None and learned.name == name:
            spec = inspector.backbone.spec.frame
            try:
                # the build has read it under its own limit
                frame = ImageReader(max_megapixels=float("inf")).read(path, spec)
            except FrameError:
                return None
            return picture_of(np.asarray(np.rint(visible(frame, spec)), np.uint8), side_px=2 * THUMBNAIL_PX)
    return None
