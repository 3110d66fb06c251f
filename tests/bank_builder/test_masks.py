"""Masks: what they may look like, what is odd about them, and pixels that never count."""

import dataclasses

import cv2
import numpy as np
import pytest

from goodpart.errors import FrameError
from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from small_parts import RGB, draw_good


def figures_of(inspector, folder):
    return evaluate_category(inspector, read_categories(folder)[0]).figures


def test_a_mask_of_another_size_is_named(inspector, category):
    cv2.imwrite(str(category / "ground_truth" / "block" / "002_mask.png"), np.zeros((10, 10), np.uint8))
    with pytest.raises(FrameError, match=r"002_mask\.png: expected a mask of 90x70 pixels like its image, found 10x10"):
        figures_of(inspector, category)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_a_mask_that_cannot_be_read_is_named(inspector, category, content):
    (category / "ground_truth" / "block" / "002_mask.png").write_bytes(content)
    with pytest.raises(FrameError, match=r"002_mask\.png"):
        figures_of(inspector, category)


def test_masks_that_hardly_mean_what_they_say_are_noted(inspector, category):
    masks = {
        0: np.zeros((90, 70), np.uint8),
        1: np.zeros((90, 70), np.uint8),
        2: np.full((90, 70), 255, np.uint8),
        4: np.dstack([np.full((90, 70), 255, np.uint8)] * 3 + [np.zeros((90, 70), np.uint8)]),
    }
    for index, mask in masks.items():
        cv2.imwrite(str(category / "ground_truth" / "block" / f"{index:03}_mask.png"), mask)
    *odd, suspicion = figures_of(inspector, category).notes
    assert "below 0.5: do their masks belong to other images" in suspicion
    assert odd == [
        "masks all black, so that every pixel of a defective image counts as good: 2, such as block/000_mask.png",
        "masks all white, so that every pixel counts as defective: 2, such as block/002_mask.png",
        "masks with an alpha channel, which is not used: 1, such as block/004_mask.png",
    ]


def test_coloured_and_16_bit_masks_count_like_grey_ones(inspector, category):
    before = figures_of(inspector, category).pixel_auroc
    changes = [lambda mask: np.dstack([mask * 0, mask // 200, mask * 0]), lambda mask: mask.astype(np.uint16)]
    for index, change in enumerate(changes):
        path = str(category / "ground_truth" / "block" / f"{index:03}_mask.png")
        cv2.imwrite(path, change(cv2.imread(path, cv2.IMREAD_GRAYSCALE)))
    assert figures_of(inspector, category).pixel_auroc == before


def test_masks_of_nested_images_are_their_own(inspector, category):
    before = figures_of(inspector, category).pixel_auroc
    for folder in ("test", "ground_truth"):
        (category / folder / "block" / "a").mkdir()
        for index in (3, 4):
            name = f"{index:03}.png" if folder == "test" else f"{index:03}_mask.png"
            (category / folder / "block" / name).rename(
                category / folder / "block" / "a" / name.replace(f"{index:03}", f"{index - 3:03}")
            )
    assert figures_of(inspector, category).pixel_auroc == pytest.approx(before)


ROI = Roi(y_px=10, x_px=6, height_px=64, width_px=48)


@pytest.fixture(params=["region of interest", "ignore mask"])
def half_blind(request, export_tiny, good_dir, tmp_path):
    """An Inspector for which pixels outside a region of interest or under an ignore mask never count."""
    with_mask = request.param == "ignore mask"
    ignore = np.zeros((90, 70), np.uint8)
    ignore[:20] = 255
    cv2.imwrite(str(tmp_path / "ignore.png"), ignore)
    config = BuildSettings(
        good_dir=good_dir,
        backbone=export_tiny(frame=RGB if with_mask else dataclasses.replace(RGB, roi=ROI)),
        out=tmp_path / "bundle",
        ignore=tmp_path / "ignore.png" if with_mask else None,
        false_reject_rate=0.1,
    )
    build_bundle(config)
    return Inspector.load(config.out)


def test_pixels_that_never_count_are_left_out(half_blind, category):
    ignored = half_blind.inspect(draw_good(0)).ignored_map()
    assert 0.2 < ignored.mean() < 0.6
    before = figures_of(half_blind, category)
    assert before.notes == ()
    mask = np.where(ignored, 255, 0).astype(np.uint8)
    cv2.imwrite(str(category / "ground_truth" / "block" / "002_mask.png"), mask)
    assert (
        "masks with no defect outside the ignored pixels, so that none of it counts: 1, such as block/002_mask.png"
        in figures_of(half_blind, category).notes
    )
    mask[30:44, 40:52] = 255
    cv2.imwrite(str(category / "ground_truth" / "block" / "002_mask.png"), mask)
    found = figures_of(half_blind, category)
    assert dataclasses.replace(found, notes=()) == before


def edit(category, change):
    for path in sorted((category / "ground_truth" / "block").iterdir()):
        cv2.imwrite(str(path), change(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))


def test_grey_rims_count_as_defective_and_are_noted(inspector, category):
    before = figures_of(inspector, category)
    edit(category, lambda mask: cv2.blur(mask, (3, 3)))
    after = figures_of(inspector, category)
    assert before.notes == ()
    # the blur widens 14x12 pixels to 16x14, of which the outer two rings are grey
    assert after.notes == (
        "masks with grey pixels, which count as defective: 5, such as block/000_mask.png; 46 % of all marked pixels",
    )


def test_inverted_masks_are_suspected(inspector, category):
    edit(category, lambda mask: 255 - mask)
    found = figures_of(inspector, category)
    assert found.notes[0] == (
        "masks that mark more than half of the picture; are black and white exchanged?: 5, such as block/000_mask.png"
    )
    assert found.notes[1].startswith("pixel AUROC within the defective images is 0.")
    assert "below 0.5: do their masks belong to other images" in found.notes[1]


def test_masks_of_other_images_are_suspected(inspector, category):
    moved = np.zeros((90, 70), np.uint8)
    moved[2:12, 2:12] = 255
    edit(category, lambda mask: moved)
    (note,) = figures_of(inspector, category).notes
    assert "below 0.5: do their masks belong to other images" in note


def test_masks_that_belong_to_no_image_are_named(inspector, category):
    (category / "test" / "block" / "003.png").unlink()
    assert figures_of(inspector, category).notes == ("masks that belong to no image: 1, such as block/003_mask.png",)


def test_black_masks_of_good_images_are_no_news_and_others_are(inspector, category):
    (category / "ground_truth" / "good").mkdir()
    for at in range(6):
        cv2.imwrite(str(category / "ground_truth" / "good" / f"{at:03}_mask.png"), np.zeros((90, 70), np.uint8))
    assert figures_of(inspector, category).notes == ()
    cv2.imwrite(str(category / "ground_truth" / "good" / "002_mask.png"), np.eye(90, 70, dtype=np.uint8) * 255)
    assert figures_of(inspector, category).notes == (
        "masks of good images that mark a defect, which counts as one in pixel metrics: 1, such as good/002_mask.png",
    )
