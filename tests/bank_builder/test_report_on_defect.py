"""Where an image scores highest beside its marked defect, the page also shows the defect itself beside good patches."""

import dataclasses
import re

import cv2
import numpy as np
import pytest

from goodpart.frames.images import read_image
from goodpart.inspector import Inspector
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.pictures import LARGE_PX, draw_pictures
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.small_picture import SIDE_PX


@pytest.fixture
def beside(built_bundle, category):
    """An inspector, and the result of a category whose first mask marks the place with the lowest score."""
    with Inspector.load(built_bundle) as inspector:
        image = next(each for each in read_categories(category)[0].images if each.mask is not None)
        grid = inspector.inspect(read_image(image.path, inspector.backbone.spec.frame)).grid
        row, column = divmod(int(grid.argmin()), grid.shape[1])
        mask = np.zeros((90, 70), np.uint8)
        mask[int((row + 0.5) * 90 / grid.shape[0]), int((column + 0.5) * 70 / grid.shape[1])] = 255
        cv2.imwrite(str(image.mask), mask)
        result = evaluate_category(inspector, read_categories(category)[0])
        yield inspector, result, image.path, (row, column)


def test_the_defect_itself_stands_beside_its_nearest_good_patches(beside, tmp_path):
    inspector, result, path, patch = beside
    drawn = draw_pictures(inspector, list(result.images), doing="test")
    assert drawn[path].seen.in_truth is False
    inspection = inspector.inspect(frame := read_image(path, inspector.backbone.spec.frame))
    expected = inspection.explain([patch], frame=frame)[0].nearest
    shown = drawn[path].on_defect
    assert [(name, distance) for name, distance, _ in shown.nearest] == [
        (each.image, each.distance) for each in expected
    ]
    assert shown.place != drawn[path].strip.place
    for other in result.images:
        if other.path != path and drawn[other.path].seen.in_truth is not False:
            assert drawn[other.path].on_defect is None
    text = re.sub(r"\s+", " ", write_report(tmp_path / "r", {"washer": (inspector, result)}, []).read_text())
    card = text.partition(f'alt="Photograph block/{path.name}"')[2].partition("</figure>")[0]
    assert card.count('class="places"') == 2
    assert "The highest patch on the marked defect, and the nearest good patches" in card


def test_few_pictures_are_large_and_every_picture_grows_at_a_click(beside, tmp_path):
    inspector, result, path, _ = beside
    few = draw_pictures(inspector, list(result.images)[:1], doing="test")
    assert {max(each.width_px, each.height_px) for each in few.values()} == {LARGE_PX}
    image = next(each for each in result.images if each.path == path)
    many = [dataclasses.replace(image) for _ in range(49)]
    assert {max(each.width_px, each.height_px) for each in draw_pictures(inspector, many, doing="test").values()} == {
        SIDE_PX
    }
    text = write_report(tmp_path / "r", {"washer": (inspector, result)}, []).read_text()
    # without a script: a label with a picture turns a hidden box on and off
    assert (
        text.count('class="cell"><label><input type="checkbox" autocomplete="off"><img ')
        == text.count('class="cell"')
        > 0
    )
    assert ".cell input:checked + img {" in text
