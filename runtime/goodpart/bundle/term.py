"""The known term of a bundle's patches."""

import numpy as np
import numpy.typing as npt

from goodpart.bundle.bundle import Bundle
from goodpart.errors import InferenceError
from goodpart.facts.excess import ExcessRule, ExcessSpec
from goodpart.facts.head import HeadSpec
from goodpart.model.excess import excess
from goodpart.model.head import Head
from goodpart.model.seen import SeenFrame
from goodpart.scoring.term import KnownTerm


def load_term(bundle: Bundle) -> KnownTerm | None:
    """The known term of a checked bundle's patches, None if they have none.

    Raises:
        BundleError: a file has changed since it was checked, or is not what the manifest says.
    """
    manifest, rule = bundle.manifest, bundle.manifest.backbone.profile.excess
    if manifest.excess is not None and rule is not None:
        return excess_term(rule, manifest.excess)
    spec, flat = manifest.head, bundle.read_head()
    if spec is None or flat is None:
        return None
    return head_term(Head(flat, hidden=spec.hidden, dimension=manifest.backbone.grid.dimension), spec)


def head_term(head: Head, spec: HeadSpec) -> KnownTerm:
    """The known term that a head gives."""
    return KnownTerm(
        raw=lambda seen: head.logits(seen.embeddings), offset=spec.offset, weight=spec.weight, lowest=spec.lowest
    )


def excess_term(rule: ExcessRule, spec: ExcessSpec) -> KnownTerm:
    """The known term that the excess over the rest of the frame gives."""

    def raw(seen: SeenFrame) -> npt.NDArray[np.float64]:
        if seen.hottest is None:
            raise InferenceError("excess: expected the highest pixel value of every patch, found none; export it again")
        return excess(seen.hottest, rule)

    return KnownTerm(raw=raw, offset=0.0, weight=spec.weight)
