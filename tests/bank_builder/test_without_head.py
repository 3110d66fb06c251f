"""What a bundle with a head reaches by the distance alone: its figures, and what they cost."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from goodpart.errors import InferenceError
from goodpart.facts.calibration import CalibrationMethod
from goodpart.inspector import Inspector
from goodpart.model.backbone import Backbone
from goodpart.model.seen import SeenFrame
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.build.build import BuildSettings, build_and_keep
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.good_folder import read_good_folder
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.evaluation_log import category_lines, figure_lines
from goodpart_bank_builder.evaluate.held_out import HeldOut
from goodpart_bank_builder.evaluate.without_head import DistanceAlone
from goodpart_bank_builder.report.tables import figure_rows
from small_frames import draw_small
from small_network import small_backbone

FORMAT_2 = Path(__file__).parents[1] / "fixtures" / "format_2"
"""Its head counts as much as the distance."""


def draw_faint(seed):
    """A bar with a spot so faint that some such bars score like good ones."""
    frame = draw_small(seed)
    frame[9:14, 7:11] += 40
    return frame


@pytest.fixture
def faint(tmp_path):
    """A category of 12 good bars and 12 with faint defects."""
    folder = tmp_path / "bar"
    for kind, draw in (("good", draw_small), ("faint", draw_faint)):
        (folder / "test" / kind).mkdir(parents=True)
        for seed in range(12):
            np.save(folder / "test" / kind / f"{seed:02}.npy", draw(700 + seed))
    (folder / "ground_truth" / "faint").mkdir(parents=True)
    mask = np.zeros((24, 18), np.uint8)
    mask[9:14, 7:11] = 255
    for seed in range(12):
        cv2.imwrite(str(folder / "ground_truth" / "faint" / f"{seed:02}_mask.png"), mask)
    return folder


@pytest.fixture(scope="module")
def headed():
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        yield inspector


def alone_by_brute_force(inspector, frame):
    embeddings = inspector.embed(frame)
    scores = calibrate(inspector.bank.exact_distances(embeddings), inspector.calibration)
    return image_score(scores, inspector.backbone.spec.profile.top_k(len(scores)))


def test_the_areas_are_those_of_the_distance_alone(headed, faint):
    figures = evaluate_category(headed, read_categories(faint)[0]).figures
    frames = [draw_faint(700 + seed) for seed in range(12)] + [draw_small(700 + seed) for seed in range(12)]
    defective = [1] * 12 + [0] * 12
    alone = roc_auc_score(defective, [alone_by_brute_force(headed, frame) for frame in frames])
    assert figures.without_head.image_auroc == alone
    both = roc_auc_score(defective, [headed.inspect(frame).score for frame in frames])
    # the figures of the bundle stay those of the bundle
    assert figures.image_auroc == both != alone
    assert 0 < figures.without_head.pixel_auroc != figures.pixel_auroc
    assert 0 < figures.without_head.aupro_30 != figures.aupro_30


def test_the_distance_alone_is_certified(headed):
    alone = DistanceAlone(headed)
    for seed in range(8):
        frame = draw_faint(seed)
        found = alone.inspect(frame, headed.see(frame))
        assert found.score == pytest.approx(alone_by_brute_force(headed, frame), abs=1e-6)
        assert found.score != headed.inspect(frame).score


def test_the_backbone_runs_once_for_each_image(headed, faint, monkeypatch):
    embedded = []

    def watched(self, frame):
        embedded.append(frame)
        return embed(self, frame)

    embed = Backbone.see
    monkeypatch.setattr(Backbone, "see", watched)
    evaluate_category(headed, read_categories(faint)[0], workers=2)
    assert len(embedded) == 24


def test_known_embeddings_give_the_bits_of_the_frame(headed):
    frame = draw_faint(3)
    one, other = headed.inspect(frame), headed.inspect(frame, seen=headed.see(frame))
    assert (one.score, one.verdict) == (other.score, other.verdict)
    np.testing.assert_array_equal(one.grid, other.grid)


@pytest.mark.parametrize("shape", [(63, 8), (64, 7), (0, 8)])
def test_embeddings_of_something_else_are_refused(headed, shape):
    with pytest.raises(InferenceError, match="expected embeddings"):
        headed.inspect(draw_small(0), seen=SeenFrame(embeddings=np.zeros(shape, np.float32)))


def test_both_are_printed_and_stand_in_json_and_report(faint, tmp_path, capsys):
    out, page = tmp_path / "figures.json", tmp_path / "page"
    assert main(["evaluate", str(FORMAT_2), "--data", str(faint), "--json", str(out), "--report", str(page)]) == 0
    plain = json.loads(out.read_text())["categories"]["bar"]
    alone = plain["without_head"]
    assert set(alone) == {"image_auroc", "pixel_auroc", "aupro_30"}
    assert f"  without the head: image AUROC {alone['image_auroc']:.4f}, pixel AUROC" in capsys.readouterr().out
    text = (page / "index.html").read_text()
    assert "Image AUROC without the head" in text
    assert "AUPRO to 0.30 without the head" in text


def test_a_bundle_without_a_head_says_nothing(inspector, category):
    figures = evaluate_category(inspector, read_categories(category)[0]).figures
    assert figures.without_head is None
    lines = [*category_lines("washer", figures), *figure_lines(figures), *(row.name for row in figure_rows(figures))]
    assert not [line for line in lines if "head" in line]


def test_nothing_is_searched_twice_without_defects(headed, faint):
    category = read_categories(faint)[0]
    assert DistanceAlone.of(headed, category) is not None
    for path in sorted((faint / "test" / "faint").iterdir()):
        path.unlink()
    (faint / "test" / "faint").rmdir()
    assert DistanceAlone.of(headed, read_categories(faint)[0]) is None


def test_held_out_images_are_compared_by_the_distances_of_the_build(tmp_path):
    (tmp_path / "good").mkdir()
    for seed in range(20):
        np.save(tmp_path / "good" / f"{seed:02}.npy", draw_small(seed))
    small_backbone(tmp_path / "backbone.onnx", head=True)
    settings = BuildSettings(
        good_dir=tmp_path / "good",
        backbone=tmp_path / "backbone.onnx",
        out=tmp_path / "bar",
        false_reject_rate=0.1,
        head=1.0,
        calibration=CalibrationMethod.CROSS_CONFORMAL,
    )
    _, learned = build_and_keep(settings)
    with Inspector.load(tmp_path / "bar") as inspector:
        held_out = HeldOut(
            inspector=inspector,
            distances=learned.held_out,
            sizes_px={path: (facts.height_px, facts.width_px) for path, facts in learned.frames.items()},
            ignored=learned.ignored,
            parts=read_good_folder(settings).parts,
            alone=learned.distances,
        )
        for path, distances in learned.distances.items():
            scores = calibrate(distances, inspector.calibration)
            assert held_out.inspect(path, alone=True).score == image_score(scores, learned.top_k)
            assert held_out.inspect(path).score != held_out.inspect(path, alone=True).score
