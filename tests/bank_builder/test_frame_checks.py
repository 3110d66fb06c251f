"""Frame checks: sizes and ranges learned by a build decide whether a frame is judged."""

import dataclasses
import math

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import FrameError, UsageError
from goodpart.facts.checks import FrameChecks, SizeRule
from goodpart.frames.checks import check_size
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from small_parts import draw_defect, draw_good

ONE = SizeRule(heights_px=(90, 90), widths_px=(70, 70), aspects=(90 / 70, 90 / 70), exact=False)
SEVERAL = SizeRule(heights_px=(100, 200), widths_px=(100, 100), aspects=(1.0, 2.0), exact=False)


def test_good_and_defective_parts_are_judged(inspector):
    for seed in range(100, 120):
        assert inspector.inspect(draw_good(seed)).verdict is not Verdict.UNKNOWN
    assert inspector.inspect(draw_defect(100)).verdict is Verdict.DEFECT


@pytest.mark.parametrize(("factor", "words"), [(0.5, "lamp or exposure?"), (1.2, "lamp or exposure?")])
def test_another_light_is_unknown_and_keeps_its_score(inspector, factor, words):
    frame = np.clip(draw_good(100) * factor, 0, 255).astype(np.uint8)
    found = inspector.inspect(frame)
    assert found.verdict is Verdict.UNKNOWN
    assert words in found.reason
    assert found.score_above_threshold == (found.score > found.threshold) == found.to_dict()["score_above_threshold"]


def test_another_size_is_refused_by_inspect_and_see(inspector):
    for call in (inspector.inspect, inspector.see):
        with pytest.raises(FrameError, match="expected 90x70 pixels"):
            call(draw_good(1, height_px=80))


@pytest.mark.parametrize(
    ("rule", "size", "times"),
    [
        (ONE, (90, 70), 1.0), (ONE, (180, 140), 2.0), (ONE, (45, 35), 0.5), (ONE, (23, 18), 0.25),
        (ONE, (70, 90), None), (ONE, (91, 70), None), (SEVERAL, (110, 100), 1.0), (SEVERAL, (100, 300), None),
        (dataclasses.replace(ONE, exact=True), (180, 140), None),
    ],
)  # fmt: skip
def test_sizes(rule, size, times):
    assert rule.times(*size) == times


def test_golden_frames_pass_the_size_rule(built_bundle):
    bundle = read_bundle(built_bundle)
    for golden in bundle.manifest.golden:
        check_size(bundle.manifest.checks, *bundle.read_golden(golden.file).shape[:2])


def test_any_size(tmp_path, good_dir, tiny_backbone):
    build_bundle(BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=tmp_path / "any", any_size=True))
    with Inspector.load(tmp_path / "any", threads=1) as inspector:
        assert inspector.checks.size is None
        inspector.inspect(draw_good(1, height_px=80))


def test_the_sure_rate_of_none_in_n():
    checks = FrameChecks(frames=209, flagged=0, rate=0.001, ranges={}, limits={})
    assert checks.sure_rate == pytest.approx(1 - 0.05 ** (1 / 209))


def test_the_sure_rate_of_many_takes_no_time_and_fits_the_exact_one():
    few, many = (
        FrameChecks(frames=10**6, flagged=flagged, rate=0.001, ranges={}, limits={}).sure_rate
        for flagged in (1000, 1001)
    )
    assert many == pytest.approx(few, rel=0.003)
    huge = FrameChecks(frames=2**31 - 1, flagged=2**30, rate=0.001, ranges={}, limits={})
    assert huge.sure_rate == pytest.approx(0.5, abs=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"ranges": {"odd": (0.0, 1.0)}}, {"ranges": {"grey": (2.0, 1.0)}}, {"rate": 0.0}, {"flagged": 10},
        {"ranges": {"grey": (0.0, 1.0)}}, {"limits": {"grey": (0.0, 1.0)}}, {"ranges": {"grey": (0.0, math.nan)}},
        {"ranges": {"grey": (0.0, 2.0)}, "limits": {"grey": (0.5, 9.0)}},
    ],
)  # fmt: skip
def test_impossible_checks(change):
    with pytest.raises(UsageError, match="checks"):
        FrameChecks(**{"frames": 9, "flagged": 0, "rate": 0.001, "ranges": {}, "limits": {}} | change)
