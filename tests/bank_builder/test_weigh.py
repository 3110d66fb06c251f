"""Builds for thermograms: the weight of the excess, what calibration and doctor get, and images that cannot be used."""

import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import FrameError, UnfitImagesError, UsageError
from goodpart.facts.excess import ExcessRule
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.model.excess import excess
from goodpart_bank_builder.build.build import BuildSettings, build_and_keep
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import learn_and_examine
from goodpart_bank_builder.doctor.outliers import outlier_scores
from goodpart_bank_builder.learn.weigh import weigh_excess
from goodpart_bank_builder.report.look_closer import Closer
from small_network import small_backbone
from small_parts import THERMAL
from small_thermal import draw_thermal

RULE = ExcessRule(percentile=90.0, factor=4.0)


@pytest.fixture
def good(tmp_path):
    folder = tmp_path / "good"
    folder.mkdir()
    for number in range(16):
        np.save(folder / f"{number:02}.npy", draw_thermal(number))
    return folder


@pytest.fixture
def backbone(tmp_path):
    return small_backbone(tmp_path / "backbone.onnx", frame=THERMAL, excess=RULE)


def settings_for(good, backbone, tmp_path, **changes):
    return BuildSettings(
        good_dir=good, backbone=backbone, out=tmp_path / "bar", false_reject_rate=0.1, thumbnails=False, **changes
    )


def test_the_weight_by_hand():
    rng = np.random.default_rng(0)
    names = [f"{number}" for number in range(5)]
    distances = {name: rng.uniform(0, 0.1, 30) for name in names}
    hottest = {name: rng.normal(3000, 20, 30).astype(np.float32) for name in [*names, "other"]}
    found = weigh_excess(distances, hottest, RULE)
    raw = {name: excess(hottest[name], RULE) for name in names}
    weight = 4.0 * np.std(list(distances.values())) / np.std(list(raw.values()))
    assert found.spec.weight == pytest.approx(weight, rel=1e-12)
    for name in names:
        np.testing.assert_allclose(found.sums[name], distances[name] + weight * raw[name], rtol=1e-12)
    assert found.sums.keys() == distances.keys()


def test_frames_without_any_excess_have_a_weight():
    distances = {"a": np.array([0.1, 0.2]), "b": np.array([0.1, 0.3])}
    found = weigh_excess(distances, {name: np.full(2, 7.0, np.float32) for name in distances}, RULE)
    assert 0.0 < found.spec.weight < np.inf
    np.testing.assert_array_equal(found.sums["b"], distances["b"])


@pytest.mark.parametrize("threads", [1, 2])
def test_a_bundle_is_calibrated_on_distances_with_their_terms(good, backbone, tmp_path, threads):
    report, learned = build_and_keep(settings_for(good, backbone, tmp_path, threads=threads))
    bundle = read_bundle(tmp_path / "bar")
    assert bundle.manifest.excess == learned.excess
    assert bundle.manifest.head is None
    sums = np.stack(list(learned.held_out.values()))
    assert (report.calibration.mean, report.calibration.std) == (sums.mean(), sums.std())
    scores = np.sort([np.sort(found)[-4:].mean() for found in (sums - sums.mean()) / sums.std()])
    np.testing.assert_allclose(report.calibration.scores, scores, rtol=1e-9)
    with Inspector.load(tmp_path / "bar", threads=1) as inspector:
        seen = inspector.backbone.see(draw_thermal(3))
    path = good / "03.npy"
    distances = learned.held_out[path] - learned.excess.weight * excess(seen.hottest, RULE)
    assert (distances >= -1e-9).all()
    assert distances.max() < 2.0


def test_the_same_images_give_the_same_bundle(good, backbone, tmp_path):
    digests = [
        build_and_keep(settings_for(good, backbone, tmp_path, threads=threads, force=True))[0].digest
        for threads in (1, 2)
    ]
    assert digests[0] == digests[1]


