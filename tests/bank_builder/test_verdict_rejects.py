"""The verdict takes false rejects into account: finding all defects is no success where good parts are rejected."""

import dataclasses
import json
import re

import pytest

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import ConclusionKind, conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.metrics import rate_of
from goodpart_bank_builder.report.report import write_report
from small_results import judged


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


def rejecting(like, *, rejected, good, passed=0, **figures):
    """Twenty defective parts, `passed` of which pass, and so many good ones, of which some are rejected."""
    result = judged(like, found=20 - passed, passed=passed, good=good, **figures)
    last = [image.path for image in result.images if not image.is_defective][:rejected]
    images = tuple(
        image if image.is_defective else dataclasses.replace(image, **(_rejected if image.path in last else _accepted))
        for image in result.images
    )
    return dataclasses.replace(result, images=images)


_rejected = {"score": 4.0, "verdict": Verdict.DEFECT}
_accepted = {"score": 1.0, "verdict": Verdict.GOOD}


@pytest.mark.parametrize(
    ("rejected", "good", "kind"),
    [
        (1, 20, ConclusionKind.FINDS_THEM),  # the target
        (2, 20, ConclusionKind.REJECTS_GOOD),  # twice the target
        (7, 120, ConclusionKind.FINDS_THEM),  # above the target, and chance may do it
        (13, 120, ConclusionKind.REJECTS_GOOD),  # the interval lies above the target
        (91, 100, ConclusionKind.NOT_READY),
    ],
)
def test_false_rejects_decide_the_colour(evaluated, rejected, good, kind):
    assert conclude(rejecting(evaluated, rejected=rejected, good=good)).kind is kind


def test_two_of_twenty_stand_in_the_first_words_and_prove_little(evaluated):
    said = conclude(rejecting(evaluated, rejected=2, good=20))
    assert said.title.startswith("finds them, but rejects 2 of 20 good images (10.0 %, target 5 %): 20 of 20 defective")
    assert said.headline.startswith("finds them, but rejects 2 of 20 good images (10.0 %, target 5 %): look at good/00")
    assert [path.parent.name for path in said.look_at] == ["good", "good"]
    assert "20 good images prove little: on the line anything from 1.2 to 31.7 % may be rejected; test more" in (
        said.reasons
    )


def test_many_false_rejects_are_more_than_chance(evaluated):
    said = conclude(rejecting(evaluated, rejected=26, good=140))
    sure = "that is more than chance: the whole 95 % interval, 12.5 to 26.0 %, lies above the target"
    assert rate_of_reasons(said) == [f"{sure}, if no two images show one part"]


def rate_of_reasons(said):
    return [reason for reason in said.reasons if "95 % interval" in reason or "prove little" in reason]


def test_a_rejection_that_says_nothing_is_red(evaluated):
    said = conclude(rejecting(evaluated, rejected=91, good=100))
    assert said.title.startswith("not ready: it finds them, but rejects 91 of 100 good images (91.0 %")


def test_escapes_and_false_rejects_stand_together(evaluated):
    said = conclude(rejecting(evaluated, rejected=26, good=140, passed=6))
    assert said.title.startswith(
        "not ready: 6 of 20 defective images pass as GOOD, and it rejects 26 of 140 good images (18.6 %, target 5 %)"
    )
    assert said.look_at[0].parent.name == "scratch"
    assert said.look_at[-1].parent.name == "good"


def test_page_and_json_say_the_same(inspector, category, evaluated, tmp_path):
    result = rejecting(evaluated, rejected=2, good=20)
    # the page draws pictures, so the images must exist
    paths = [image.path for image in evaluated.images if not image.is_defective]
    images = tuple(
        dataclasses.replace(image, path=paths[number % len(paths)], mask=None)
        for number, image in enumerate(image for image in result.images)
    )
    result = dataclasses.replace(
        result, figures=dataclasses.replace(result.figures, false_rejects=rate_of_two_of_twenty()), images=images
    )
    text = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    box = text[text.index('id="conclusion"') :]
    assert box.startswith('id="conclusion" class="conclusion rejects_good"')
    assert "Finds them, but rejects 2 of 20 good images (10.0 %, target 5 %)" in re.sub(r"\s+", " ", box[:400])


def rate_of_two_of_twenty():
    import numpy as np

    return rate_of(np.arange(20) < 2)


def test_the_kind_stands_in_json(built_bundle, category, tmp_path):
    target = tmp_path / "metrics.json"
    assert main(["evaluate", str(built_bundle), "--data", str(category), "--json", str(target)]) == 0
    plain = json.loads(target.read_text())["categories"]["washer"]["conclusion"]
    assert plain["kind"] in [kind.value for kind in ConclusionKind]
