"""A goodpart bundle as a contender."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from contender import Found, Score

from goodpart.inspector import Inspector


def load(folder: Path, *, threads: int) -> tuple[Score, dict[str, Any]]:
    """As on the embedded PC: `Inspector.load`, `inspect`, `anomaly_map`.

    Returns:
        how to score a frame, and the bundle's digest.
    """
    inspector = Inspector.load(folder, threads=threads)

    def score(frame: npt.NDArray[np.uint8]) -> Found:
        inspection = inspector.inspect(frame)
        return Found(score=inspection.score, map=inspection.anomaly_map(), unsaturated=inspection.calibrated_map)

    return score, {"digest": inspector.bundle.digest}
