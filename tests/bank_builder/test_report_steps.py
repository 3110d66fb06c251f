"""Steps of a report: no command where nothing is known, and no interval of scores that set the threshold."""

import dataclasses
from pathlib import Path

import pytest

from broken_bundles import change_json
from goodpart.inspector import Inspector
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import ConclusionKind, conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.marked import Seen
from goodpart_bank_builder.evaluate.metrics import Rate
from goodpart_bank_builder.report.advice import next_steps
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.thresholds import gap_step, lower_threshold_step
from small_results import judged

WIDE = Rate(events=1, of=20, images=20, value=0.05, low=0.001, high=0.249)
BESIDE = Seen(peak=2.0, in_truth=False, truth_peak=1.0)


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


@pytest.fixture
def any_threshold(bundle):
    """The inspector of a bundle that allows any threshold."""
    change_json(bundle / "manifest.json", lambda facts: facts["threshold_range"].update(lowest=-99.0, highest=999.0))
    return Inspector.load(bundle)


def steps_of(inspector, result, passed=(), **given):
    return " ".join(next_steps(inspector.bundle, result, conclude(result), list(passed), lower_threshold=None, **given))


def test_near_identical_pairs_are_told_in_the_steps_and_beside_the_link(inspector, evaluated, tmp_path):
    said = "6 near-identical pairs: the threshold is too low if they show one part"
    assert f"{said}; see the doctor's page." in steps_of(inspector, evaluated, near_identical=6)
    assert "near-identical" not in steps_of(inspector, evaluated)
    results = {"washer": (inspector, evaluated)}
    page = write_report(tmp_path / "report", results, [], doctor_page="../doctor/index.html", near_identical=6)
    assert f"It also shows {said}" in page.read_text(encoding="utf-8")


def test_a_threshold_that_gains_fewer_than_a_tenth_gets_no_command(any_threshold, evaluated, tmp_path):
    said = lower_threshold_step(any_threshold, judged(evaluated, found=95, passed=5), tmp_path)
    assert said is not None
    assert "--value" not in said
    said = lower_threshold_step(any_threshold, judged(evaluated, found=75, passed=25), tmp_path / "tiles")
    assert said is not None
    assert "On the device: `goodpart threshold tiles --value" in said


def test_a_verdict_of_cannot_tell_gets_no_command(any_threshold, evaluated, tmp_path):
    result = judged(evaluated, found=5, passed=15)
    assert conclude(result).kind is ConclusionKind.CANNOT_TELL
    assert "--value" not in (lower_threshold_step(any_threshold, result, tmp_path) or "")


def test_an_empty_gap_offers_the_threshold_in_its_middle(inspector, any_threshold, evaluated, tmp_path):
    said = gap_step(any_threshold, judged(evaluated, found=20, passed=0), tmp_path / "tiles")
    # the highest good part scores 4, the lowest defective one 8
    assert said is not None
    assert "No score lies between 4.00, the highest" in said
    assert "tuned on these images" in said
    assert said.endswith("`goodpart threshold tiles --value 6`")
    # 6 lies outside the range that this bundle states, and the device would refuse it
    refused = gap_step(inspector, judged(evaluated, found=20, passed=0), tmp_path / "tiles")
    assert refused is not None
    assert "--value" not in refused
    assert gap_step(inspector, judged(evaluated, found=15, passed=5), tmp_path) is None


def test_scores_that_set_the_threshold_give_no_interval_for_the_line(inspector, evaluated):
    known = {"false_rejects": WIDE, "escapes": WIDE}
    own = judged(evaluated, found=20, passed=0, held_out_images=20, **known)
    said = steps_of(inspector, own)
    assert "Test other good parts" in said
    assert "near the target by construction" in said
    assert "the rate of false rejects on the line" not in said
    assert any("near the target by construction" in reason for reason in conclude(own).reasons)
    others = judged(evaluated, found=20, passed=0, **known)
    assert "the rate of false rejects on the line" in steps_of(inspector, others)


def test_few_defects_are_too_few_and_not_a_method_that_does_not_fit(evaluated):
    few, many = judged(evaluated, found=3, passed=9), judged(evaluated, found=60, passed=180, passed_from=1.0)
    assert conclude(few).headline.endswith("too few to tell: test more defective parts, photograph more good ones")
    assert "the method does not fit" in conclude(many).headline


@pytest.mark.parametrize(("learned", "offered"), [(99, True), (100, False)])
def test_more_good_pictures_are_a_remedy_where_few_were_learned(inspector, evaluated, learned, offered):
    result = judged(evaluated, found=15, passed=5, train_images=learned, escapes=WIDE)
    said = steps_of(inspector, result, [BESIDE])
    assert ("Photograph more good parts, 100 or more" in said) is offered


def test_the_share_on_the_mark_is_of_those_shown(inspector, evaluated):
    escapes = dataclasses.replace(WIDE, events=5)
    result = judged(evaluated, found=15, passed=5, escapes=escapes)
    assert "In 0 of the 2 shown (of 5) the highest score" in steps_of(inspector, result, [BESIDE] * 2)
    assert "In 0 of 5 of them the highest score" in steps_of(inspector, result, [BESIDE] * 5)


def test_the_note_of_a_patch_on_the_defect_begins_after_a_space():
    macros = Path(write_report.__globals__["__file__"]).parent / "templates" / "macros.html.j2"
    assert "apart(figures.threshold) }}. {% endif %}" in macros.read_text(encoding="utf-8")


def test_more_defects_are_asked_for_only_where_few_were_tested(inspector, evaluated):
    wide = dataclasses.replace(WIDE, events=90, of=232, images=232, value=0.388, low=0.325, high=0.454)
    many = judged(evaluated, found=142, passed=90, escapes=wide)
    assert "Test more defective parts" not in steps_of(inspector, many)
    few = dataclasses.replace(wide, events=36, of=99, images=99)
    assert "Test more defective parts: with 99" in steps_of(
        inspector, judged(evaluated, found=63, passed=36, escapes=few)
    )
