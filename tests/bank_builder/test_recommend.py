"""One threshold is recommended with its reason, or the page says why none can be."""

import dataclasses
import re

import pytest

from broken_bundles import change_json
from goodpart.inspector import Inspector
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.recommend import recommend
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.thresholds import middle_of_gap, threshold_rows
from small_results import THRESHOLD, judged


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


@pytest.fixture
def free(bundle):
    """The inspector of a bundle that allows any threshold."""
    change_json(bundle / "manifest.json", lambda facts: facts["threshold_range"].update(lowest=-99.0, highest=999.0))
    return Inspector.load(bundle)


def at_cost(like, *, escape_cost=10.0, at_threshold=0.1, best=0.05, none=0.1):
    cost = dataclasses.replace(
        like.figures.cost,
        escape_cost=escape_cost,
        best_threshold=2.71,
        best_cost=best,
        cost_at_threshold=at_threshold,
        cost_of_no_inspection=none,
    )
    return dataclasses.replace(like, figures=dataclasses.replace(like.figures, cost=cost))


def test_the_middle_of_an_empty_gap_is_recommended(free, evaluated):
    result = judged(evaluated, found=20, passed=0)
    found = recommend(free, result)
    assert found.threshold == middle_of_gap(result) == 6.0
    assert found.says.startswith("Recommended threshold: 6, because it lies in the middle of the empty gap")
    assert "confirm it on parts that were not used here" in found.says


def test_few_parts_move_no_threshold(free, evaluated):
    found = recommend(free, judged(evaluated, found=10, passed=0))
    assert found.threshold == THRESHOLD
    assert "100 good and 10 defective images are too few to move it" in found.says


def test_one_that_parts_them_already_stays(free, evaluated):
    result = judged(evaluated, found=20, passed=0)
    good = tuple(image for image in result.images if image.is_defective or image.score < THRESHOLD)
    found = recommend(free, dataclasses.replace(result, images=good))
    assert found.threshold == THRESHOLD
    assert "it parts all 97 good from all 20 defective images that were judged" in found.says


def test_without_costs_of_the_line_no_overlap_is_decided(free, evaluated):
    found = recommend(free, at_cost(judged(evaluated, found=75, passed=25, passed_from=1.0)))
    assert found.threshold is None
    assert "give --escape-cost and --defect-rate" in found.says
    assert "leave it at 3.00, which alone is not tuned on these defects" in found.says


@pytest.mark.parametrize(
    ("costs", "threshold", "because"),
    [
        ({}, 2.71, "it costs 0.05 per part and the one in use 0.1"),
        ({"best": 0.095}, THRESHOLD, "no other is a tenth cheaper"),
        ({"at_threshold": 0.3, "best": 0.2}, None, "none is cheaper than no inspection"),
    ],
)
def test_given_costs_decide(free, evaluated, costs, threshold, because):
    costs = {"none": 0.12} | costs
    found = recommend(free, at_cost(judged(evaluated, found=75, passed=25, passed_from=1.0), escape_cost=50.0, **costs))
    assert found.threshold == threshold
    assert "if an escape costs 50" in found.says
    assert because in found.says


def test_nothing_is_recommended_where_nothing_is_known(free, evaluated):
    untrained = judged(evaluated, found=20, passed=0, warning="untrained")
    assert "untrained" in recommend(free, untrained).says
    hopeless = recommend(free, judged(evaluated, found=2, passed=18, passed_from=0.1))
    assert (hopeless.threshold, "does not show" in hopeless.says) == (None, True)


def test_the_page_says_it_and_marks_the_row(inspector, evaluated, tmp_path):
    text = write_report(tmp_path / "report", {"washer": (inspector, evaluated)}, []).read_text(encoding="utf-8")
    plain = re.sub(r"<[^>]+>", "", text)
    said = recommend(inspector, evaluated)
    assert said.says in plain[plain.index("Thresholds") :]
    known = dataclasses.replace(evaluated, figures=dataclasses.replace(evaluated.figures, warning=None))
    marked = recommend(inspector, known).threshold
    page = write_report(tmp_path / "known", {"washer": (inspector, known)}, []).read_text(encoding="utf-8")
    rows = [row for row in threshold_rows(inspector, known) if row.threshold == marked]
    assert page.count('<span class="tag recommended">') == len(rows)
