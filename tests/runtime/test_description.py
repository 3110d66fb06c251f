"""A bundle in words: how far frames are reduced is told only where the bundle knows it."""

import dataclasses
from pathlib import Path

from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.description import bundle_facts
from goodpart.facts.spec import Roi

BUNDLE = read_bundle(Path(__file__).parents[1] / "fixtures" / "format_1")


def test_golden_frames_do_not_tell_the_reduction_because_large_ones_are_thinned():
    assert "reduction" not in bundle_facts(BUNDLE)


def test_the_region_of_interest_tells_the_reduction():
    backbone = BUNDLE.manifest.backbone
    roi = Roi(y_px=0, x_px=0, height_px=1200, width_px=900)
    frame = dataclasses.replace(backbone.frame, roi=roi)
    manifest = dataclasses.replace(BUNDLE.manifest, backbone=dataclasses.replace(backbone, frame=frame))
    facts = bundle_facts(dataclasses.replace(BUNDLE, manifest=manifest))
    assert facts["reduction"] == "one input pixel covers 37.5 x 28.12 frame pixels if 1200x900 are inspected"
