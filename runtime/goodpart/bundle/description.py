"""A bundle in words, for `goodpart info` and reports."""

import numpy as np

from goodpart.bundle.bundle import Bundle
from goodpart.bundle.names import IMAGES, ORIGINS
from goodpart.facts.checks import FrameChecks
from goodpart.facts.learned import BatchFacts, Examination, OddImage, ThresholdWarning, is_before
from goodpart.facts.manifest import Manifest
from goodpart.facts.profile import Profile
from goodpart.facts.reduction import describe_reduction, frame_pixels_per_input_pixel
from goodpart.facts.spec import FrameSpec, Roi, WeightsSource, WeightsSpec

_SHOWN = 5
"""Images that are named; the manifest has more."""


def bundle_facts(bundle: Bundle) -> dict[str, str]:
    """What a bundle is and where it comes from, in words, by label; a warning comes first."""
    manifest, calibration = bundle.manifest, bundle.calibration
    facts, origin = manifest.backbone, manifest.provenance
    profile = facts.profile
    found = {}
    if origin.examination is not None and origin.examination.warning is not None:
        found["WARNING"] = _warning(origin.examination.warning)
    found |= {
        "bundle": f"{manifest.name}, format version {manifest.format_version}",
        "digest": bundle.digest,
        "serial": str(manifest.serial),
        "frame": _frame(facts.frame),
        "input": f"{profile.input_height_px}x{profile.input_width_px} pixels -> {facts.grid.rows}x{facts.grid.columns} "
        f"patches of {facts.grid.dimension} values",
        "profile": f"{profile.name}: ResNet-18 {'+'.join(profile.stages)} on the grid of {profile.grid}, neighbourhood "
        f"{profile.neighbourhood}, {profile.coreset.value} coreset, K = {profile.neighbours}, "
        f"top-k = {profile.top_k(_counted(bundle))}, maps smoothed by {profile.smoothing:g} patches",
        **_excess(manifest),
        "weights": _weights(facts.weights),
        "precision": facts.precision.value,
        "bank": f"{manifest.bank.vectors} x {facts.grid.dimension}, HNSW recall {manifest.bank.recall:.4f}",
        "calibration": f"mu {calibration.mean:.4f}, sigma {calibration.std:.4f}, {calibration.method.value}, from "
        f"{len(calibration.scores)} held-out good {calibration.rate_unit.value}s"
        + ("" if calibration.counted is calibration.rate_unit else f" of {calibration.supporting} parts"),
        "threshold": f"{calibration.threshold:.3f} sigmas, false-reject rate {calibration.false_reject_rate:g} "
        f"({calibration.promise}); {calibration.pixel_threshold:.3f} for patches",
        "built from": f"{origin.images} images of {origin.parts} parts ({origin.skipped_images} skipped), seed "
        f"{origin.seed}, dataset sha256 {origin.dataset_sha256}",
        "built with": ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
    }
    if origin.batches:
        found["batches"] = ", ".join(_batch(batch, origin.calibrates_since) for batch in origin.batches)
    if origin.parent is not None:
        found["parent"] = f"digest {origin.parent}, which it replaced"
    if manifest.checks is not None:
        found["checks"] = _checks(manifest.checks)
    if facts.frame.roi is not None:
        found["reduction"] = _reduction(facts.frame.roi, profile)
    if bundle.ignored is not None:
        found["ignored"] = f"{np.count_nonzero(bundle.ignored)} of {facts.grid.patches} patches never count"
    if origin.examination is not None:
        found["look at"] = _look_at(origin.examination)
    if origin.excluded_images:
        found["excluded"] = f"{origin.excluded_images} of the images were left out on demand"
    if off := _off(bundle):
        found["off"] = off
    return found


def _batch(batch: BatchFacts, since: str | None) -> str:
    role = "" if batch.calibrates else ", in the bank only"
    if batch.calibrates and is_before(batch.taken, since):
        role = f", in the bank only: taken {batch.taken}, before {since}"
    return f"{batch.name} ({batch.images} images{role})"


def _checks(checks: FrameChecks) -> str:
    size = "any size" if checks.size is None else str(checks.size)
    if not checks.ranges:
        return f"{size}; nothing else, because the good images are small or few"
    ranges = ", ".join(f"{name} {low:.4g} to {high:.4g}" for name, (low, high) in checks.ranges.items())
    return (
        f"{size}; {ranges}; {checks.flagged} of {checks.frames} held-out good images lay outside, so at most "
        f"{checks.sure_rate * 100:.2g} % of good frames do (95 % sure); extrapolated to {checks.rate:g}"
    )


def _warning(warning: ThresholdWarning) -> str:
    them = "it" if len(warning.images) == 1 else "them"
    return (
        f"the threshold rests on few images: {', '.join(warning.images)}; without {them} it would be "
        f"{warning.threshold_without:.3f} instead of {warning.threshold:.3f} sigmas; if one shows no good part, most "
        f"defects may pass as GOOD"
    )


def _look_at(examination: Examination) -> str:
    if not examination.look_at:
        return "no good image stood out when the bundle was built"
    shown = ", ".join(map(_odd, examination.images[:_SHOWN]))
    more = examination.look_at - min(len(examination.images), _SHOWN)
    return f"{examination.look_at} of the good images: {shown}" + (f" and {more} more" if more else "")


def _odd(image: OddImage) -> str:
    score = [] if image.score is None else [f"{image.score:.3f} sigmas"]
    return f"{image.name} ({', '.join([*image.findings, *score])})"


def _off(bundle: Bundle) -> str | None:
    """What this bundle cannot do, or None."""
    if {IMAGES, ORIGINS} <= bundle.manifest.files.keys():
        return None
    if bundle.manifest.format_version == 1:
        return (
            "explanations, pictures that were learned and what the doctor found need format version 2; "
            "build the bundle again"
        )
    return "explanations need the list of images and the origins of the bank's vectors; build the bundle again"


def _reduction(roi: Roi, profile: Profile) -> str:
    """How many frame pixels one input pixel covers. Without a region of interest a bundle does not tell.

    Golden frames do not tell either: large ones are thinned.
    """
    inspected_px, input_px = (roi.height_px, roi.width_px), (profile.input_height_px, profile.input_width_px)
    return describe_reduction(frame_pixels_per_input_pixel(inspected_px, input_px), inspected_px=inspected_px)


def _counted(bundle: Bundle) -> int:
    return bundle.manifest.backbone.grid.patches if bundle.ignored is None else int((~bundle.ignored).sum())


def _frame(frame: FrameSpec) -> str:
    text = frame.describe()
    if frame.value_range is not None:
        text += f", values {frame.value_range}"
    if (roi := frame.roi) is not None:
        text += f", region Y,X,H,W = {roi.y_px},{roi.x_px},{roi.height_px},{roi.width_px}"
    return text


def _excess(manifest: Manifest) -> dict[str, str]:
    rule = manifest.backbone.profile.excess
    if rule is None or manifest.excess is None:
        return {}
    words = f"{manifest.excess.weight:.3g} per pixel value above the {rule.percentile:g}th percentile of the frame"
    return {"excess": f"{words} is added to a patch's distance"}


def _weights(weights: WeightsSpec) -> str:
    if weights.source is WeightsSource.UNTRAINED:
        return f"{weights.source.value}, seed {weights.seed}"
    return f"{weights.name} ({weights.source.value}), sha256 {weights.sha256}"
