"""Evaluate: MVTec-style folders, complete or not."""

import json
import shutil

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from goodpart.errors import FrameError, UsageError
from goodpart_bank_builder.cli import main
from goodpart_bank_builder.dataset import read_categories
from goodpart_bank_builder.evaluate import evaluate_category
from small_parts import draw_defect, draw_good


@pytest.fixture
def category(tmp_path):
    """A category with 6 good and 5 defective test images, and masks."""
    folder = tmp_path / "data" / "washer"
    for kind, draw in (("good", draw_good), ("block", draw_defect)):
        (folder / "test" / kind).mkdir(parents=True)
        for at in range(6 if kind == "good" else 5):
            cv2.imwrite(str(folder / "test" / kind / f"{at:03}.png"), draw(500 + at)[:, :, ::-1])
    (folder / "ground_truth" / "block").mkdir(parents=True)
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    for at in range(5):
        cv2.imwrite(str(folder / "ground_truth" / "block" / f"{at:03}_mask.png"), mask)
    return folder


def figures_of(inspector, folder):
    return evaluate_category(inspector, read_categories(folder)[0])


def test_figures_are_those_of_scikit_learn_on_the_scores(inspector, category):
    figures = figures_of(inspector, category)
    frames = [draw_defect(500 + at) for at in range(5)] + [draw_good(500 + at) for at in range(6)]
    inspections = [inspector.inspect(frame) for frame in frames]
    assert figures.image_auroc == roc_auc_score([1] * 5 + [0] * 6, [inspection.score for inspection in inspections])
    maps = np.stack([inspection.calibrated_map() for inspection in inspections])
    masks = np.zeros(maps.shape, bool)
    masks[:5, 30:44, 40:52] = True
    assert figures.pixel_auroc == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()))
    assert (figures.train_images, figures.test_images, figures.good_images, figures.defective_images) == (24, 11, 6, 5)
    assert figures.escape_rate == 0.0
    assert figures.notes == ()


def test_the_log_and_the_json_say_the_same(built_bundle, category, tmp_path, capsys):
    out = tmp_path / "metrics.json"
    assert main(["evaluate", str(built_bundle), "--data", str(category), "--json", str(out)]) == 0
    text = capsys.readouterr().out
    result = json.loads(out.read_text())
    row = result["categories"]["washer"]
    assert result["mean"]["image_auroc"] == row["image_auroc"]
    assert "train 24, test 11 (6 good, 5 defective)" in text
    assert "bank (400, 64)" in text
    assert f"image AUROC {row['image_auroc']:.4f}" in text
    assert "UNTRAINED" in text


def test_several_categories_are_matched_by_name_and_missing_bundles_named(built_bundle, category, tmp_path, capsys):
    root, bundles = category.parent, tmp_path / "bundles"
    shutil.copytree(category, root / "bolt")
    shutil.copytree(category, root / "nut")
    for name in ("bolt", "washer"):
        shutil.copytree(built_bundle, bundles / name)
    out = tmp_path / "metrics.json"
    assert main(["evaluate", str(bundles), "--data", str(root), "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    assert sorted(result["categories"]) == ["bolt", "washer"]
    assert result["missing"] == ["nut"]
    captured = capsys.readouterr()
    assert "no bundle for: nut" in captured.err
    assert "[mean of 2]" in captured.out


def test_no_bundle_at_all_is_a_usage_error(category, tmp_path, capsys):
    assert main(["evaluate", str(tmp_path), "--data", str(category)]) == 2
    assert "named washer, found none" in capsys.readouterr().err


def test_a_category_without_defects_says_what_it_cannot_report(inspector, category):
    shutil.rmtree(category / "test" / "block")
    figures = figures_of(inspector, category)
    assert (figures.image_auroc, figures.image_auprc, figures.pixel_auroc, figures.escape_rate) == (None,) * 4
    assert figures.false_reject_rate is not None
    assert "no defective images" in figures.notes[0]


def test_a_category_without_good_test_images_says_so(inspector, category):
    shutil.rmtree(category / "test" / "good")
    figures = figures_of(inspector, category)
    assert figures.image_auroc is None
    assert figures.pixel_auroc is not None
    assert "no good images" in figures.notes[0]


def test_a_category_without_masks_has_no_pixel_auroc(inspector, category):
    shutil.rmtree(category / "ground_truth")
    figures = figures_of(inspector, category)
    assert figures.pixel_auroc is None
    assert figures.image_auroc is not None
    assert figures.notes == ("images without a mask do not count in pixel AUROC: block",)


def test_any_other_folder_name_is_a_defect_kind(inspector, category):
    (category / "test" / "block").rename(category / "test" / "never heard of")
    assert figures_of(inspector, category).defective_images == 5


def test_a_mask_of_another_size_is_named(inspector, category):
    cv2.imwrite(str(category / "ground_truth" / "block" / "002_mask.png"), np.zeros((10, 10), np.uint8))
    with pytest.raises(FrameError, match=r"002_mask\.png: expected a mask of 90x70 pixels like its image, found 10x10"):
        figures_of(inspector, category)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_mask_that_cannot_be_read_is_named(inspector, category, content):
    (category / "ground_truth" / "block" / "002_mask.png").write_bytes(content)
    with pytest.raises(FrameError, match=r"002_mask\.png"):
        figures_of(inspector, category)


def test_coloured_and_16_bit_masks_count_like_grey_ones(inspector, category):
    before = figures_of(inspector, category).pixel_auroc
    changes = [lambda mask: np.dstack([mask * 0, mask // 200, mask * 0]), lambda mask: mask.astype(np.uint16)]
    for at, change in enumerate(changes):
        path = str(category / "ground_truth" / "block" / f"{at:03}_mask.png")
        cv2.imwrite(path, change(cv2.imread(path, cv2.IMREAD_GRAYSCALE)))
    assert figures_of(inspector, category).pixel_auroc == before


def test_masks_of_nested_images_are_their_own(inspector, category):
    before = figures_of(inspector, category).pixel_auroc
    for folder in ("test", "ground_truth"):
        (category / folder / "block" / "a").mkdir()
        for at in (3, 4):
            name = f"{at:03}.png" if folder == "test" else f"{at:03}_mask.png"
            (category / folder / "block" / name).rename(
                category / folder / "block" / "a" / name.replace(f"{at:03}", f"{at - 3:03}")
            )
    assert figures_of(inspector, category).pixel_auroc == pytest.approx(before)


MAKE = {
    "nothing": lambda path: None,
    "empty": lambda path: path.mkdir(),
    "empty test": lambda path: (path / "test").mkdir(parents=True),
}


@pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)
def test_a_folder_that_is_no_category_is_a_usage_error(tmp_path, make):
    make(tmp_path / "odd")
    with pytest.raises(UsageError, match="odd"):
        read_categories(tmp_path / "odd")
