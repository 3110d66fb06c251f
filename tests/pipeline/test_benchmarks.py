"""Every benchmark runs on a small bundle and prints one JSON object that makes sense. Times are never judged."""

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from goodpart._host.strict_json import encode
from goodpart.bank.search import Bank, PatchDistances
from goodpart.bundle.bundle import read_bundle
from goodpart_export import load_weights
from small_parts import TINY, draw_blotched, draw_defect, draw_good


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frames")
    for seed in range(3):
        np.save(folder / f"good{seed}.npy", draw_good(100 + seed))
        np.save(folder / f"defect{seed}.npy", draw_defect(100 + seed))
    return folder


@pytest.fixture
def digest(built_bundle: Path) -> str:
    return read_bundle(built_bundle).digest


def ordered(figures: dict[str, float]) -> bool:
    return 0 < figures["p50"] <= figures["p95"] <= figures["p99"]


def test_latency(bench, built_bundle, digest):
    found = bench(
        "latency", built_bundle, "--threads", 1, 2, "--frame-size", "90x70", "40x200", "--frames", 4, "--rounds", 2
    )
    assert (found["bundle_digest"], found["seed"], found["frames"]) == (digest, 0, 4)
    combinations = [(row["threads"], row["frame"]) for row in found["results"]]
    assert combinations == [(1, "90x70"), (1, "40x200"), (2, "90x70"), (2, "40x200")]
    for row in found["results"]:
        assert set(row["stages_ms"]) == {"embed", "search", "score", "total", "backbone"}
        assert all(ordered(figures) for figures in row["stages_ms"].values())
        assert row["stages_ms"]["total"]["p99"] >= row["stages_ms"]["search"]["p50"]
        assert row["ratio"] > 0


def test_latency_of_an_image_in_its_own_size(bench, built_bundle, images):
    found = bench("latency", built_bundle, "--image", images / "good0.npy", "--threads", 1, "--frames", 1)
    assert [row["frame"] for row in found["results"]] == ["90x70"]


def test_search(bench, built_bundle, digest, images):
    found = bench(
        "search", built_bundle, "--images", images, "--ways", "4:2:4:3:1", "16:8:64:32:16", "--frames", 5, "--seed", 1
    )
    assert (found["bundle_digest"], found["seed"], found["frames"]) == (digest, 1, 5)
    assert found["bank"] == [TINY.bank_vectors, 64]
    assert ordered(found["exact_time_ms"])
    assert [row["index"]["ef_search"] for row in found["results"]] == [3, 32]
    coarse, fine = found["results"]
    assert 0 < coarse["recall_at_k"] < fine["recall_at_k"] <= 1
    assert coarse["graph"]["error_sigmas"]["max"] > 1e-3
    for row in found["results"]:
        assert row["certified"]["frames_without_result"] == 0
        assert row["certified"]["error_sigmas"]["max"] <= 1e-5
        assert row["certified"]["error_relative"]["max"] <= 1e-6
        patches = row["certified"]["recomputed_patches"]
        assert TINY.top_k(192) <= patches["median"] <= patches["max"] <= found["patches_per_frame"] == 192


def test_search_takes_the_same_frames_and_finds_the_same_with_the_same_seed(bench, built_bundle, images):
    def errors() -> Sequence[object]:
        found = bench("search", built_bundle, "--images", images, "--frames", 2, "--seed", 5)
        return [(row["recall_at_k"], row["graph"]["error_sigmas"]) for row in found["results"]]

    assert errors() == errors()


def test_certified(bench, built_bundle, digest, images):
    found = bench("certified", built_bundle, "--images", images, "--frames", 28, "--seed", 2)
    assert (found["bundle_digest"], found["seed"], found["frames"]) == (digest, 2, 28)
    assert found["mismatches"] == 0
    assert 0 < found["largest_error_sigmas"] <= 1e-9
    assert len(found["results"]) == 7
    assert max(row["recomputed_patches"]["max"] for row in found["results"]) == found["patches_per_frame"]


def test_certified_notices_a_search_that_is_wrong(script, built_bundle, images, monkeypatch, capfd):
    search, patches_of_a_golden_frame = Bank.search, 192

    def graph_alone(self, embeddings, **options):
        if len(embeddings) == patches_of_a_golden_frame:  # else the bundle would not even load
            return search(self, embeddings, **options)
        return PatchDistances(distances=self.upper_bounds(embeddings), recomputed=0)

    monkeypatch.setattr(Bank, "search", graph_alone)
    assert script("certified", built_bundle, "--images", images, "--frames", 12) == 1
    assert json.loads(capfd.readouterr().out)["mismatches"] > 0


