"""Weighing: how much the excess of a patch over the rest of its frame counts beside its distance."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.bundle.term import excess_term
from goodpart.facts.calibration import STD_FLOOR
from goodpart.facts.excess import ExcessRule, ExcessSpec
from goodpart.model.excess import excess

_LEAST_STD = 0.01
"""The least standard deviation of the excess, in pixel values; camera noise alone gives more."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Weighed:
    """The weight of the excess, and what held-out images get with it.

    Attributes:
        spec: the weight.
        sums: `(P,) float64` of every held-out image: its distances with their terms.
    """

    spec: ExcessSpec
    sums: dict[Path, npt.NDArray[np.float64]]


def weigh_excess(
    distances: Mapping[Path, npt.NDArray[np.float64]],
    hottest: Mapping[Path, npt.NDArray[np.float32]],
    rule: ExcessRule,
) -> Weighed:
    """Chooses the weight: `gamma = factor * sigma_d / sigma_e`.

    `sigma_d` and `sigma_e` are the standard deviations of distances and excess over held-out good patches. The excess
    of a patch depends on its own frame alone, so no other part of the good images has a share in it.

    Args:
        distances: `(P,) float64` of every held-out image, to a bank without its part.
        hottest: `(P,) float32` highest pixel values of the same patches, of these images and perhaps of others.
        rule: of the profile.
    """
    raw = {path: excess(hottest[path], rule) for path in distances}
    sigma_d, sigma_e = (float(np.stack(list(each.values())).std()) for each in (distances, raw))
    spec = ExcessSpec(weight=rule.factor * max(sigma_d, STD_FLOOR) / max(sigma_e, _LEAST_STD))
    term = excess_term(rule, spec)
    return Weighed(spec=spec, sums={path: found + term.scaled(raw[path]) for path, found in distances.items()})
