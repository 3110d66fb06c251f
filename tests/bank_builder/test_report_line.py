"""The line: precision and cost where fewer parts are defective than in the test set, beside no inspection."""

import dataclasses
import re

import numpy as np
import pytest

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.by_part import parts_of, rates_per
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.costs import Costs, cost_curve
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.advice import next_steps
from goodpart_bank_builder.report.line import right_of_rejected, worse_than_no_inspection
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.thresholds import threshold_rows
from small_results import THRESHOLD, judged


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


def consistent(result, costs):
    """The same images with the rates and the cost that follow from them."""
    parts, rates = parts_of(result.images), rates_per(result.images, result.figures.rate_unit)
    curve = cost_curve(
        np.array([part.is_defective for part in parts]),
        np.array([part.score for part in parts]),
        unknown=np.array([part.is_unknown for part in parts]),
        threshold=THRESHOLD,
        costs=costs,
    )
    figures = dataclasses.replace(
        result.figures, cost=curve, false_rejects=rates.false_rejects, escapes=rates.escapes, threshold=THRESHOLD
    )
    return dataclasses.replace(result, figures=figures)


def test_precision_is_said_for_the_share_of_defects_on_the_line(evaluated):
    # 80 % found, 3 % of the good rejected: 0.01 * 0.8 / (0.01 * 0.8 + 0.99 * 0.03) = 0.212
    said = right_of_rejected(consistent(judged(evaluated, found=80, passed=20), Costs()).figures)
    assert said is not None
    assert said.startswith("On a line with 1 % defective parts, about 21 of 100 rejected parts are defective.")
    assert "In this test set 50 % are defective" in said
    half = right_of_rejected(consistent(judged(evaluated, found=80, passed=20), Costs(defect_rate=0.5)).figures)
    assert half is not None
    assert "about 96 of 100" in half


def test_without_a_false_reject_the_upper_end_of_the_interval_counts(evaluated):
    result = judged(evaluated, found=100, passed=0)
    images = tuple(
        dataclasses.replace(image, score=2.0, verdict=Verdict.GOOD) if not image.is_defective else image
        for image in result.images
    )
    figures = consistent(dataclasses.replace(result, images=images), Costs()).figures
    # 0 of 100: the interval ends at 3.62 %; 0.01 / (0.01 + 0.99 * 0.0362) = 0.218
    said = right_of_rejected(figures)
    assert said is not None
    assert "at least 22 of 100 rejected parts" in said
    assert "this is the upper end of the interval" in said


def test_where_nothing_is_found_nothing_is_said_of_precision(evaluated):
    assert right_of_rejected(consistent(judged(evaluated, found=0, passed=20), Costs()).figures) is None
    assert right_of_rejected(dataclasses.replace(evaluated.figures, cost=None)) is None


def test_a_threshold_dearer_than_no_inspection_says_so_and_what_the_cheapest_costs(inspector, evaluated):
    # an escape costs as much as a false reject: 0.99 * 0.03 + 0.01 * 0.2 against 0.01
    dear = consistent(judged(evaluated, found=80, passed=20), Costs(escape_cost=1.0))
    said = worse_than_no_inspection(dear)
    assert said is not None
    assert said.startswith("The threshold in use costs 0.0317 per part, no inspection at all 0.01,")
    assert "The cheapest threshold in this test set" in said
    assert re.search(r"costs \S+ and lets \d+ of 100 defective images pass\.", said)
    assert said in next_steps(inspector.bundle, dear, conclude(dear), [], lower_threshold=None)
    cheap = consistent(judged(evaluated, found=80, passed=20), Costs())
    assert worse_than_no_inspection(cheap) is None


def test_where_no_threshold_is_cheaper_than_no_inspection_it_is_said(evaluated):
    # defective parts score below all good ones
    upside_down = consistent(judged(evaluated, found=0, passed=20, passed_from=-9.0), Costs())
    said = worse_than_no_inspection(upside_down)
    assert said is not None
    assert "No other threshold is cheaper than no inspection either." in said


def test_cheapest_is_shown_beside_no_inspection_and_names_the_options(inspector, evaluated, tmp_path):
    row = next(row for row in threshold_rows(inspector, evaluated) if row.name == "Cheapest")
    for words in ("no inspection 0.1 (every defect escapes)", "rejecting all 0.99", "--escape-cost", "--defect-rate"):
        assert words in row.basis
    page = write_report(tmp_path / "report", {"washer": (inspector, evaluated)}, []).read_text(encoding="utf-8")
    assert "no inspection, cost 0.100" in page
    assert "On a line with 1 % defective parts" in page
