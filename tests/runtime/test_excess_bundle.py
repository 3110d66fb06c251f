"""A bundle for thermograms: the excess of a patch over its frame counts, and every way to be wrong is refused."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json, refused, repair
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.term import load_term
from goodpart.cli.main import main
from goodpart.errors import ContractError, InferenceError, ManifestError, SelfTestError, UsageError
from goodpart.facts.excess import ExcessRule, ExcessSpec
from goodpart.inspector import Inspector
from goodpart.model.excess import excess
from goodpart.model.seen import SeenFrame
from goodpart.scoring.inspection import Verdict
from small_thermal import draw_thermal

FIXTURES = Path(__file__).parents[1] / "fixtures"
FOLDER = FIXTURES / "format_2_thermal"


@pytest.fixture
def thermal(tmp_path):
    """A copy of the fixture, to be broken."""
    return Path(shutil.copytree(FOLDER, tmp_path / "bar"))


@pytest.fixture(scope="module")
def inspector():
    with Inspector.load(FOLDER, threads=1) as loaded:
        yield loaded


def sums_by_hand(inspector, frame, counted):
    """Distances of the patches that count with their terms, by brute force."""
    manifest = inspector.bundle.manifest
    seen = inspector.backbone.see(frame).only(counted)
    similar = seen.embeddings.astype(np.float64) @ inspector.bank.vectors.T.astype(np.float64)
    distances = 1.0 - np.sort(similar, axis=1)[:, -3:].mean(axis=1)
    hottest = seen.hottest.astype(np.float64)
    level = np.percentile(hottest, manifest.backbone.profile.excess.percentile)
    return distances + manifest.excess.weight * np.maximum(hottest - level, 0.0)


@pytest.mark.parametrize("hot", [None, 3800, 4200, 6000, 65535])
@pytest.mark.parametrize("half", [False, True])
def test_score_grid_and_regions_are_those_of_brute_force(inspector, hot, half):
    ignored = np.arange(64).reshape(8, 8) >= 40 if half else None
    counted = np.arange(40 if half else 64)
    judged = Inspector(
        backbone=inspector.backbone,
        bank=inspector.bank,
        calibration=inspector.calibration,
        ignored=ignored,
        term=load_term(inspector.bundle),
    )
    frame = draw_thermal(100, hot=hot)
    found = judged.inspect(frame)
    scores = (sums_by_hand(inspector, frame, counted) - inspector.calibration.mean) / inspector.calibration.std
    top_k = inspector.backbone.spec.profile.top_k(len(counted))
    assert found.score == pytest.approx(np.sort(scores)[-top_k:].mean(), rel=1e-6, abs=1e-4)
    grid, above = found.grid.ravel()[counted], scores > inspector.pixel_threshold + 1e-4
    np.testing.assert_allclose(grid[above], scores[above], rtol=1e-6, atol=1e-4)
    assert found.p_value == inspector.calibration.p_value(found.score)
    assert found.verdict is (Verdict.GOOD if found.score <= inspector.threshold else Verdict.DEFECT)


def test_a_hot_spot_is_found_and_placed(inspector):
    good, bad = inspector.inspect(draw_thermal(100)), inspector.inspect(draw_thermal(100, hot=4200))
    assert (good.verdict, bad.verdict) == (Verdict.GOOD, Verdict.DEFECT)
    assert not good.regions
    spot = bad.regions[0]
    assert spot.y_px <= 10 < spot.y_px + spot.height_px
    assert spot.x_px <= 9 < spot.x_px + spot.width_px
    assert bad.anomaly_map()[10, 9] > 0.99


def test_values_beyond_the_range_still_differ(inspector):
    """The network gets both as white; the highest values are taken before they are clipped."""
    hot, hotter = draw_thermal(100, hot=6000), draw_thermal(100, hot=9000)
    seen = [inspector.backbone.see(frame) for frame in (hot, hotter)]
    assert seen[0].hottest.max() > 5000
    assert inspector.inspect(hotter).score > inspector.inspect(hot).score * 1.5


def test_a_warmer_scene_has_no_excess(inspector):
    """The excess is over the frame itself: what is added everywhere changes nothing in it."""
    rule = inspector.bundle.manifest.backbone.profile.excess
    one, other = (inspector.backbone.see(draw_thermal(100) + np.uint16(add)).hottest for add in (0, 700))
    np.testing.assert_allclose(excess(one, rule), excess(other, rule), atol=0.01)


def test_the_golden_frames_know_the_weight(thermal):
    change_json(thermal / "manifest.json", lambda facts: facts["excess"].update(weight=0.02))
    refused(thermal, SelfTestError, "golden")


def test_the_golden_frames_know_the_percentile(thermal):
    """In the manifest and in the backbone, or the two would differ."""
    path = thermal / "backbone.onnx"
    data = path.read_bytes()
    assert data.count(b'"percentile": 90.0') == 1
    path.write_bytes(data.replace(b'"percentile": 90.0', b'"percentile": 60.0'))
    change_json(thermal / "manifest.json", lambda facts: facts["backbone"]["profile"]["excess"].update(percentile=60.0))
    repair(thermal)
    refused(thermal, SelfTestError, "golden")


def test_the_weight_is_needed(thermal):
    change_json(thermal / "manifest.json", lambda facts: facts.pop("excess"))
    refused(thermal, ManifestError, "excess: expected its weight")


def test_a_weight_needs_the_rule_of_the_profile(tmp_path):
    folder = Path(shutil.copytree(FIXTURES / "format_2", tmp_path / "bar"))
    change_json(folder / "manifest.json", lambda facts: facts.update(excess={"weight": 0.1}))
    refused(folder, ManifestError, "excess: expected its weight if the profile has an excess")


@pytest.mark.parametrize("weight", [0.0, -0.1, "1", None, True])
def test_impossible_weights(thermal, weight):
    change_json(thermal / "manifest.json", lambda facts: facts["excess"].update(weight=weight))
    refused(thermal, ManifestError, "excess")


def test_unknown_facts(thermal):
    change_json(thermal / "manifest.json", lambda facts: facts["excess"].update(offset=1.0))
    refused(thermal, ManifestError, "unknown ['offset']")


@pytest.mark.parametrize(
    ("key", "value"), [("percentile", 0), ("percentile", 100), ("factor", 0), ("factor", 101), ("percentile", "97")]
)
def test_impossible_rules(thermal, key, value):
    change_json(thermal / "manifest.json", lambda facts: facts["backbone"]["profile"]["excess"].update({key: value}))
    refused(thermal, ManifestError, key)


def test_format_1_has_no_excess(thermal):
    change_json(thermal / "manifest.json", lambda facts: facts.update(format_version=1))
    refused(thermal, ManifestError, "format version 1")


def test_a_head_has_no_place_beside_an_excess(thermal):
    head = json.loads((FIXTURES / "format_2" / "manifest.json").read_text())["head"]
    change_json(thermal / "manifest.json", lambda facts: facts.update(head=head))
    refused(thermal, ManifestError, "head: expected none beside an excess")


def test_a_backbone_without_the_second_output(thermal):
    """One of another profile, with the metadata of this one."""
    from onnx import load_model_from_string

    model = load_model_from_string((thermal / "backbone.onnx").read_bytes())
    names = [output.name for output in model.graph.output]
    del model.graph.output[names.index("hottest")]
    (thermal / "backbone.onnx").write_bytes(model.SerializeToString())
    repair(thermal)
    refused(thermal, ContractError, "expected the output", "hottest")


def test_info_tells_the_excess(capsys):
    assert main(["info", str(FOLDER)]) == 0
    text = capsys.readouterr().out
    assert "excess" in text
    assert "90th percentile" in text


def test_pixels_that_are_not_raw_are_refused():
    spec = read_bundle(FOLDER).manifest.backbone
    gray = dataclasses.replace(spec.frame, dtype=type(spec.frame.dtype)("uint8"), value_range=None)
    with pytest.raises(UsageError, match=r"expected uint16 GRAY frames.*palettes have lost"):
        dataclasses.replace(spec, frame=gray)


def test_a_backbone_that_gives_no_values_gives_no_term():
    term = load_term(read_bundle(FOLDER))
    with pytest.raises(InferenceError, match="excess: expected"):
        term.of(SeenFrame(embeddings=np.eye(8, dtype=np.float32)))


def test_the_rule_by_hand():
    rule = ExcessRule(percentile=50.0, factor=4.0)
    np.testing.assert_array_equal(excess(np.array([5, 1, 9], np.float32), rule), [0.0, 0.0, 4.0])
    assert ExcessSpec(weight=0.5).weight == 0.5
