"""Benchmarks on bundles and backbones with a head: they take it along, and notice where it is wrong."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.bank.search import Bank
from small_frames import draw_small
from small_network import small_backbone

FORMAT_2 = Path(__file__).parents[1] / "fixtures" / "format_2"


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    """A category of bars, each good part with two images, and a backbone whose profile has a head."""
    folder = tmp_path_factory.mktemp("bars")
    for number in range(24):
        (folder / "bar" / "train" / "good").mkdir(parents=True, exist_ok=True)
        np.save(folder / "bar" / "train" / "good" / f"{number // 2:02}_{number % 2}.npy", draw_small(number))
    for kind, defect in (("good", False), ("gap", True)):
        (folder / "bar" / "test" / kind).mkdir(parents=True)
        for number in range(4):
            np.save(folder / "bar" / "test" / kind / f"{number}.npy", draw_small(50 + number, defect=defect))
    (folder / "bar" / "ground_truth" / "gap").mkdir(parents=True)
    mask = np.zeros((24, 18), np.uint8)
    mask[9:14, 5:12] = 255
    for number in range(4):
        cv2.imwrite(str(folder / "bar" / "ground_truth" / "gap" / f"{number}_mask.png"), mask)
    small_backbone(folder / "backbone.onnx", head=True)
    return folder


def test_certified_takes_the_head_along(bench, bars):
    found = bench("certified", FORMAT_2, "--images", bars / "bar" / "test", "--frames", 28)
    assert (found["mismatches"], found["frames"]) == (0, 28)
    assert found["head"]["alpha"] > 0
    # the head runs in float32
    assert 0 < found["head"]["largest_term_error_sigmas"] < 1e-4
    assert found["cpu_s"] > 0


def test_certified_notices_a_search_that_forgets_the_term(script, bars, monkeypatch, capfd):
    def forgetful(self, embeddings, **options):
        if len(embeddings) == 64:  # else the bundle would not even load
            return search(self, embeddings, **options)
        return search(self, embeddings, **options | {"term": None})

    search = Bank.search
    monkeypatch.setattr(Bank, "search", forgetful)
    assert script("certified", FORMAT_2, "--images", bars / "bar" / "test", "--frames", 14) == 1
    assert json.loads(capfd.readouterr().out)["mismatches"] > 0


@pytest.mark.parametrize("options", [[], ["--no-head"]])
def test_promise_trains_heads_in_every_split(bench, bars, options):
    found = bench(
        "promise", bars / "backbone.onnx", "--data", bars / "bar", "--splits", 2, "--rates", 0.1, 0.3,
        "--vectors", 100, "--group", "^(..)", "--stride", 2, "--threads", 1, *options,
    )  # fmt: skip
    assert (found["images"], found["parts"]) == (24, 12)
    # a split must not choose alpha by the parts that calibrate
    assert found["alphas"]["split"] == ({"0": 2} if options else {"1": 2})
    assert sum(found["alphas"]["cross-conformal"].values()) == 2
    # four calibration parts support .3, and not .1
    assert list(found["methods"]["split"]["part"]) == ["0.3"]
    assert list(found["methods"]["cross-conformal"]["image"]) == ["0.1", "0.3"]


def test_accuracy_has_both_columns(bench, bars, tmp_path, monkeypatch, capfd):
    import accuracy

    def exported(options, out, good_dir):
        out.parent.mkdir(parents=True, exist_ok=True)
        small_backbone(out, head=True)
        from goodpart.model.backbone import Backbone

        return type("Report", (), {"backbone": Backbone.load(out).spec})

    monkeypatch.setattr(accuracy, "_export", exported)
    monkeypatch.setattr("goodpart_bank_builder.learn.teach._chosen", lambda without, full: 1.0)
    found = bench("accuracy", "--data", bars / "bar", "--weights", "untrained", "--seeds", 0, "--threads", 1)
    figures = found["categories"]["bar"]["seeds"]["0"]
    assert figures["without_head"]["image_auroc"] == figures["image_auroc_without_head"] > 0.5
    assert found["mean"]["aupro_30_without_head"] == figures["without_head"]["aupro_30"]
