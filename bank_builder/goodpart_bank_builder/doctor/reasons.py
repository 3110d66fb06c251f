"""Reasons: why a good image is listed, in the same words on the doctor's page and in the report of a bundle."""

import math
from collections.abc import Sequence

from goodpart.scoring.rounding import FIGURE_DIGITS
from goodpart_bank_builder.doctor.finding import FindingKind

REASONS = {
    FindingKind.OUTLIER: "unlike the other good parts",
    FindingKind.BLUR: "more blurred than the others",
    FindingKind.EXPOSURE: "lighter or darker than the others",
    FindingKind.SIZE: "another size than the others",
    FindingKind.ROTATED: "turned by a quarter",
    FindingKind.GREY: "grey among colour, or colour among grey",
    FindingKind.CHANNELS: "red and blue exchanged",
    FindingKind.UNREADABLE: "cannot be read",
}
"""What a finding says of one image."""

_OUTLIER = FindingKind.OUTLIER.value


def reason_in_words(kinds: Sequence[str], score: float | None, threshold: float) -> str:
    """Why an image is listed, and how its held-out score stands to the threshold where that is not plain.

    Args:
        kinds: of the findings that list it, as in `FindingKind`; others are shown as they are.
        score: held-out score in sigmas, None if it was not scored.
        threshold: in sigmas.
    """
    words = {kind.value: reason for kind, reason in REASONS.items()}
    why = "; ".join(words.get(kind, kind) for kind in kinds)
    if score is None or score > threshold or is_threshold(score, threshold):
        return why
    if _OUTLIER in kinds:
        return f"{why}: below the threshold, but far above most good parts"
    return f"{why}: listed for this alone, its score lies below the threshold"


def is_threshold(score: float, threshold: float) -> bool:
    """Whether a score is the threshold itself, also where a bundle holds it with fewer digits."""
    return math.isclose(score, threshold, rel_tol=10.0 ** (1 - FIGURE_DIGITS))
