"""What a report is made of: which images it shows, their pictures, and published figures."""

import base64
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.figures import ImageResult
from goodpart_bank_builder.report.choice import MOST_WRONG, choose_images
from goodpart_bank_builder.report.pictures import draw_pictures
from goodpart_bank_builder.report.published import load_published


def result(index: int, *, kind: str = "scratch", verdict: Verdict = Verdict.GOOD) -> ImageResult:
    return ImageResult(
        part=f"{kind}/{index:03}",
        path=Path(f"{kind}/{index:03}.png"), kind=kind, is_defective=kind != "good", mask=None, score=float(index),
        p_value=0.5, verdict=verdict,
    )  # fmt: skip


def test_pictures_are_limited_and_the_others_listed():
    images = [result(index) for index in range(MOST_WRONG + 6)]
    images += [result(index, kind="good", verdict=Verdict.DEFECT) for index in range(MOST_WRONG + 1)]
    images += [result(index, kind="good") for index in range(50)] + [
        result(index, verdict=Verdict.DEFECT) for index in range(50, 99)
    ]
    choice = choose_images(images)
    assert [image.score for image in choice.escapes.shown] == list(range(MOST_WRONG))
    assert [image.score for image in choice.escapes.listed] == list(range(MOST_WRONG, MOST_WRONG + 6))
    assert [image.score for image in choice.false_rejects.shown] == list(range(MOST_WRONG, 0, -1))
    assert [(label, image.score) for label, image in choice.kinds[0].shown] == [
        ("lowest score", 50), ("second lowest score", 51), ("typical", 74), ("highest score", 98),
    ]  # fmt: skip
    assert (choice.kinds[0].right, choice.kinds[0].images) == (49, 79)
    assert choice.good is not None
    assert [label for label, _ in choice.good.shown][-2:] == ["second highest score", "highest score"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_few_images_are_shown_once_each(count):
    shown = choose_images([result(index, verdict=Verdict.DEFECT) for index in range(count)]).shown()
    assert [image.score for image in shown] == list(range(count))


def decoded(address: str) -> np.ndarray:
    data = base64.b64decode(address.split(",")[1])
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(int)


def test_the_truth_is_an_outline_around_the_defect(inspector, category):
    images = [
        image for image in evaluate_category(inspector, read_categories(category)[0]).images if image.is_defective
    ]
    drawn = draw_pictures(inspector, images[:1], doing="test")[images[0].path]
    picture, truth = decoded(drawn.picture), decoded(drawn.truth)
    assert (drawn.height_px, drawn.width_px) == picture.shape[:2] == (560, 436)
    changed = np.abs(truth - picture).max(axis=2) > 80
    scale = 560 / 90
    rows, columns = np.flatnonzero(changed.any(axis=1)) / scale, np.flatnonzero(changed.any(axis=0)) / scale
    assert 27 < rows.min() < 30 < 44 < rows.max() < 47
    assert 37 < columns.min() < 40 < 52 < columns.max() < 55
    assert not changed[int(33 * scale) : int(41 * scale), int(43 * scale) : int(49 * scale)].any()


def test_pictures_that_are_too_many_bytes_are_coded_more_coarsely(inspector, category, monkeypatch):
    images = list(evaluate_category(inspector, read_categories(category)[0]).images)
    fine = draw_pictures(inspector, images, doing="test")
    monkeypatch.setattr("goodpart_bank_builder.report.pictures._BUDGET_BYTES", 1)
    coarse = draw_pictures(inspector, images, doing="test")
    assert sum(len(each.picture) for each in coarse.values()) < 0.7 * sum(len(each.picture) for each in fine.values())


def test_published_figures_are_copied_rightly():
    # the averages stand beside the figures in the same tables
    means = {
        ("PatchCore", "ResNet-18"): (0.973, 0.976), ("PatchCore", "Wide ResNet-50"): (0.980, 0.980),
        ("PaDiM", "ResNet-18"): (0.891, 0.968), ("FastFlow", "ResNet-18"): (0.907, 0.968),
        ("CFA", "ResNet-18"): (0.930, 0.979), ("The paper", "ResNet-18"): (0.933, 0.964),
    }  # fmt: skip
    methods = load_published().methods
    assert {(method.name, method.backbone) for method in methods} == set(means)
    for method in methods:
        assert len(method.image_auroc) == len(method.pixel_auroc) == (5 if method.name == "The paper" else 15)
        found = np.mean(list(method.image_auroc.values())), np.mean(list(method.pixel_auroc.values()))
        assert found == pytest.approx(means[method.name, method.backbone], abs=0.0011)


@pytest.mark.parametrize(
    ("folder", "category"),
    [("bottle", "bottle"), ("metal_nut", "metal_nut"), ("Metal Nut", "metal_nut"), ("mvtec_bottle_half", "bottle"),
     ("MVTecAD-metal_nut-v2", "metal_nut"), ("magnetic_tile", None), ("bottle_caps", None), ("mvtec_tiles", None)],
)  # fmt: skip
def test_folders_are_matched_by_whole_words(folder, category):
    assert load_published().match(folder) == category
