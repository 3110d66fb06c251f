"""Compare: two bundles of the small network on drawn bars."""

import dataclasses
import json
import shutil

import cv2
import numpy as np
import pytest

from goodpart.facts.calibration import RateUnit
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import build_bundle
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.compare.comparison import CompareSettings, compare
from goodpart_bank_builder.compare.decide import Outcome, Reason, decide
from goodpart_bank_builder.compare.kept import Kept
from goodpart_bank_builder.compare.paired import AreaChange, Change
from goodpart_bank_builder.compare.speed import Speed
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.settings import BuildSettings
from small_frames import draw_small
from small_network import small_backbone
from small_parts import GRAY

SETTINGS = CompareSettings(latency_frames=0)


def save(path, frame):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), frame[:, :, ::-1])


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A backbone, 24 good images, and the bundle OLD."""
    folder = tmp_path_factory.mktemp("compare")
    small_backbone(folder / "backbone.onnx")
    for number in range(24):
        save(folder / "good" / f"{number:02}.png", draw_small(number))
    build(folder, "old", folder / "good")
    return folder


def build(folder, name, good, **settings):
    out = folder / name
    if not out.exists():
        build_bundle(
            BuildSettings(
                good_dir=good, backbone=folder / "backbone.onnx", out=out, name="bar", false_reject_rate=0.1, **settings
            )
        )
    return out


@pytest.fixture(scope="module")
def learned(work):
    """The bundle NEW that has learned five defects as well: three of them are test images."""
    good = work / "good_and_bad"
    shutil.copytree(work / "good", good)
    for number in range(5):
        save(good / f"mixed_{number}.png", draw_small(300 + number, defect=True))
    return build(work, "learned", good)


@pytest.fixture(scope="module")
def data(work):
    """30 good and 30 defective test images."""
    folder = work / "data"
    for number in range(30):
        save(folder / "test" / "good" / f"{number:02}.png", draw_small(100 + number))
        # the first three are those that `learned` has learned
        save(folder / "test" / "gap" / f"{number:02}.png", draw_small(302 + number, defect=True))
    return folder


def compared(old, new, data, settings=SETTINGS):
    with Inspector.load(old, threads=1) as one, Inspector.load(new, threads=1) as other:
        found = compare(one, other, read_categories(data)[0], data, settings)
    # the weights of the small network are untrained, which is a reason of its own
    return found, trained(found)


def trained(found):
    return decide(dataclasses.replace(found, new=dataclasses.replace(found.new, warning=None)), SETTINGS)


def test_the_same_bundle_twice_is_go(work, data):
    found, decision = compared(work / "old", work / "old", data)
    assert decision.outcome is Outcome.GO
    assert found.changed == []
    assert found.differences == ()
    assert found.area.difference == found.area.low == found.area.high == 0.0
    assert found.escapes.p_value == found.false_rejects.p_value == 1.0
    assert all(golden.old == golden.new for golden in found.golden)


def test_untrained_weights_are_no_go(work, data):
    found, _ = compared(work / "old", work / "old", data)
    decision = decide(found, SETTINGS)
    assert decision.outcome is Outcome.NO_GO
    assert [each.reason for each in decision.against] == [Reason.UNTRAINED]


def test_learned_defects_are_no_go_and_named(work, learned, data):
    found, decision = compared(work / "old", learned, data)
    assert decision.outcome is Outcome.NO_GO
    reasons = {each.reason: each.sentence for each in decision.against}
    assert {Reason.LEARNED_DEFECTS, Reason.ADDED_IMAGES} <= set(reasons)
    assert "NEW has learned 3 images as good that the data labels as a defect" in reasons[Reason.LEARNED_DEFECTS]
    assert "mixed_" in reasons[Reason.ADDED_IMAGES]
    assert found.added == tuple(f"mixed_{number}.png" for number in range(5))
    assert found.left_out == found.learned_defects == tuple(f"test/gap/{number:02}.png" for number in range(3))
    assert found.effect.area.high < 0
    # what NEW learned is no test of it, unless it is asked for
    kept, _ = compared(work / "old", learned, data, dataclasses.replace(SETTINGS, keep_learned=True))
    assert (len(found.pairs), len(kept.pairs), kept.left_out) == (57, 60, ())


def test_learned_defects_are_found_without_their_own_images_in_the_data(work, learned, data, tmp_path):
    other = tmp_path / "data"
    shutil.copytree(data, other)
    for number in range(3):
        (other / "test" / "gap" / f"{number:02}.png").unlink()
    found, decision = compared(work / "old", learned, other)
    assert found.learned_defects == ()
    assert Reason.ADDED_IMAGES in {each.reason for each in decision.against}


def test_more_good_images_are_go(work, data):
    half = work / "half_good"
    if not half.exists():
        half.mkdir()
        for number in range(12):
            shutil.copy(work / "good" / f"{number:02}.png", half)
    found, decision = compared(build(work, "half", half), work / "old", data)
    assert len(found.added) == 12
    assert Reason.ADDED_IMAGES not in {each.reason for each in decision.against}


def test_the_json_holds_every_pair_and_the_table_adds_up(work, learned, data, capsys):
    arguments = ["compare", str(work / "old"), str(learned), "--data", str(data), "--latency-frames", "2", "--json"]
    assert main(arguments) == 1
    plain = json.loads(capsys.readouterr().out)
    assert plain["decision"] == "no-go"
    cells = [count for row in plain["verdicts"].values() for count in row.values()]
    assert sum(cells) == len(plain["images"]) == 57
    assert len(cells) == 16
    changed = [image for image in plain["images"] if image["changed"]]
    same = sum(plain["verdicts"][said][said] for said in plain["verdicts"])
    assert len(changed) == 57 - same > 0
    for image in changed:
        assert image["old"]["said"] != image["new"]["said"]
        assert {"score", "p_value", "margin"} <= set(image["old"]) & set(image["new"])
    assert plain["latency"]["frames"] == 2


def test_the_page_shows_every_changed_verdict_and_needs_no_other_file(work, learned, data, tmp_path, capsys):
    arguments = ["compare", str(work / "old"), str(learned), "--data", str(data), "--latency-frames", "0"]
    assert main([*arguments, "--report", str(tmp_path / "report")]) == 1
    text = capsys.readouterr().out
    page = (tmp_path / "report" / "index.html").read_text()
    changed, _ = compared(work / "old", learned, data)[0].changed, None
    assert all(pair.name in text for pair in changed[:20])
    assert all(pair.path.name in page for pair in changed)
    assert page.count('<figure class="card">') == min(40, len(changed))
    assert 'src="data:' in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<circle" in page


def test_without_labelled_defects_it_is_not_decided(work, data, tmp_path, capsys):
    other = tmp_path / "data"
    shutil.copytree(data / "test" / "good", other / "test" / "good")
    _, decision = compared(work / "old", work / "old", other)
    assert decision.outcome is Outcome.NOT_DECIDED
    assert decision.headline == "not decided: the data holds no labelled defect"


def test_an_export_with_another_file_than_the_labelled_one_is_refused(work, data, tmp_path, capsys):
    export = tmp_path / "export"
    shutil.copytree(data / "test" / "good", export)
    line = {"file": "00.png", "sha256": "0" * 64, "label": "good", "kept_for": "near", "at": "now", "by": None}
    first = {"drawn": 1, "good": 1, "defect": 0, "unlabelled": 0}
    (export / "labels.jsonl").write_text(f"{json.dumps(first)}\n{json.dumps(line)}\n")
    assert main(["compare", str(work / "old"), str(work / "old"), "--data", str(export)]) == 2
    assert "00.png: expected the file that was labelled, found another sha256" in capsys.readouterr().err


def test_a_bundle_for_other_channels_refuses_all_images_in_one_line(work, data, tmp_path, capsys):
    small_backbone(tmp_path / "backbone.onnx", frame=GRAY)
    for number in range(12):
        (tmp_path / "good").mkdir(exist_ok=True)
        np.save(tmp_path / "good" / f"{number}.npy", draw_small(number)[:, :, 0].copy())
    grey = build(tmp_path, "grey", tmp_path / "good")
    assert main(["compare", str(work / "old"), str(grey), "--data", str(data)]) == 4
    error = capsys.readouterr().err.splitlines()[-1]
    assert "expected images that it can judge, found 60 that it refuses" in error


CHANGE = Change(of=100, old=5, new=5, only_old=0, only_new=0, p_value=1.0)
ROSE = dataclasses.replace(CHANGE, new=15, only_new=10, p_value=0.002)
AREA = AreaChange(old=0.9, new=0.85, low=-0.08, high=-0.01, replicates=10, seed=0)
SPEED = Speed(frames=9, rounds=3, old_p99_ms=10, new_p99_ms=12, ratio=1.2, low=1.15, high=1.25)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"area": AREA}, Reason.AUROC),
        ({"false_rejects": ROSE, "kept": Kept(unit=RateUnit.IMAGE, rejected=15, of=100)}, Reason.FALSE_REJECTS),
        ({"speed": SPEED}, Reason.LATENCY),
    ],
)
def test_each_rule_speaks_against_new_by_itself(work, data, changes, reason):
    found, _ = compared(work / "old", work / "old", data)
    decision = trained(dataclasses.replace(found, **changes))
    assert decision.outcome is Outcome.NO_GO
    assert [each.reason for each in decision.against] == [reason]


@pytest.mark.parametrize(
    "changes",
    [
        {"area": dataclasses.replace(AREA, high=0.001)},
        {"false_rejects": dataclasses.replace(CHANGE, new=10, only_new=6, only_old=1, p_value=0.125)},
        {"speed": dataclasses.replace(SPEED, low=1.05)},
        # OLD rejected fewer than it was allowed to, and NEW keeps its promise of a tenth
        {"false_rejects": ROSE, "kept": Kept(unit=RateUnit.IMAGE, rejected=10, of=100)},
    ],
)
def test_what_chance_explains_does_not(work, data, changes):
    found, _ = compared(work / "old", work / "old", data)
    assert trained(dataclasses.replace(found, **changes)).outcome is Outcome.GO


def test_a_threshold_that_rests_on_suspects_is_no_go(work, data):
    found, _ = compared(work / "old", work / "old", data)
    new = dataclasses.replace(found.new, warning=None, carried_by=("odd.png",))
    decision = decide(dataclasses.replace(found, new=new), SETTINGS)
    assert [each.reason for each in decision.against] == [Reason.SUSPECTS]
    assert "odd.png" in decision.against[0].sentence


@pytest.mark.parametrize("option", [["--escape-margin", "-1"], ["--max-false-reject-rise", "2"], ["--seed", "-1"]])
def test_options_out_of_range_are_refused_before_any_work(work, data, option, capsys):
    assert main(["compare", str(work / "old"), str(work / "old"), "--data", str(data), *option]) == 2
    assert f"{option[0]}: expected" in capsys.readouterr().err
