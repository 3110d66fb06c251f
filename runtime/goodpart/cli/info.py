"""`goodpart info`: what a bundle is."""

import argparse

import numpy as np

from goodpart._host.strict_json import to_plain
from goodpart.bundle.bundle import Bundle, read_bundle
from goodpart.bundle.device import DeviceSettings, read_device
from goodpart.cli.common import print_json
from goodpart.cli.trust import trust
from goodpart.facts.spec import FrameSpec, WeightsSource, WeightsSpec


def info(options: argparse.Namespace) -> int:
    """Prints what a bundle is, and what this device has set for it."""
    bundle = read_bundle(options.bundle, **trust(options))
    if options.json:
        stated = {**to_plain(bundle.manifest), "calibration": to_plain(bundle.calibration)}
        print_json({"digest": bundle.digest, **stated, "device": to_plain(read_device(bundle))})
        return 0
    facts = bundle_facts(bundle)
    if (settings := read_device(bundle)) is not None:
        facts["this device"] = _set_here(settings)
    for label, text in facts.items():
        print(f"{label:<12}{text}")
    if (warning := bundle.manifest.backbone.weights.warning) is not None:
        print(f"\n{warning}")
    return 0


def _set_here(settings: DeviceSettings) -> str:
    found = []
    if settings.threshold is not None:
        found.append(f"threshold {settings.threshold:.4f} sigmas instead of the bundle's")
    if settings.threads is not None:
        found.append(f"tuned to {settings.threads} threads, {'spinning' if settings.spinning else 'not spinning'}")
    return ", ".join(found)


def bundle_facts(bundle: Bundle) -> dict[str, str]:
    """What a bundle is and where it comes from, in words, by label."""
    manifest, calibration = bundle.manifest, bundle.calibration
    facts, origin = manifest.backbone, manifest.provenance
    profile = facts.profile
    found = {
        "bundle": f"{manifest.name}, format version {manifest.format_version}",
        "digest": bundle.digest,
        "serial": str(manifest.serial),
        "frame": _frame(facts.frame),
        "input": f"{profile.input_height_px}x{profile.input_width_px} pixels -> {facts.grid.rows}x{facts.grid.columns} "
        f"patches of {facts.grid.dimension} values",
        "profile": f"{profile.name}: ResNet-18 {'+'.join(profile.stages)} on the grid of {profile.grid}, neighbourhood "
        f"{profile.neighbourhood}, {profile.coreset.value} coreset, K = {profile.neighbours}, "
        f"top-k = {profile.top_k(_counted(bundle))}, maps smoothed by {profile.smoothing:g} patches",
        "weights": _weights(facts.weights),
        "precision": facts.precision.value,
        "bank": f"{manifest.bank.vectors} x {facts.grid.dimension}, HNSW recall {manifest.bank.recall:.4f}",
        "calibration": f"mu {calibration.mean:.4f}, sigma {calibration.std:.4f}, {calibration.method.value}, from "
        f"{len(calibration.scores)} held-out good parts",
        "threshold": f"{calibration.threshold:.4f} sigmas, false-reject rate {calibration.false_reject_rate:g} "
        f"({calibration.promise}); {calibration.pixel_threshold:.4f} for patches",
        "built from": f"{origin.images} images of {origin.parts} parts ({origin.skipped_images} skipped), seed "
        f"{origin.seed}, dataset sha256 {origin.dataset_sha256}",
        "built with": ", ".join(f"{name} {version}" for name, version in origin.versions.items()),
    }
    if bundle.ignored is not None:
        found["ignored"] = f"{np.count_nonzero(bundle.ignored)} of {facts.grid.patches} patches never count"
    return found


def _counted(bundle: Bundle) -> int:
    return bundle.manifest.backbone.grid.patches if bundle.ignored is None else int((~bundle.ignored).sum())


def _frame(frame: FrameSpec) -> str:
    text = frame.describe()
    if frame.value_range is not None:
        text += f", values {frame.value_range}"
    if (roi := frame.roi) is not None:
        text += f", region Y,X,H,W = {roi.y_px},{roi.x_px},{roi.height_px},{roi.width_px}"
    return text


def _weights(weights: WeightsSpec) -> str:
    if weights.source is WeightsSource.UNTRAINED:
        return f"{weights.source.value}, seed {weights.seed}"
    return f"{weights.name} ({weights.source.value}), sha256 {weights.sha256}"
