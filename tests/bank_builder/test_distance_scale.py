"""A distance on a page stands beside what is usual, and beside that of the threshold."""

import re

from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.text import distance_scale


def test_the_scale_is_the_mean_of_good_patches_and_the_threshold(inspector):
    calibration = inspector.calibration
    said = distance_scale(calibration, pixel_threshold=2.0)
    mean, at = (float(each) for each in re.findall(r"\d\.\d{3}", said))
    assert mean == round(calibration.mean, 3)
    assert at == round(calibration.mean + 2.0 * calibration.std, 3)


def test_every_row_of_places_has_its_scale(inspector, category, tmp_path):
    result = evaluate_category(inspector, read_categories(category)[0])
    text = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    rows = text.count('<div class="places">')
    said = distance_scale(inspector.calibration, pixel_threshold=inspector.pixel_threshold)
    assert rows
    assert text.count(f'<p class="scale-of">Distances: {said}.</p>') == rows
