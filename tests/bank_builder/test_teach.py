"""Builds with a head: who gets one, how much it counts, and that the same input gives the same bytes."""

import argparse
import shutil

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import InferenceError, UsageError
from goodpart.facts.calibration import CalibrationMethod
from goodpart_bank_builder import BuildSettings, build_bundle
from goodpart_bank_builder.cli.build import _head
from goodpart_bank_builder.learn import teach as module
from goodpart_bank_builder.learn.lessons import Lessons
from small_frames import draw_small
from small_network import small_backbone


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Good frames, and a backbone whose profile has a head."""
    folder = tmp_path_factory.mktemp("headed")
    (folder / "good").mkdir()
    for number in range(20):
        np.save(folder / "good" / f"{number:02}.npy", draw_small(number))
    small_backbone(folder / "backbone.onnx", head=True)
    return folder


def build(source, out, **changes):
    backbone = changes.pop("backbone", source / "backbone.onnx")
    settings = {
        "good_dir": source / "good",
        "backbone": backbone,
        "out": out,
        "false_reject_rate": 0.1,
        "thumbnails": False,
    }
    return build_bundle(BuildSettings(**settings | changes))


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "bar"
    return build(source, out, head=1.0), out


def test_the_bundle_holds_the_head_and_the_report_says_so(built):
    report, out = built
    bundle = read_bundle(out)
    assert bundle.manifest.head.alpha == 1.0
    assert bundle.read_head() is not None
    assert report.head.startswith("alpha 1; AUROC on painted defects of held-out parts ")


def test_the_scores_of_good_parts_are_on_the_scale_of_the_sums(built):
    """The head's term is in the calibration: with the scale of distances alone, held-out scores would not fit."""
    _, out = built
    spec, calibration = read_bundle(out).manifest.head, read_bundle(out).calibration
    # distance and term have the same deviation at alpha 1, so that of their sum lies between 0 and twice theirs
    sigma_d = -spec.lowest / 2 / spec.alpha
    assert 0.2 * sigma_d < calibration.std < 2.0 * sigma_d


@pytest.mark.parametrize("threads", [1, 3])
def test_the_same_input_gives_the_same_bytes(source, built, tmp_path, threads):
    build(source, tmp_path / "bar", head=1.0, threads=threads)
    assert read_bundle(tmp_path / "bar").digest == read_bundle(built[1]).digest


def test_another_seed_gives_another_head(source, built, tmp_path):
    build(source, tmp_path / "bar", head=1.0, seed=1)
    assert (tmp_path / "bar" / "head.npy").read_bytes() != (built[1] / "head.npy").read_bytes()


def test_head_off(source, tmp_path):
    report = build(source, tmp_path / "bar", head=0.0)
    assert report.head == "none"
    assert not (tmp_path / "bar" / "head.npy").exists()
    assert read_bundle(tmp_path / "bar").manifest.head is None


def test_a_profile_without_a_head_gets_none(source, tmp_path):
    backbone = small_backbone(tmp_path / "plain.onnx")
    assert build(source, tmp_path / "bar", backbone=backbone, head=None).head == "none"


def test_alpha_is_what_was_asked_for(source, built, tmp_path):
    build(source, tmp_path / "bar", head=0.5)
    half, whole = (read_bundle(out).manifest.head for out in (tmp_path / "bar", built[1]))
    assert half.alpha == 0.5
    assert half.weight == pytest.approx(whole.weight / 2)
    assert (tmp_path / "bar" / "head.npy").read_bytes() == (built[1] / "head.npy").read_bytes()


@pytest.mark.parametrize("head", [-0.1, 4.1, float("nan"), float("inf")])
def test_an_impossible_alpha_is_refused(source, tmp_path, head):
    with pytest.raises(UsageError, match=r"^--head: expected off, auto or 0 to 4, found "):
        build(source, tmp_path / "bar", head=head)


def test_words_of_the_option():
    assert (_head("off"), _head("auto"), _head(".5")) == (0.0, None, 0.5)
    with pytest.raises(argparse.ArgumentTypeError, match="expected off, auto or a number, found 'on'"):
        _head("on")


def test_split_does_not_choose_by_the_parts_that_calibrate(source, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_chosen", lambda *_: pytest.fail("chosen by parts that calibrate"))
    build(source, tmp_path / "bar", head=None, calibration=CalibrationMethod.SPLIT)
    assert read_bundle(tmp_path / "bar").manifest.head.alpha == 1.0


@pytest.mark.parametrize(
    ("without", "full", "alpha"),
    [
        (0.7, 0.8, 1.0),
        (0.7, 0.73, 1.0),
        (0.7, 0.72, 0.25),
        (0.7, 0.7, 0.0),
        (0.7, 0.6, 0.0),
        (1.0, 1.0, 0.25),
        (None, None, 0.0),
    ],
)
def test_alpha_by_the_gain_on_painted_defects(without, full, alpha):
    assert module._chosen(without, full) == alpha


def test_a_head_beside_an_ignored_area(source, tmp_path):
    good = tmp_path / "good"
    shutil.copytree(source / "good", good)
    mask = np.zeros((24, 18), np.uint8)
    mask[:, :9] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    report = build(source, tmp_path / "bar", good_dir=good, ignore=tmp_path / "mask.png", head=1.0)
    assert report.head.startswith("alpha 1")


def test_a_painted_frame_that_cannot_be_embedded_names_its_image(source, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise InferenceError("backbone: expected embeddings, found none")

    monkeypatch.setattr(Lessons, "add", fail)
    with pytest.raises(InferenceError, match=r"[0-9]{2}\.npy, with painted defects: backbone: expected embeddings"):
        build(source, tmp_path / "bar", head=1.0)
