"""Golden frames: whether this machine reproduces the scores that a bundle states."""

from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from goodpart.bundle.bundle import Bundle
from goodpart.errors import InferenceError, SelfTestError
from goodpart.facts.manifest import GoldenFrame


def golden_errors(bundle: Bundle, score: Callable[[npt.NDArray[Any]], float]) -> dict[str, float]:
    """Scores the golden frames of a bundle.

    Args:
        bundle: from `read_bundle`.
        score: gives the image score of a frame in sigmas.

    Returns:
        how far each golden frame's score is off, in sigmas, by its file.

    Raises:
        SelfTestError: one has no score, or one that is off by more than the manifest allows.
        ContractError: one is not a frame as the manifest declares them.
    """
    return {golden.file: _error(bundle, golden, score) for golden in bundle.manifest.golden}


def _error(bundle: Bundle, golden: GoldenFrame, score: Callable[[npt.NDArray[Any]], float]) -> float:
    where, tolerance = bundle.folder / golden.file, bundle.manifest.golden_tolerance
    try:
        found = score(bundle.read_golden(golden.file))
    except InferenceError as error:
        # the frame is the bundle's own, so the fault is not the frame's
        raise SelfTestError(f"{where}: expected a score, found none ({error})") from error
    # written so that a non-finite error fails
    if not abs(found - golden.score) <= tolerance:
        raise SelfTestError(
            f"{where}: expected score {golden.score:.4f} within {tolerance}, found {found:.4f}; "
            f"this machine does not reproduce the bundle's scores"
        )
    return abs(found - golden.score)
