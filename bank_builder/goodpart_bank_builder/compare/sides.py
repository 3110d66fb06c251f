"""Sides: what each of two bundles states of itself, and what to know of both."""

import dataclasses

from goodpart.facts.learned import is_before
from goodpart.inspector import Inspector
from goodpart_bank_builder.compare.pairs import Pair, Said


@dataclasses.dataclass(frozen=True, kw_only=True)
class Side:
    """What one bundle states of itself.

    Attributes:
        folder, name, digest, serial: which it is.
        threshold: in use, in its sigmas.
        threshold_moved: whether this device has moved it.
        rate: the share of good images or parts that its held-out scores expect above the threshold.
        promised: the share of good images or parts that may be rejected: what the recipe asked for; `rate` where this
            device has moved the threshold.
        promise: what its calibration promises, in words.
        images: how many it has learned.
        warning: that its weights are untrained, or None.
        carried_by: good images unlike the others that carry its threshold alone.
        lists_images: whether it says which images it has learned.
    """

    folder: str
    name: str
    digest: str
    serial: int
    threshold: float
    threshold_moved: bool
    rate: float
    promised: float
    promise: str
    images: int
    warning: str | None
    carried_by: tuple[str, ...]
    lists_images: bool


def side_of(inspector: Inspector) -> Side:
    """What a loaded bundle states."""
    bundle, calibration = inspector.bundle, inspector.calibration
    manifest = bundle.manifest
    examination = manifest.provenance.examination
    return Side(
        folder=str(bundle.folder),
        name=manifest.name,
        digest=bundle.digest,
        serial=manifest.serial,
        threshold=inspector.threshold,
        threshold_moved=inspector.threshold_moved,
        rate=calibration.rate_of(inspector.threshold),
        promised=calibration.rate_of(inspector.threshold)
        if inspector.threshold_moved
        else calibration.false_reject_rate,
        promise=calibration.promise,
        images=manifest.provenance.images,
        warning=manifest.backbone.weights.warning,
        carried_by=() if examination is None or examination.warning is None else examination.warning.images,
        lists_images=bundle.read_images() is not None,
    )


def _calibrates_on(word: str, inspector: Inspector) -> str | None:
    """What sets the threshold, where batches are too old to; None if none is."""
    origin = inspector.bundle.manifest.provenance
    if (since := origin.calibrates_since) is None:
        return None
    random = [batch for batch in origin.batches or () if batch.calibrates]
    young = sum(batch.images for batch in random if not is_before(batch.taken, since))
    return (
        f"{word} calibrates on batches taken since {since} alone: {young} of the {sum(each.images for each in random)} "
        f"images that were picked at random, {len(inspector.calibration.scores)} held-out scores"
    )


def notes_on(old: Inspector, new: Inspector, pairs: tuple[Pair, ...]) -> list[str]:
    """What a reader should know beside the figures."""
    notes = []
    if old.bundle.manifest.name != new.bundle.manifest.name:
        notes.append(f"the bundles have other names: {old.bundle.manifest.name} and {new.bundle.manifest.name}")
    for word, inspector in (("OLD", old), ("NEW", new)):
        if inspector.threshold_moved:
            notes.append(
                f"the threshold of {word} was moved on this device to {inspector.threshold:g}; the bundle's own is "
                f"{inspector.calibration.threshold:g}"
            )
        if inspector.bundle.read_images() is None:
            notes.append(
                f"{word} has format {inspector.bundle.manifest.format_version} and does not say which images it has "
                "learned: learned images may count as test images"
            )
        if words := _calibrates_on(word, inspector):
            notes.append(words)
    refused = sum(Said.REFUSED in (pair.old.said, pair.new.said) for pair in pairs)
    if refused:
        notes.append(f"images that a bundle refuses count as rejected, and not in the AUROC: {refused}")
    return notes
