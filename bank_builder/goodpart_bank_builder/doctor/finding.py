"""Findings: what the doctor says of a folder of good images."""

import dataclasses
import enum
from collections.abc import Mapping

LISTED = 20
"""The most images that one finding lists, the oddest first; all are counted."""


class FindingKind(enum.Enum):
    """What a finding is about.

    OUTLIER: images that a bank without their part finds strange. BLUR, EXPOSURE, SIZE, ROTATED, GREY, CHANNELS: images
    that differ as pictures. UNREADABLE: images that cannot be learned. KINDS, LOOKALIKES, FEW_PARTS: something
    about the folder as a whole.
    """

    OUTLIER = "outlier"
    BLUR = "blur"
    EXPOSURE = "exposure"
    SIZE = "size"
    ROTATED = "rotated"
    GREY = "grey"
    CHANNELS = "channels"
    UNREADABLE = "unreadable"
    KINDS = "kinds"
    LOOKALIKES = "lookalikes"
    FEW_PARTS = "few-parts"


OF_IMAGES = frozenset(FindingKind) - {FindingKind.KINDS, FindingKind.LOOKALIKES, FindingKind.FEW_PARTS}
"""Kinds of findings that ask to look at single images."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class OddImage:
    """One image of a finding.

    Attributes:
        name: below the folder of good images.
        figure: how odd it is, in the unit that the finding's summary states.
        why: what is odd, in a few words.
    """

    name: str
    figure: float
    why: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """Something to look at. It never says that a part is defective.

    Attributes:
        kind: what it is about.
        summary: what was found, in one sentence.
        advice: what to do, in one sentence.
        count: how many images it concerns.
        images: at most 20 of them, the oddest first.
        figures: what the summary rests on, by name.
    """

    kind: FindingKind
    summary: str
    advice: str
    count: int
    images: tuple[OddImage, ...]
    figures: dict[str, float]


def finding(
    kind: FindingKind, odd: list[OddImage], *, summary: str, advice: str, figures: Mapping[str, float] | None = None
) -> list[Finding]:
    """One finding of all these images in a list, or an empty list where there are none.

    Args:
        kind: what it is about.
        odd: all images, in any order.
        summary: `{count}` stands for how many there are.
        advice: what to do.
        figures: what the summary rests on.
    """
    if not odd:
        return []
    ranked = sorted(odd, key=lambda image: (-abs(image.figure), image.name))
    return [
        Finding(
            kind=kind,
            summary=summary.format(count=counted(len(odd), "image")),
            advice=advice,
            count=len(odd),
            images=tuple(ranked),
            figures=dict(figures or {}),
        )
    ]


def counted(number: int, noun: str) -> str:
    """A number with its noun: `1 image`, `2 images`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
