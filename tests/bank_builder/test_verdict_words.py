"""The verdict in words: many escapes are an alarm, one interval stands everywhere, and a target is no promise."""

import dataclasses
import re

import pytest

from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import ConclusionKind, conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.report import write_report
from small_results import judged


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


@pytest.mark.parametrize(
    ("found", "passed", "kind"),
    [
        (20, 0, ConclusionKind.FINDS_THEM),
        (19, 1, ConclusionKind.FINDS_THEM),
        (16, 4, ConclusionKind.FINDS_MOST),
        (15, 5, ConclusionKind.NOT_READY),
        (12, 8, ConclusionKind.NOT_READY),
        (9, 11, ConclusionKind.CANNOT_TELL),
    ],
)
def test_escapes_decide_how_loud_the_verdict_is(evaluated, found, passed, kind):
    said = conclude(judged(evaluated, found=found, passed=passed))
    assert said.kind is kind


def test_many_escapes_are_counted_in_the_first_words(evaluated):
    said = conclude(judged(evaluated, found=12, passed=8))
    assert said.title == "not ready: 8 of 20 defective images pass as GOOD (escapes: 95 % interval 19.1 to 63.9 %)"
    assert said.headline.startswith("not ready: 8 of 20 defective images pass as GOOD: look at scratch/")
    assert "and 5 more" in said.headline


def test_a_target_is_called_a_promise_only_where_it_is_proven(evaluated):
    target = "; ".join(conclude(judged(evaluated, found=12, passed=8)).reasons)
    assert "target 5 %" in target
    assert "promise" not in target
    proven = "; ".join(conclude(judged(evaluated, found=12, passed=8, target_is_proven=True)).reasons)
    assert "promised 5 %" in proven
    assert "target" not in proven


def test_a_split_proves_its_rate(inspector, category, monkeypatch):
    assert not evaluate_category(inspector, read_categories(category)[0]).figures.target_is_proven
    split = dataclasses.replace(inspector.calibration, method=CalibrationMethod.SPLIT, unit=RateUnit.PART)
    monkeypatch.setattr(inspector, "calibration", split)
    assert evaluate_category(inspector, read_categories(category)[0]).figures.target_is_proven


def test_a_page_holds_one_interval_of_the_escapes(inspector, evaluated, tmp_path):
    result = evaluated
    text = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    begin = text.index('id="conclusion"')
    assert conclude(result).kind.name.lower() in text[begin : begin + 60]
    said = re.findall(r"escapes: 95 % interval ([^)]*)", text)
    assert set(said) <= {result.figures.escapes.interval}


def test_the_overview_marks_what_is_not_ready(inspector, evaluated, tmp_path):
    both = {"a": (inspector, evaluated), "b": (inspector, evaluated)}
    text = write_report(tmp_path / "report", both, []).read_text(encoding="utf-8")
    kind = conclude(evaluated).kind
    assert text.count(f'<span class="kind {kind.name.lower()}">{kind.value}</span>') == 2
