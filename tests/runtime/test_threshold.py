"""`goodpart threshold`: the operator moves the threshold on the device; the bundle never changes."""

import json
import shutil

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.facts.calibration import threshold_for
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from small_frames import draw_defect, draw_good


@pytest.fixture
def threshold(bundle, capsys):
    """Runs `goodpart threshold BUNDLE`; gives its JSON object, or with another code what it said."""

    def call(*options, code=0, folder=bundle):
        assert main(["threshold", str(folder), *map(str, options), "--json"]) == code
        told = capsys.readouterr()
        return json.loads(told.out) if code == 0 else told.err

    return call


def device_file(bundle):
    return bundle.with_name(bundle.name + ".device.json")


def files_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_shown_as_it_is(bundle, threshold):
    shown, calibration = threshold(), read_bundle(bundle).calibration
    assert shown == {
        "threshold": calibration.threshold,
        "pixel_threshold": calibration.pixel_threshold,
        "supported_false_reject_rate": 1 / 17,  # none of 16 scores lies above
        "held_out_parts": 16,
        "bundle_threshold": calibration.threshold,
        "threshold_range": None,  # format 1 states none
        "device_file": None,
        "device": None,
    }
    assert not device_file(bundle).exists()


@pytest.mark.parametrize("rate", [0.06, 0.12, 0.2, 0.3, 0.5, 0.99])
def test_a_rate_moves_both_thresholds_to_what_the_held_out_parts_promise(bundle, threshold, rate):
    calibration = read_bundle(bundle).calibration
    shown = threshold("--false-reject-rate", rate)
    assert shown["threshold"] == threshold_for(calibration.scores, rate)
    assert shown["pixel_threshold"] == threshold_for(calibration.peaks, rate)
    assert shown["supported_false_reject_rate"] == calibration.rate_of(shown["threshold"]) <= rate + 1e-9
    assert shown["bundle_threshold"] == calibration.threshold
    assert shown == threshold()  # and there it stays


@pytest.mark.parametrize("value", [-3.5, 0, 2.25, 1e6])
def test_a_value_moves_the_threshold_alone(bundle, threshold, value):
    calibration = read_bundle(bundle).calibration
    shown = threshold("--value", value)
    assert (shown["threshold"], shown["pixel_threshold"]) == (value, calibration.pixel_threshold)
    assert shown["supported_false_reject_rate"] == calibration.rate_of(value)
    assert shown["device"] == {
        "bundle": read_bundle(bundle).digest,
        "threshold": value,
        "pixel_threshold": calibration.pixel_threshold,
        "threads": None,
        "spinning": None,
    }


def test_the_file_lies_beside_the_bundle_and_the_bundle_keeps_every_byte(bundle, threshold):
    before = files_of(bundle)
    shown = threshold("--value", 7)
    assert shown["device_file"] == str(device_file(bundle))
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["bar", "bar.device.json"]
    assert files_of(bundle) == before
    assert json.loads(device_file(bundle).read_text()) == shown["device"]


def test_the_same_setting_gives_the_same_bytes(bundle, threshold):
    threshold("--false-reject-rate", 0.3)
    before = device_file(bundle).read_bytes()
    threshold("--value", 7)
    assert device_file(bundle).read_bytes() != before
    threshold("--false-reject-rate", 0.3)
    assert device_file(bundle).read_bytes() == before


def test_reset_goes_back_to_the_bundles_own(bundle, threshold):
    own = threshold()
    threshold("--value", 7)
    assert threshold("--reset") == own == threshold()
    assert not device_file(bundle).exists()
    assert threshold("--reset") == own  # twice is no error


def test_an_inspector_applies_it_when_it_loads(bundle, threshold):
    frame = draw_defect(1)
    loaded = Inspector.load(bundle)
    before = loaded.inspect(frame)
    assert before.verdict is Verdict.DEFECT
    threshold("--value", before.score)
    assert loaded.inspect(frame).threshold == before.threshold  # a running one keeps its own
    after = Inspector.load(bundle).inspect(frame)
    assert (after.verdict, after.threshold, after.margin) == (Verdict.GOOD, before.score, 0.0)
    assert (after.score, after.p_value) == (before.score, before.p_value)
    threshold("--value", np.nextafter(before.score, -np.inf))
    assert Inspector.load(bundle).inspect(frame).verdict is Verdict.DEFECT
    threshold("--reset")
    assert Inspector.load(bundle).inspect(frame).threshold == before.threshold


def test_a_rate_moves_the_regions_too(bundle, threshold):
    found = {}
    for rate in (0.06, 0.9):
        shown = threshold("--false-reject-rate", rate)
        inspection = Inspector.load(bundle).inspect(draw_defect(1))
        assert inspection.pixel_threshold == shown["pixel_threshold"]
        found[rate] = sum(region.area_share for region in inspection.regions)
    assert found[0.06] < found[0.9]


