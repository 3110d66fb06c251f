"""Images of one part are no independent samples: where parts are known, the interval of a rate counts them."""

import dataclasses
import re

import numpy as np
import pytest
from scipy.stats import binomtest

from goodpart.facts.calibration import RateUnit
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.by_part import rates_per
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.metrics import rate_of
from goodpart_bank_builder.report.report import write_report
from small_results import judged


@pytest.mark.parametrize(("events", "of"), [(0, 20), (2, 20), (14, 120), (20, 20), (1, 1)])
def test_one_image_for_each_part_is_the_exact_interval(events, of):
    happened = np.arange(of) < events
    exact = binomtest(events, of).proportion_ci(0.95, method="exact")
    for parts in (None, [str(number) for number in range(of)]):
        rate = rate_of(happened, parts=parts)
        assert (rate.low, rate.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_equal_images_of_a_part_count_once():
    happened = np.repeat(np.arange(30) < 3, 4)
    rate = rate_of(happened, parts=[str(number // 4) for number in range(120)])
    exact = binomtest(3, 30).proportion_ci(0.95, method="exact")
    assert (rate.events, rate.of, rate.value) == (12, 120, 0.1)
    # the variance has the factor 30 / 29
    assert (rate.low, rate.high) == (pytest.approx(exact.low, abs=0.002), pytest.approx(exact.high, abs=0.005))


def test_unlike_images_of_a_part_count_nearly_as_images():
    happened = np.arange(120) % 10 == 0
    alone, grouped = rate_of(happened), rate_of(happened, parts=[str(number // 2) for number in range(120)])
    assert (grouped.low, grouped.high) == (pytest.approx(alone.low, abs=0.01), pytest.approx(alone.high, abs=0.01))


def test_no_event_says_only_as_much_as_there_are_parts():
    rate = rate_of(np.zeros(120, np.bool_), parts=[str(number // 12) for number in range(120)])
    assert rate.high == pytest.approx(binomtest(0, 10).proportion_ci(0.95, method="exact").high)


@pytest.fixture
def grouped(inspector, category):
    """100 good images of 25 parts, of which one is rejected in all its four images."""
    result = judged(evaluate_category(inspector, read_categories(category)[0]), found=20, passed=0)
    good = [image for image in result.images if not image.is_defective]
    images = tuple(
        dataclasses.replace(image, part=f"good/{number // 4}", score=4.0 if number < 4 else 1.0)
        for number, image in enumerate(good)
    ) + tuple(image for image in result.images if image.is_defective)
    rates = rates_per(images, RateUnit.IMAGE)
    figures = dataclasses.replace(
        result.figures,
        false_rejects=rates.false_rejects,
        escapes=rates.escapes,
        rate_unit=RateUnit.IMAGE,
        other_unit=rates_per(images, RateUnit.PART),
    )
    return dataclasses.replace(result, figures=figures, images=images)


def test_the_page_names_the_parts_behind_the_interval(inspector, category, grouped, tmp_path):
    real = evaluate_category(inspector, read_categories(category)[0]).images
    by_kind = {is_bad: [image.path for image in real if image.is_defective is is_bad] for is_bad in (False, True)}
    images = tuple(
        dataclasses.replace(image, path=by_kind[image.is_defective][number % len(by_kind[image.is_defective])])
        for number, image in enumerate(grouped.images)
    )
    result = dataclasses.replace(grouped, images=images)
    text = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    assert "the intervals count parts: 25 good and 20 defective parts" in re.sub(r"\s+", " ", text)
    assert f"95&nbsp;%: {grouped.figures.false_rejects.interval}" in text


def test_without_parts_the_conclusion_says_what_its_interval_takes_for_granted(inspector, category):
    like = evaluate_category(inspector, read_categories(category)[0])
    result = judged(like, found=20, passed=0, other_unit=None)
    scores = [4.0 if number < 26 else 1.0 for number in range(100)]
    good = [image for image in result.images if not image.is_defective]
    from goodpart.scoring.inspection import Verdict

    images = tuple(
        dataclasses.replace(image, score=score, verdict=Verdict.DEFECT if score > 3.0 else Verdict.GOOD)
        for image, score in zip(good, scores, strict=True)
    )
    bad = tuple(image for image in result.images if image.is_defective)
    said = conclude(dataclasses.replace(result, images=(*images, *bad)))
    assert any("lies above the target, if no two images show one part" in reason for reason in said.reasons)