def test_the_doctor_brings_hot_spots_to_the_top(good, backbone):
    np.save(good / "07.npy", draw_thermal(7, hot=5200))
    settings = FolderSettings(good_dir=good, backbone=backbone, false_reject_rate=0.1)
    report, learned, _ = learn_and_examine(settings)
    scores = outlier_scores(learned)
    assert max(scores, key=scores.__getitem__).name == "07.npy"
    assert "07.npy" in report.diagnosis.names
    cold = small_backbone(backbone.with_name("cold.onnx"), frame=THERMAL)
    found = outlier_scores(learn_and_examine(FolderSettings(good_dir=good, backbone=cold, false_reject_rate=0.1))[1])
    assert found[good / "07.npy"] < scores[good / "07.npy"]


def spoil(good):
    np.save(good / "02.npy", np.zeros((24, 18), np.uint16))
    np.save(good / "05.npy", np.zeros((24, 18, 3), np.uint8))
    np.save(good / "09.npy", (3000 + np.random.default_rng(0).normal(0, 3, (24, 18))).astype(np.uint16))
    return ["02.npy", "05.npy", "09.npy"]


@pytest.mark.parametrize("threads", [1, 2])
def test_all_unfit_images_are_named_at_once(good, backbone, tmp_path, threads):
    names = spoil(good)
    with pytest.raises(UnfitImagesError) as caught:
        build_and_keep(settings_for(good, backbone, tmp_path, threads=threads))
    assert sorted(str(error).split(": ")[0].rpartition("/")[2] for error in caught.value.errors) == names
    assert all(name in str(caught.value) for name in names)
    assert "\n" not in str(caught.value)


def test_one_unfit_image_keeps_its_own_error(good, backbone, tmp_path):
    np.save(good / "02.npy", np.zeros((24, 18), np.uint16))
    with pytest.raises(FrameError, match=r"02\.npy: expected a photograph of a good part") as caught:
        build_and_keep(settings_for(good, backbone, tmp_path))
    assert type(caught.value) is FrameError


def test_the_command_line_gives_each_a_line(good, backbone, tmp_path, capsys):
    names = spoil(good)
    command = ["build", str(good), "--backbone", str(backbone), "--false-reject-rate", "0.1"]
    assert main([*command, "--out", str(tmp_path / "bar")]) == 4
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("goodpart-bank: ")]
    assert sorted(line.split(": ")[1].rpartition("/")[2] for line in lines) == names
    assert not (tmp_path / "bar").exists()


def test_the_doctor_counts_them_all(good, backbone):
    names = spoil(good)
    report, _, _ = learn_and_examine(FolderSettings(good_dir=good, backbone=backbone, false_reject_rate=0.1))
    (found,) = (one for one in report.diagnosis.findings if one.kind.value == "unreadable")
    assert sorted(image.name for image in found.images) == names


def test_pixels_beyond_the_value_range_are_not_saturated(good, backbone):
    """They are well exposed; only the ends of what 16 bits hold are."""
    from goodpart_bank_builder.learn.frame_facts import frame_facts

    spec = Backbone.load(backbone).spec.frame
    assert frame_facts(draw_thermal(0, hot=9000), spec).clipped == 0.0
    assert frame_facts(draw_thermal(0, hot=65535), spec).clipped == pytest.approx(9 / 432)


def test_a_closer_look_scores_with_the_term(good, backbone):
    """The scale is that of distances with their terms; without, a hot spot would look calm."""
    np.save(good / "07.npy", draw_thermal(7, hot=5200))
    settings = FolderSettings(good_dir=good, backbone=backbone, false_reject_rate=0.1)
    _, learned, loaded = learn_and_examine(settings)
    looks = [
        Closer(settings, loaded, learned.bank.vectors, term).look_at(["07.npy"], learned.calibration)["07.npy"]
        for term in (learned.term, None)
    ]
    assert looks[0].score > looks[1].score + 1.0
    assert divmod(looks[0].patch, 8)[0] == 3  # the spot lies in the rows 9 to 11 of 24


def test_all_copies_are_named_at_once(good, backbone, tmp_path):
    for copy, original in (("20.npy", "03.npy"), ("21.npy", "08.npy"), ("22.npy", "08.npy")):
        (good / copy).write_bytes((good / original).read_bytes())
    with pytest.raises(UsageError, match="expected another photograph") as caught:
        build_and_keep(settings_for(good, backbone, tmp_path))
    assert str(caught.value).count(" copy of ") == 3
    assert all(f"{number}.npy" in str(caught.value) for number in ("03", "08", "20", "21", "22"))
