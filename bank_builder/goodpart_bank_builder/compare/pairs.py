"""Pairs: what two banks say of one image, and of one part."""

import dataclasses
import enum
from collections.abc import Sequence
from pathlib import Path


class Said(enum.Enum):
    """What a bank says of an image. REFUSED: the image is no frame that the bundle takes."""

    GOOD = "GOOD"
    DEFECT = "DEFECT"
    UNKNOWN = "UNKNOWN"
    REFUSED = "REFUSED"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judged:
    """One bank's answer for one image.

    Attributes:
        said: the answer.
        reason: why it is UNKNOWN or REFUSED, else None.
        score, p_value, margin: as in `goodpart.Inspection`; None for REFUSED. Scores and margins are in the bank's own
            sigmas.
    """

    said: Said
    reason: str | None = None
    score: float | None = None
    p_value: float | None = None
    margin: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pair:
    """One image, judged by both banks.

    Attributes:
        path: the image.
        name: below the folder of data.
        part: the part that it shows.
        kind: "good", or the kind of defect.
        is_defective: its label.
        mask: the picture that marks its defect, or None.
        sha256: of its file.
        old, new: the answers.
    """

    path: Path
    name: str
    part: str
    kind: str
    is_defective: bool
    mask: Path | None
    sha256: str
    old: Judged
    new: Judged

    @property
    def is_changed(self) -> bool:
        """Whether the answers differ."""
        return self.old.said is not self.new.said


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartPair:
    """One part, judged by both banks: a part is rejected when any of its images is not called GOOD.

    Attributes:
        images: of the part, at least one.
    """

    images: tuple[Pair, ...]

    @property
    def is_defective(self) -> bool:
        """The label of the part."""
        return self.images[0].is_defective

    @property
    def old_rejects(self) -> bool:
        """Whether OLD rejects the part."""
        return any(image.old.said is not Said.GOOD for image in self.images)

    @property
    def new_rejects(self) -> bool:
        """Whether NEW rejects the part."""
        return any(image.new.said is not Said.GOOD for image in self.images)

    @property
    def old_margin(self) -> float | None:
        """How far above its threshold OLD scores the part, in sigmas of OLD; None if it rejects none of its images."""
        margins = [image.old.margin for image in self.images if image.old.said is not Said.GOOD]
        known = [margin for margin in margins if margin is not None]
        return max(known) if known else None


def parts_of(pairs: Sequence[Pair]) -> list[PartPair]:
    """The parts that images show, in the order of their first images."""
    found: dict[str, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(pair.part, []).append(pair)
    return [PartPair(images=tuple(own)) for own in found.values()]


def table_of(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    """How many images got each pair of answers: by OLD's answer, then by NEW's."""
    return {
        one.value: {
            other.value: sum(pair.old.said is one and pair.new.said is other for pair in pairs) for other in Said
        }
        for one in Said
    }
