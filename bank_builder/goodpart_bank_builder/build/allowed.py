"""The range in which a device may move the threshold of a bundle."""

from goodpart.errors import UsageError
from goodpart.facts.calibration import Calibration
from goodpart.facts.manifest import ThresholdRange
from goodpart_bank_builder.build.golden import TOLERANCE_SIGMAS

_MOST_REJECTED, _LEAST_REJECTED = 0.5, 0.001
"""False-reject rates at the ends of the range."""

_ABOVE_ALL_SIGMAS = 2.0
"""How far the range reaches above the highest held-out score, where so few parts support no rate of 0.001."""


def threshold_range(calibration: Calibration, *, defect_score: float) -> ThresholdRange:
    """From the threshold for a false-reject rate of 0.5 to that for 0.001.

    Where the held-out parts support no rate of 0.001, the range ends 2 sigmas above their highest score. It stays
    below the score that the golden frame with the planted defect has on any machine, and always holds the bundle's own
    threshold.

    Args:
        calibration: of the bundle.
        defect_score: image score of the golden frame with a planted defect, in sigmas.
    """
    lowest, _ = calibration.thresholds_for(_MOST_REJECTED)
    try:
        highest, _ = calibration.thresholds_for(_LEAST_REJECTED)
    except UsageError:
        highest = calibration.scores[-1] + _ABOVE_ALL_SIGMAS
    own = calibration.threshold
    return ThresholdRange(lowest=min(lowest, own), highest=max(min(highest, defect_score - TOLERANCE_SIGMAS), own))
