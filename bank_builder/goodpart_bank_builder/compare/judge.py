"""Judge: every image is judged once by OLD and once by NEW."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodpart._host.parallel import in_order
from goodpart.errors import FrameError, ImageFileError, UsageError
from goodpart.frames.images import ImageReader
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Inspection
from goodpart_bank_builder.compare.added import WithoutAdded
from goodpart_bank_builder.compare.pairs import Judged, Pair, Said
from goodpart_bank_builder.data.dataset import Category, TestImage
from goodpart_bank_builder.progress import progress


@dataclasses.dataclass(frozen=True, kw_only=True)
class JudgedPair:
    """A pair, and what NEW says without the images that it learned in addition.

    Attributes:
        pair: the answers.
        without: image score of NEW without these, in its sigmas; None if nothing was added, or for REFUSED.
        hidden_by: name of the added image that holds the nearest good patch to the hottest place; None if none does.
    """

    pair: Pair
    without: float | None = None
    hidden_by: str | None = None


def judge(
    old: Inspector,
    new: Inspector,
    images: Sequence[tuple[TestImage, str]],
    *,
    folder: Path,
    reader: ImageReader,
    workers: int,
    without: WithoutAdded | None,
) -> list[JudgedPair]:
    """Judges images with both bundles, which may take frames of different kinds.

    Args:
        old, new: the bundles.
        images: the images and the sha256 of their files.
        folder: what names are relative to.
        reader: reads them.
        workers: images at a time.
        without: NEW without its added images, or None.

    Raises:
        FrameError: a file is no picture, or one of the bundles refuses all frames.
    """

    def both(image: tuple[TestImage, str]) -> JudgedPair:
        test, sha256 = image
        said_old, _ = _judged(old, test, reader)
        said_new, frame = _judged(new, test, reader)
        score, hidden_by = None, None
        if without is not None and frame is not None:
            score, hidden_by = without.look(frame)
        name = test.path.relative_to(folder).as_posix()
        pair = Pair(
            path=test.path, name=name, part=test.part, kind=test.kind, is_defective=test.is_defective, mask=test.mask,
            sha256=sha256, old=said_old, new=said_new,
        )  # fmt: skip
        return JudgedPair(pair=pair, without=score, hidden_by=hidden_by)

    judged = in_order(both, images, workers=workers)
    found = [pair for _, pair in progress(judged, doing="comparing", total=len(images), unit="images")]
    for which, inspector in (("old", old), ("new", new)):
        answers = [getattr(each.pair, which) for each in found]
        if answers and all(answer.said is Said.REFUSED for answer in answers):
            raise FrameError(
                f"{inspector.bundle.folder}: expected images that it can judge, found {len(answers)} that it refuses: "
                f"{answers[0].reason}"
            )
    return found


def digests(category: Category) -> dict[Path, str]:
    """The sha256 of every file of a test set."""
    paths = [image.path for image in category.images]
    return {path: digest_of(path) for path in progress(paths, doing="reading", total=len(paths), unit="files")}


def digest_of(path: Path) -> str:
    """The sha256 of a file.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: expected a file that can be read, found none ({error.strerror})") from error


def answer(inspection: Inspection) -> Judged:
    """An inspection as an answer."""
    return Judged(
        said=Said(inspection.verdict.value),
        reason=inspection.reason,
        score=inspection.score,
        p_value=inspection.p_value,
        margin=inspection.margin,
    )


def _judged(
    inspector: Inspector, image: TestImage, reader: ImageReader
) -> tuple[Judged, tuple[npt.NDArray[Any], Any] | None]:
    """The answer, and the frame with what the backbone saw in it."""
    try:
        frame = reader.read(image.path, inspector.backbone.spec.frame)
        seen = inspector.see(frame)
        inspection = inspector.inspect(frame, seen=seen)
    except ImageFileError:
        # no picture at all: neither bundle is to blame
        raise
    except FrameError as error:
        return Judged(said=Said.REFUSED, reason=str(error)), None
    return answer(inspection), (frame, seen)


def scores_of(pairs: Sequence[Pair]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """`(n,) float64` scores by OLD and by NEW of pairs that neither refuses."""
    found = [(pair.old.score, pair.new.score) for pair in pairs]
    return np.array([one for one, _ in found], np.float64), np.array([other for _, other in found], np.float64)
