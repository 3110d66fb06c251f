"""Choice and order of the images in a report."""

import dataclasses
from collections.abc import Sequence

from goodpart.facts.calibration import RateUnit
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.evaluate.by_part import units_of
from goodpart_bank_builder.evaluate.figures import ImageResult

MOST_WRONG = 24
"""Largest number of escapes, and of false rejects, shown as pictures; the others are listed by name."""

_MOST_KINDS = 24

_EACH_KIND = 2
"""So many escapes of every kind of defect are shown before others of any kind."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wrong:
    """Wrongly judged images, or those that cannot be judged.

    Attributes:
        shown: images shown as pictures, the most telling first.
        listed: images listed by name only.
    """

    shown: tuple[ImageResult, ...]
    listed: tuple[ImageResult, ...]

    @property
    def count(self) -> int:
        """Number of all these images."""
        return len(self.shown) + len(self.listed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gallery:
    """Examples of images of one kind with the right verdict.

    Attributes:
        kind: "good", or the kind of defect.
        images: number of all images of this kind.
        right: number of images of this kind with the right verdict.
        unknown: number of images of this kind that cannot be judged.
        shown: label ("lowest score", ...) and image of each example.
    """

    kind: str
    images: int
    right: int
    unknown: int
    shown: tuple[tuple[str, ImageResult], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """The images of one category that a report shows; no image appears twice.

    Attributes:
        escapes: images of defective parts that passed: two of every kind of defect first, then the others; the lowest
            score first in both. Where images show several parts, a part's second image comes after the first of all
            other parts.
        false_rejects: good images that were called DEFECT, highest score first.
        unknown: images that cannot be judged, good ones first, then by kind and name.
        kinds: galleries of found defects.
        left_out_kinds: kinds without a gallery, because there are more than 24.
        good: gallery of good images that were called good, None if the category has no good images.
    """

    escapes: Wrong
    false_rejects: Wrong
    unknown: Wrong
    kinds: tuple[Gallery, ...]
    left_out_kinds: tuple[str, ...]
    good: Gallery | None

    def shown(self) -> list[ImageResult]:
        """All images shown as pictures, in the order of the page."""
        galleries = [*self.kinds, *([] if self.good is None else [self.good])]
        return [
            *self.escapes.shown,
            *self.false_rejects.shown,
            *self.unknown.shown,
            *(image for gallery in galleries for _, image in gallery.shown),
        ]


def is_wrong(image: ImageResult) -> bool:
    """Whether an image alone was judged wrongly, whatever became of its part."""
    return image.is_defective is (image.verdict is Verdict.GOOD)


def choose_images(images: Sequence[ImageResult], unit: RateUnit = RateUnit.PART) -> Choice:
    """Chooses the images that a report shows.

    Where parts are counted, an image of a defective part that was called good is an escape only if all images of the
    part were.

    Args:
        images: of a category.
        unit: what the rates count.
    """
    passed = {image.path for part in units_of(images, unit) if not part.is_rejected for image in part.images}
    ordered = sorted(images, key=lambda image: (image.score, image.path.as_posix()))
    kinds = sorted({image.kind for image in images if image.is_defective})
    good = [image for image in ordered if not image.is_defective]
    return Choice(
        escapes=_wrong(_spread([image for image in ordered if image.is_defective and image.path in passed])),
        false_rejects=_wrong([image for image in reversed(good) if image.verdict is Verdict.DEFECT]),
        unknown=_wrong(sorted((image for image in images if image.verdict is Verdict.UNKNOWN), key=_by_kind)),
        kinds=tuple(
            _gallery(kind, [image for image in ordered if image.is_defective and image.kind == kind])
            for kind in kinds[:_MOST_KINDS]
        ),
        left_out_kinds=tuple(kinds[_MOST_KINDS:]),
        good=_gallery("good", good) if good else None,
    )


def _by_kind(image: ImageResult) -> tuple[bool, str, str]:
    return image.is_defective, image.kind, image.path.as_posix()


def _spread(ordered: list[ImageResult]) -> list[ImageResult]:
    """Escapes in the order of the page: the lowest scores alone would show one kind of defect, or one part, for all.

    Args:
        ordered: the lowest score first.
    """
    of_part: dict[str, int] = {}
    turns = []
    for image in ordered:
        turns.append(of_part.get(image.part, 0))
        of_part[image.part] = turns[-1] + 1
    # one image of each part, then the second of each; sorting keeps the order of scores
    by_part = [image for _, image in sorted(zip(turns, ordered, strict=True), key=lambda pair: pair[0])]
    of_kind: dict[str, list[ImageResult]] = {}
    for image in by_part:
        of_kind.setdefault(image.kind, []).append(image)
    first = [image for kind in sorted(of_kind) for image in of_kind[kind][:_EACH_KIND]]
    chosen = {image.path for image in first}
    return [*first, *(image for image in by_part if image.path not in chosen)]


def _wrong(images: list[ImageResult]) -> Wrong:
    return Wrong(shown=tuple(images[:MOST_WRONG]), listed=tuple(images[MOST_WRONG:]))


def _gallery(kind: str, ordered: list[ImageResult]) -> Gallery:
    """Chooses examples of correctly judged images of one kind; `ordered` has the lowest score first."""
    right = [image for image in ordered if not is_wrong(image) and image.verdict is not Verdict.UNKNOWN]
    last = len(right) - 1
    # images near the threshold tell most: low scores of defects, high scores of good parts
    wanted = (
        {"typical": last // 2, "second highest score": last - 1, "highest score": last}
        if kind == "good"
        else {"lowest score": 0, "second lowest score": 1, "typical": (last + 1) // 2, "highest score": last}
    )
    shown: dict[int, str] = {}
    for label, rank in wanted.items():
        if 0 <= rank <= last:
            shown.setdefault(rank, label)
    return Gallery(
        kind=kind,
        images=len(ordered),
        right=len(right),
        unknown=sum(image.verdict is Verdict.UNKNOWN for image in ordered),
        shown=tuple((label, right[rank]) for rank, label in sorted(shown.items())),
    )
