"""Benchmarks on bundles whose patches carry a term: certified search with a head and with an excess, accuracy."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart._host.strict_json import encode
from goodpart.bank.search import Bank
from goodpart.facts.excess import ExcessRule
from goodpart.model.backbone import Backbone
from small_frames import draw_small
from small_parts import TINY
from small_thermal import HOT, draw_thermal

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Frames for either fixture."""
    folder = tmp_path_factory.mktemp("frames")
    for name, draw in (("format_2", draw_small), ("format_2_thermal", draw_thermal)):
        (folder / name).mkdir()
        for seed in range(6):
            np.save(folder / name / f"{seed}.npy", draw(200 + seed))
    np.save(folder / "format_2_thermal" / "6.npy", draw_thermal(206, hot=4100))
    return folder


@pytest.mark.parametrize(("name", "term"), [("format_2", "head"), ("format_2_thermal", "excess")])
def test_certified_with_a_term(bench, frames, name, term):
    found = bench("certified", FIXTURES / name, "--images", frames / name, "--frames", 28)
    assert (found["mismatches"], found["term"]) == (0, term)
    assert found["largest_error_sigmas"] <= 1e-9


@pytest.mark.parametrize("name", ["format_2", "format_2_thermal"])
def test_certified_notices_a_search_that_forgets_the_term(script, frames, monkeypatch, capfd, name):
    search, patches_of_a_golden_frame = Bank.search, 64

    def forgetful(self, embeddings, *, term, **options):
        if len(embeddings) == patches_of_a_golden_frame:  # else the bundle would not even load
            return search(self, embeddings, term=term, **options)
        return dataclasses.replace(search(self, embeddings, **options), term=term)

    monkeypatch.setattr(Bank, "search", forgetful)
    code = script("certified", FIXTURES / name, "--images", frames / name, "--frames", 140)
    assert (code, json.loads(capfd.readouterr().out)["mismatches"] > 0) == (1, True)


def test_accuracy_of_a_profile_for_thermograms(bench, tmp_path):
    category = tmp_path / "bar"
    for folder, numbers, hot in (
        ("train/good", range(20), None),
        ("test/good", range(30, 34), None),
        ("test/hot", range(40, 43), 4300),
    ):
        (category / folder).mkdir(parents=True)
        for seed in numbers:
            cv2.imwrite(str(category / folder / f"{seed}.png"), draw_thermal(seed, hot=hot))
    (category / "ground_truth" / "hot").mkdir(parents=True)
    mask = np.zeros((24, 18), np.uint8)
    mask[HOT] = 255
    for seed in range(40, 43):
        cv2.imwrite(str(category / "ground_truth" / "hot" / f"{seed}_mask.png"), mask)
    warm = dataclasses.replace(TINY, excess=ExcessRule(percentile=97.0, factor=4.0))
    (tmp_path / "warm.json").write_bytes(encode(warm))
    found = bench(
        "accuracy", "--data", category, "--weights", "untrained", "--profile", tmp_path / "warm.json", "--seeds", 0,
        "--work", tmp_path / "work", "--threads", 1,
    )  # fmt: skip
    assert found["categories"]["bar"]["mean"]["image_auroc"] == 1.0
    assert found["categories"]["bar"]["profile"]["excess"] == {"percentile": 97.0, "factor": 4.0}
    frame = Backbone.load(tmp_path / "work" / "bar.onnx").spec.frame
    low, high = frame.value_range
    assert 1900 < low < 2000
    assert 3800 < high < 3900
