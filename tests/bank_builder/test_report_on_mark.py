"""Found defects: how many score highest on the marked place, and what is called a part or an image."""

import dataclasses

import numpy as np
import pytest

from goodpart.facts.calibration import RateUnit
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.marked import look_where
from goodpart_bank_builder.evaluate.summary import summary
from goodpart_bank_builder.report.report import write_report
from small_parts import draw_defect
from small_results import judged

UNGROUPED = "Every image counts as a part of its own."


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


def marked(result, *, beside):
    """The same result, of whose found defects so many score highest beside their mark, and all others on it."""
    left, images = beside, []
    for image in result.images:
        found = image.verdict is Verdict.DEFECT and image.is_defective
        images.append(dataclasses.replace(image, on_mark=left <= 0) if found else image)
        left -= found
    return dataclasses.replace(result, images=tuple(images))


def reasons(result):
    return " / ".join(conclude(result).reasons)


def test_found_for_another_reason_is_counted_and_said_what_it_means(evaluated):
    result = judged(evaluated, found=20, passed=0)
    assert "marked place" not in reasons(result)
    assert "20 of 20 found defects with a mask score highest on the marked place /" in reasons(marked(result, beside=0))
    said = reasons(marked(result, beside=3))
    assert (
        "17 of 20 found defects with a mask score highest on the marked place; the other 3 score highest elsewhere"
        in said
    )
    assert "they do not show that such a defect is found on a clean part" in said
    assert "the other scores highest elsewhere" in reasons(marked(result, beside=1))


def test_an_evaluation_compares_the_highest_patch_with_the_mask(inspector, evaluated, category):
    defective = [image for image in evaluated.images if image.mask is not None]
    assert defective
    assert all(image.on_mark is not None for image in defective)
    assert all(image.on_mark is None for image in evaluated.images if image.mask is None)
    plain = summary({"washer": evaluated}, [], data=category)["categories"]["washer"]["images"]
    assert [image["on_mark"] for image in plain] == [image.on_mark for image in evaluated.images]


def test_on_the_mark_means_the_highest_patch_or_its_neighbour_touches_it(inspector):
    a_frame = draw_defect(500)
    inspection = inspector.inspect(a_frame)
    patch = inspection.strongest
    mask = np.zeros(a_frame.shape[:2], bool)
    mask[patch.y_px + patch.height_px // 2, patch.x_px + patch.width_px // 2] = True
    seen = look_where(inspection, mask)
    assert (seen.in_truth, seen.truth_peak) == (True, pytest.approx(patch.peak))
    assert seen.truth_patch == divmod(int(inspection.grid.argmax()), inspection.grid.shape[1])
    beside = np.zeros_like(mask)
    beside[patch.y_px + patch.height_px // 2, patch.x_px - patch.width_px // 2] = True
    assert look_where(inspection, beside).in_truth is True
    far = np.zeros_like(mask)
    far[patch.y_px + patch.height_px // 2, patch.x_px - 2 * patch.width_px] = True
    assert look_where(inspection, far).in_truth is False
    lowest = divmod(int(inspection.grid.argmin()), inspection.grid.shape[1])
    elsewhere = np.zeros_like(mask)
    height, width = (side / cells for side, cells in zip(mask.shape, inspection.grid.shape, strict=True))
    elsewhere[int((lowest[0] + 0.5) * height), int((lowest[1] + 0.5) * width)] = True
    seen = look_where(inspection, elsewhere)
    assert (seen.in_truth, seen.truth_patch) == (False, lowest)
    assert seen.truth_peak == pytest.approx(float(inspection.grid.min()))


def test_those_found_beside_the_mark_are_named_on_the_page(inspector, evaluated, tmp_path):
    found = [image for image in evaluated.images if image.is_defective and image.verdict is Verdict.DEFECT]
    images = tuple(dataclasses.replace(image, on_mark=False) if image in found else image for image in evaluated.images)
    result = dataclasses.replace(evaluated, images=images)
    page = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    listed = page.split(f"{len(found)} found beside the mark")[1].split("</ul>")[0]
    assert listed.count(".png") == len(found)


def test_images_are_not_called_parts(inspector, evaluated, tmp_path):
    images = judged(evaluated, found=20, passed=0, rate_unit=RateUnit.IMAGE)
    assert "20 of 20 defective images found" in conclude(images).headline
    assert "3 of 100 good images are rejected" in reasons(images)
    parts = judged(evaluated, found=20, passed=0, rate_unit=RateUnit.PART)
    assert "20 of 20 defective parts found" in conclude(parts).headline


def test_a_page_says_that_every_image_counts_as_a_part(inspector, evaluated, tmp_path):
    assert evaluated.figures.is_ungrouped
    page = write_report(tmp_path / "one", {"washer": (inspector, evaluated)}, []).read_text(encoding="utf-8")
    assert UNGROUPED in page
    grouped = dataclasses.replace(
        evaluated.figures, other_unit=dataclasses.replace(evaluated_unit(evaluated), unit=RateUnit.PART)
    )
    result = dataclasses.replace(evaluated, figures=grouped)
    page = write_report(tmp_path / "two", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    assert UNGROUPED not in page


def evaluated_unit(result):
    from goodpart_bank_builder.evaluate.by_part import rates_per

    return rates_per(result.images, RateUnit.IMAGE)