def test_scaling(bench, tiny_backbone, images):
    found = bench(
        "scaling",
        tiny_backbone,
        "--good",
        images,
        "--images",
        images,
        "--sizes",
        60,
        300,
        "--threads",
        1,
        "--frames",
        3,
    )
    assert [(row["vectors"], row["threads"]) for row in found["results"]] == [(60, 1), (300, 1)]
    small, large = found["results"]
    assert large["products_ms"] == pytest.approx(5 * small["products_ms"], rel=0.5)
    for row in found["results"]:
        assert ordered(row["time_ms"])
        assert row["recomputed_patches"] >= TINY.top_k(192)


def test_scaling_wants_enough_patches(script, tiny_backbone, images, capfd):
    code = script("scaling", tiny_backbone, "--good", images, "--images", images, "--sizes", 5000)
    assert code == 2
    assert "--sizes: expected at most" in capfd.readouterr().err


def test_cold_start(bench, built_bundle, digest):
    found = bench("cold_start", built_bundle, "--runs", 1)
    assert found["bundle_digest"] == digest
    parts = found["median_ms"]
    assert set(parts) == {"wall", "import", "load", "first_inspection", "rest"}
    assert all(spent > 0 for spent in parts.values())
    golden = read_bundle(built_bundle).manifest.golden[0].score
    assert found["score"] == pytest.approx(golden, abs=1e-6)


def test_memory(bench, built_bundle, digest):
    found = bench("memory", built_bundle, "--frames", 5)
    assert (found["bundle_digest"], found["frames"]) == (digest, 5)
    stages = found["resident_mib"]
    assert list(stages) == ["started", "imported", "loaded", "one_frame", "many_frames"]
    assert all(0 < figures["VmRSS"] <= figures["VmHWM"] for figures in stages.values())
    assert stages["started"]["VmHWM"] < stages["loaded"]["VmHWM"] <= stages["many_frames"]["VmHWM"]


@pytest.mark.parametrize("name", ["cold_start", "memory"])
def test_a_foreign_interpreter_that_fails_is_reported(name, script, capfd, built_bundle, tmp_path):
    assert script(name, built_bundle, "--python", tmp_path / "none") == 2
    assert "expected an interpreter, found none" in capfd.readouterr().err
    assert script(name, built_bundle, "--python", "/bin/false") == 2
    captured = capfd.readouterr()
    assert "expected exit code 0, found 1" in captured.err
    assert captured.out == ""


def test_paper_baseline(bench, built_bundle, digest, images):
    found = bench(
        "paper_baseline", built_bundle, "--weights", "untrained", "--images", images,
        "--threads", 1, "--frames", 4, "--rounds", 2,
    )  # fmt: skip
    assert (found["bundle_digest"], found["frames"]) == (digest, 4)
    assert set(found["goodpart"]["timings_ms"]) == {"embed", "search", "score", "total"}
    for name in ("baseline", "baseline_torch_search"):
        assert set(found[name]["timings_ms"]) == {"resize", "trunk", "search", "score", "total"}
        assert all(ordered(figures) for figures in found[name]["timings_ms"].values())
        assert found["ratio"][name] > 0
        # float32 distances, and torch's own rounding
        assert found["largest_score_difference_sigmas"][name] < 1e-2


def test_paper_baseline_refuses_other_weights_than_the_bundles(script, built_bundle, images, tmp_path, capfd):
    other = tmp_path / "weights.pth"
    torch.save(load_weights("untrained", stages=TINY.stages, seed=1)[0].state_dict(), other)
    assert script("paper_baseline", built_bundle, "--weights", other, "--images", images) == 2
    assert "expected those of the bundle" in capfd.readouterr().err


def test_accuracy(bench, tmp_path):
    category = tmp_path / "washer"
    for folder, draw, numbers in (
        ("train/good", draw_good, range(20)),
        ("test/good", draw_good, range(30, 34)),
        ("test/block", draw_defect, range(40, 43)),
    ):
        (category / folder).mkdir(parents=True)
        for seed in numbers:
            np.save(category / folder / f"{seed}.npy", draw(seed))
    (category / "ground_truth" / "block").mkdir(parents=True)
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    for seed in range(40, 43):
        cv2.imwrite(str(category / "ground_truth" / "block" / f"{seed}_mask.png"), mask)
    profile = tmp_path / "tiny.json"
    profile.write_bytes(encode(TINY))
    found = bench(
        "accuracy", "--data", tmp_path, "--weights", "untrained", "--profile", profile, "--seeds", 0, 1,
        "--work", tmp_path / "work", "--threads", 1,
    )  # fmt: skip
    assert list(found["categories"]) == ["washer"]
    row = found["categories"]["washer"]
    assert list(row["seeds"]) == ["0", "1"]
    for seed, figures in row["seeds"].items():
        assert figures["bundle_digest"] == read_bundle(tmp_path / "work" / f"seed{seed}" / "washer").digest
        assert (figures["train_images"], figures["test_images"]) == (20, 7)
    for figure in ("image_auroc", "image_auprc", "pixel_auroc"):
        assert 0.5 < row["min"][figure] <= row["mean"][figure] <= row["max"][figure] <= 1
    assert found["mean"]["image_auroc"] == row["mean"]["image_auroc"]


