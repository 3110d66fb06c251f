"""Teaching: trains the head of a bundle, and decides how much it counts beside the distance."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.bundle.term import head_term
from goodpart.facts.calibration import STD_FLOOR, CalibrationMethod
from goodpart.facts.head import HeadSpec
from goodpart.model.head import Head
from goodpart.scoring.scores import image_score
from goodpart.scoring.term import KnownTerm
from goodpart_bank_builder.data.parts import Fold
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.held_out import HeldOut
from goodpart_bank_builder.learn.lessons import Lessons

FULL, LITTLE = 1.0, 0.25
"""The two values that alpha is chosen from, besides 0 (no head)."""

_LOWEST = -2.0
"""Standard deviations by which the head lowers a distance at most. What it has never seen may get any logit."""

_ENOUGH_GAIN = 0.03
"""Gain in AUROC on painted defects from which on the head counts fully."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Taught:
    """A head, and what it was chosen by.

    Attributes:
        head: trained on all parts of the bank.
        spec: its size and its scale.
        painted_auroc: AUROC of painted defects of held-out parts against their good frames, without a head and with
            it; None where no held-out image shows paint.
    """

    head: Head
    spec: HeadSpec
    painted_auroc: tuple[float, float] | None

    def sums(self, found: HeldOut) -> dict[Path, npt.NDArray[np.float64]]:
        """`(P,) float64` of every held-out image: its distances with the terms of the heads that have not seen it."""
        term = head_term(self.head, self.spec)
        return {path: distances + term.scaled(found.logits[path]) for path, distances in found.distances.items()}


def teach(
    lessons: Lessons, folds: Sequence[Fold], found: HeldOut, settings: LearnSettings, *, top_k: int
) -> Taught | None:
    """Trains the head on all parts of the bank, and chooses alpha.

    The term of a patch is `alpha * sigma_d * max((logit - mean) / sigma_h, -2)`. `sigma_d` and `sigma_h` are the
    standard deviations of distances and logits over held-out good patches, and `mean` is the mean logit.

    With alpha left to the build, it is 1 if painted defects of held-out parts gain .03 or more in AUROC, .25 if they
    gain less, and there is no head if they gain nothing. The split method must not choose by the parts that calibrate,
    because its promise would then no longer be proven: there alpha is 1.

    Args:
        lessons: of all images.
        folds: the folds.
        found: what held-out images gave.
        settings: `head` is used: None to choose, else alpha.
        top_k: patches that make an image score.

    Returns:
        the head; None if nothing could be painted, or if it gains nothing.
    """
    head = lessons.head(path for fold in folds if fold.in_bank for path in fold.images)
    if head is None or found.logits.keys() != found.distances.keys():
        return None
    scale = _Scale.of(found, head)
    without = _painted_auroc(found, None, top_k)
    alpha = settings.head
    if alpha is None:
        full = _painted_auroc(found, head_term(head, scale.spec(FULL)), top_k)
        alpha = FULL if settings.calibration is CalibrationMethod.SPLIT else _chosen(without, full)
    if alpha == 0.0:
        return None
    spec = scale.spec(alpha)
    with_head = _painted_auroc(found, head_term(head, spec), top_k)
    both = None if without is None or with_head is None else (without, with_head)
    return Taught(head=head, spec=spec, painted_auroc=both)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Scale:
    """Held-out good patches: standard deviation of their distances, mean and standard deviation of their logits."""

    hidden: int
    sigma_d: float
    mean: float
    sigma_h: float

    @classmethod
    def of(cls, found: HeldOut, head: Head) -> "_Scale":
        distances, logits = (np.stack(list(each.values())) for each in (found.distances, found.logits))
        return cls(
            hidden=head.hidden,
            sigma_d=max(float(distances.std()), STD_FLOOR),
            mean=float(logits.mean()),
            sigma_h=max(float(logits.std()), STD_FLOOR),
        )

    def spec(self, alpha: float) -> HeadSpec:
        per_sigma = alpha * self.sigma_d
        return HeadSpec(
            hidden=self.hidden,
            alpha=alpha,
            offset=self.mean,
            weight=per_sigma / self.sigma_h,
            lowest=max(_LOWEST * per_sigma, -2.0),
        )


def _chosen(without: float | None, full: float | None) -> float:
    """Alpha by the gain on painted defects."""
    if without is None or full is None or full <= without:
        # a set on which nothing can gain, because every painted defect is found already, loses nothing by a little
        return LITTLE if without == 1.0 and full == 1.0 else 0.0
    return FULL if full - without >= _ENOUGH_GAIN else LITTLE


def _painted_auroc(found: HeldOut, term: KnownTerm | None, top_k: int) -> float | None:
    """AUROC of the painted frames against all held-out good ones, None without painted frames.

    Patches beside the paint are taken as in the good frame.
    """
    # scikit-learn takes a second to import, and most commands train nothing
    from sklearn.metrics import roc_auc_score

    def sums(distances: npt.NDArray[np.float64], logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return distances if term is None else distances + term.scaled(logits)

    good, bad = [], []
    for path, distances in found.distances.items():
        frame = sums(distances, found.logits[path])
        good.append(image_score(frame, top_k))
        under = found.painted.get(path)
        if under is not None:
            painted = frame.copy()
            painted[under.rows] = sums(under.distances, under.logits)
            bad.append(image_score(painted, top_k))
    if not bad:
        return None
    return float(roc_auc_score(np.repeat([0, 1], [len(good), len(bad)]), good + bad))