def test_golden_scores_do_not_hang_on_it(bundle, threshold):
    threshold("--value", -100)
    assert max(Inspector.load(bundle).self_test().values()) < 1e-6


def test_score_and_info_show_it(bundle, threshold, tmp_path, capsys):
    np.save(tmp_path / "good.npy", draw_good(900))
    assert main(["score", str(bundle), str(tmp_path / "good.npy")]) == 0
    capsys.readouterr()
    threshold("--value", -100)
    assert main(["score", str(bundle), str(tmp_path / "good.npy")]) == 1
    assert json.loads(capsys.readouterr().out)["threshold"] == -100
    assert main(["info", str(bundle)]) == 0
    assert "threshold -100.000 sigmas instead of the bundle's" in capsys.readouterr().out
    assert main(["info", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device"]["threshold"] == -100


def test_info_without_it(bundle, capsys):
    assert main(["info", str(bundle)]) == 0
    assert "this device" not in capsys.readouterr().out
    assert main(["info", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["device"] is None


def test_in_words(bundle, capsys):
    own = read_bundle(bundle).calibration.threshold
    assert main(["threshold", str(bundle)]) == 0
    text = capsys.readouterr().out
    assert f"{own:.3f} sigmas, the bundle's own" in text
    # none of the 16 scores lies above the threshold: 1 / 17 is the least that they support
    assert "expect      about 5.88 % or fewer of good parts to be rejected (from 16 held-out good parts)" in text
    assert main(["threshold", str(bundle), "--value", "3"]) == 0
    text = capsys.readouterr().out
    assert f"3.000 sigmas, set on this device in {device_file(bundle)}" in text
    assert f"the bundle  {own:.3f} sigmas" in text


def test_in_words_the_share_of_good_parts_that_a_lower_threshold_rejects(bundle, capsys):
    scores = read_bundle(bundle).calibration.scores
    assert main(["threshold", str(bundle), f"--value={scores[-4]}"]) == 0  # three of 16 lie above: (1 + 3) / 17
    assert "about 23.5 % of good parts to be rejected (from 16 held-out good parts)" in capsys.readouterr().out
    assert main(["threshold", str(bundle), f"--value={scores[0] - 1}"]) == 0
    assert "about 100 % of good parts to be rejected" in capsys.readouterr().out


@pytest.mark.parametrize("value", ["nan", "inf", "1e999"])
def test_a_value_that_is_no_number_of_sigmas(bundle, threshold, value):
    assert "--value: expected a finite number of sigmas" in threshold(f"--value={value}", code=2)
    assert not device_file(bundle).exists()


@pytest.mark.parametrize("rate", ["0", "1", "-0.1", "1.5", "nan", "inf"])
def test_a_rate_out_of_range(bundle, threshold, rate):
    assert "more than 0 and less than 1" in threshold(f"--false-reject-rate={rate}", code=2)
    assert not device_file(bundle).exists()


def test_a_rate_that_the_held_out_parts_do_not_support(bundle, threshold):
    threshold("--value", 7)
    told = threshold("--false-reject-rate", 0.03, code=2)
    assert "16 held-out good parts support no rate below 0.05882, found 0.03" in told
    assert threshold()["threshold"] == 7  # what was set stays


@pytest.mark.parametrize(
    "options",
    [["--value", "1", "--reset"], ["--value", "1", "--false-reject-rate", "0.1"], ["--value", "x"], ["--threads", "1"]],
)
def test_a_wrong_command_line_ends_with_2(bundle, options):
    with pytest.raises(SystemExit) as ended:
        main(["threshold", str(bundle), *options])
    assert ended.value.code == 2
    assert not device_file(bundle).exists()


def test_a_bundle_that_is_refused_takes_no_threshold(bundle, threshold):
    (bundle / "bank.hnsw").write_bytes(b"another")
    assert "bank.hnsw" in threshold("--value", 7, code=3)
    assert not device_file(bundle).exists()


def test_a_linked_bundle_has_the_device_file_of_the_folder_itself(bundle, threshold, tmp_path):
    (tmp_path / "line1").mkdir()
    link = tmp_path / "line1" / "current"
    link.symlink_to(bundle)
    assert threshold("--value", 7, folder=link)["device_file"] == str(device_file(bundle))
    assert not device_file(link).exists()
    for folder in (link, bundle):
        assert Inspector.load(folder).threshold == 7


def test_any_way_to_name_the_folder_finds_the_file(bundle, threshold, monkeypatch):
    threshold("--value", 7)
    monkeypatch.chdir(bundle)
    for name in (".", "../bar/", "golden/.."):
        assert threshold(folder=name)["threshold"] == 7
        assert Inspector.load(name).threshold == 7


def test_a_copy_of_the_bundle_elsewhere_has_its_own_threshold(bundle, threshold, tmp_path):
    threshold("--value", 7)
    other = shutil.copytree(bundle, tmp_path / "elsewhere" / "bar")
    assert Inspector.load(other).threshold == read_bundle(other).calibration.threshold