def test_promise(bench, tiny_backbone, good_dir, tmp_path):
    (tmp_path / "washer" / "train").mkdir(parents=True)
    (tmp_path / "washer" / "train" / "good").symlink_to(good_dir)
    (tmp_path / "washer" / "test" / "good").mkdir(parents=True)
    for seed in range(3):
        np.save(tmp_path / "washer" / "test" / "good" / f"{seed}.npy", draw_good(60 + seed))
    found = bench(
        "promise", tiny_backbone, "--data", tmp_path / "washer", "--splits", 3, "--rates", 0.2, 0.4,
        "--vectors", 200, "--threads", 1,
    )  # fmt: skip
    assert (found["category"], found["images"], found["parts"], found["splits"]) == ("washer", 24, 24, 3)
    assert set(found["methods"]) == {"cross-conformal", "split"}
    for by_unit in found["methods"].values():
        # every image is a part of its own
        assert by_unit["image"] == by_unit["part"]
        assert list(by_unit["image"]) == ["0.2", "0.4"]
        for summary in by_unit["image"].values():
            assert 0 <= summary["rejected_parts"] == summary["rejected_images"] <= 1
            assert 0 <= summary["rejected_test_good_images"] <= 1
        assert by_unit["part"]["0.2"]["rejected_parts"] <= by_unit["part"]["0.4"]["rejected_parts"]


def test_promise_by_part(bench, tiny_backbone, good_dir, tmp_path):
    (tmp_path / "washer" / "train" / "good").mkdir(parents=True)
    for number, path in enumerate(sorted(good_dir.iterdir())):
        (tmp_path / "washer" / "train" / "good" / f"{number // 2:02}_{number % 2}.png").symlink_to(path)
    (tmp_path / "washer" / "test" / "good").mkdir(parents=True)
    np.save(tmp_path / "washer" / "test" / "good" / "0.npy", draw_good(60))
    found = bench(
        "promise", tiny_backbone, "--data", tmp_path / "washer", "--splits", 2, "--rates", 0.3, "--vectors", 200,
        "--group", "^(..)", "--threads", 1,
    )  # fmt: skip
    assert (found["images"], found["parts"]) == (24, 12)
    assert set(found["methods"]) == {"cross-conformal", "split"}
    for by_unit in found["methods"].values():
        assert set(by_unit) == {"image", "part"}
        for by_rate in by_unit.values():
            assert by_rate["0.3"]["splits"] == 2
            assert by_rate["0.3"]["rejected_images"] <= by_rate["0.3"]["rejected_parts"]


def test_build(bench, tiny_backbone, good_dir):
    found = bench("build", tiny_backbone, "--good", good_dir, "--threads", 1)
    assert (found["images"], found["bank"]) == (24, [TINY.bank_vectors, 64])
    assert found["seconds"] >= 0
    assert 0 < found["peak_before_build_mib"] <= found["peak_mib"]


def test_build_of_many_images_made_of_few(bench, tiny_backbone, good_dir):
    found = bench("build", tiny_backbone, "--good", good_dir, "--images", 50, "--threads", 1)
    assert found["images"] == 50


def test_doctor(bench, tiny_backbone, tmp_path):
    for seed in range(30):
        write_picture(tmp_path / "washer" / "train" / "good" / f"{seed:02}.png", draw_blotched(seed))
    for seed in range(3):
        write_picture(tmp_path / "washer" / "test" / "block" / f"{seed}.png", draw_defect(seed))
    found = bench(
        "doctor",
        tiny_backbone,
        "--data",
        tmp_path / "washer",
        "--mix",
        "24:1",
        "--draws",
        1,
        "--planted",
        "--threads",
        1,
    )
    assert (found["data"], found["clean"]["images"]) == ("washer", 30)
    (mixed,) = found["mixed"]
    assert (mixed["good"], mixed["bad"], len(mixed["draws"])) == (24, 1, 1)
    assert 0 <= mixed["mixed_named_share"] <= 1
    assert found["near_copies"]["planted"] == 20
    assert [row["colours"] for row in found["variants"]] == [2, 4]
    assert found["cost"]["facts_over_embedding"] > 0


def write_picture(path: Path, frame: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), frame[:, :, ::-1])
