"""The verdict of a frame, from its score and from what else is known about it."""

import numpy as np
import numpy.typing as npt

from goodpart.scoring.inspection import Verdict
from goodpart.scoring.no_features import no_features


def judge(
    score: float,
    threshold: float,
    unfit: str | None,
    embeddings: npt.NDArray[np.float32],
    distances: npt.NDArray[np.float64],
) -> tuple[Verdict, str | None]:
    """The verdict, and why it is UNKNOWN, else None.

    Args:
        score, threshold: in sigmas.
        unfit: why the frame cannot be judged, or None.
        embeddings: `(P, D) float32` of the patches that count.
        distances: `(P,) float64` patch distances.
    """
    if unfit:
        return Verdict.UNKNOWN, unfit
    # written so that NaN, for example, gives DEFECT
    if not score <= threshold:
        return Verdict.DEFECT, None
    without = no_features(embeddings, distances)
    return (Verdict.GOOD, None) if without is None else (Verdict.UNKNOWN, without)
