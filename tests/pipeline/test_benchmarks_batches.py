"""Benchmarks on banks that grow in batches: chunks stay within a batch, and a batch picked by hand tells."""

import numpy as np
import pytest

from goodpart_bank_builder.learn import calibrate
from goodpart_bank_builder.learn.calibrate import make_calibration
from goodpart_bank_builder.learn.coreset import Chooser
from small_parts import draw_defect, draw_good


@pytest.fixture
def washers(good_dir, tmp_path):
    folder = tmp_path / "washer"
    for kind in ("train", "test/good", "test/scratch"):
        (folder / kind).mkdir(parents=True)
    (folder / "train" / "good").symlink_to(good_dir)
    for seed in range(3):
        np.save(folder / "test" / "good" / f"{seed}.npy", draw_good(60 + seed))
        np.save(folder / "test" / "scratch" / f"{seed}.npy", draw_defect(60 + seed))
    return folder


def test_promise_of_batches(bench, tiny_backbone, washers, monkeypatch):
    of, chunks = Chooser.of, []

    def noted(self, embeddings, *, place, **options):
        chunks.append((place, len(embeddings) // 192))
        return of(self, embeddings, place=place, **options)

    monkeypatch.setattr(Chooser, "of", noted)
    found = bench(
        "promise", tiny_backbone, "--data", washers, "--splits", 2, "--rates", 0.2, "--vectors", 200,
        "--batches", 3, "--methods", "cross-conformal", "--threads", 1,
    )  # fmt: skip
    assert found["batches"] == 3
    assert set(found["methods"]) == set(found["in_batches"]) == {"cross-conformal"}
    images = [sum(size for (_, batch, _), size in chunks if batch == number) for number in range(3)]
    # in each of two splits 17 known parts in one batch, and the same in three
    assert images == [2 * (17 + 6), 2 * 6, 2 * 5]
    areas = found["image_auroc"]["cross-conformal"]
    assert 0.5 < areas["one_batch"] <= 1 and 0.5 < areas["in_batches"] <= 1
    assert areas["difference"] == pytest.approx(areas["in_batches"] - areas["one_batch"], abs=2e-4)


def test_promise_without_batches_embeds_no_defects(bench, tiny_backbone, washers):
    found = bench(
        "promise", tiny_backbone, "--data", washers, "--splits", 1, "--rates", 0.2, "--vectors", 200, "--threads", 1
    )
    assert "in_batches" not in found and "image_auroc" not in found


def test_selected(bench, tiny_backbone, washers, monkeypatch):
    calibrated = []

    def noted(distances, parts, settings, *, top_k):
        calibrated.append((len(distances), len(parts)))
        return make_calibration(distances, parts, settings, top_k=top_k)

    monkeypatch.setattr(calibrate, "make_calibration", noted)
    found = bench(
        "selected", tiny_backbone, "--data", washers, "--splits", 2, "--vectors", 200, "--rate", 0.15,
        "--taken", 6, "--threads", 1,
    )  # fmt: skip
    assert (found["parts"], found["splits"], found["taken"]) == (24, 2, 6)
    ways = found["ways"]
    assert list(ways) == [
        "first batch alone", "random, calibrates", "random, selected", "highest, calibrates", "highest, selected"
    ]  # fmt: skip
    for way in ways.values():
        assert 0 <= way["rejected_parts"][0] <= 1 and 0 <= way["passed_defects"][0] <= 1
    assert ways["random, calibrates"]["rise_sigmas"] == [0, 0]
    # images that calibrate, of those that are learned: 9 of the first batch, and 6 that joined
    assert calibrated == 2 * [(9, 9), (15, 15), (9, 15), (15, 15), (9, 15)]


def test_selected_wants_enough_parts(script, tiny_backbone, washers, capfd):
    code = script("selected", tiny_backbone, "--data", washers, "--splits", 1, "--rate", 0.15, "--threads", 1)
    assert code == 2
    assert "--taken: expected at most the 10 parts of the line, found 20" in capfd.readouterr().err
