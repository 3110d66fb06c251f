"""What tests of the bank builder share: a small category to evaluate on."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from small_parts import draw_defect, draw_good


@pytest.fixture
def category(tmp_path: Path) -> Path:
    """A category with 6 good and 5 defective test images, and masks."""
    folder = tmp_path / "data" / "washer"
    for kind, draw in (("good", draw_good), ("block", draw_defect)):
        (folder / "test" / kind).mkdir(parents=True)
        for index in range(6 if kind == "good" else 5):
            cv2.imwrite(str(folder / "test" / kind / f"{index:03}.png"), draw(500 + index)[:, :, ::-1])
    (folder / "ground_truth" / "block").mkdir(parents=True)
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    for index in range(5):
        cv2.imwrite(str(folder / "ground_truth" / "block" / f"{index:03}_mask.png"), mask)
    return folder


@pytest.fixture
def bad_dir(tmp_path: Path) -> Path:
    """Ten defective washers of two kinds; the first has a mask beside it."""
    folder = tmp_path / "photos" / "ng"
    for index in range(10):
        file = folder / ("block" if index % 2 else "dent") / f"{index:02}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(file), draw_defect(900 + index)[:, :, ::-1])
    mask = np.zeros((90, 70), np.uint8)
    mask[30:44, 40:52] = 255
    cv2.imwrite(str(folder / "dent" / "00_mask.png"), mask)
    return folder
