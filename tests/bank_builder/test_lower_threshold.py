"""A lower threshold: what it would find and reject, and the command that sets it."""

import re
import shlex

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart.cli.main import main
from goodpart.inspector import Inspector
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.by_part import escapes, false_rejects, parts_of
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.report.report import write_report
from goodpart_bank_builder.report.text import with_options
from goodpart_bank_builder.report.thresholds import MORE, NEARLY, lower_threshold_step, lower_thresholds, threshold_rows
from small_results import judged


@pytest.fixture
def evaluated(inspector, category):
    return evaluate_category(inspector, read_categories(category)[0])


def test_it_finds_more_and_rejects_no_more_than_the_target(evaluated):
    # good: 4.0 three times, then 2.475 and less; passed: 2.60 to 2.64
    result = judged(evaluated, found=15, passed=5)
    assert lower_thresholds(result) == {MORE: 2.44}
    parts = parts_of(result.images)
    assert escapes(parts, threshold=2.44).events == 0
    # the target of 5 % allows five of 100
    assert false_rejects(parts, threshold=2.44).events == 5


def test_the_price_of_finding_nearly_all_is_told_where_few_false_rejects_do_not_suffice(evaluated):
    result = judged(evaluated, found=15, passed=5, passed_from=1.0)
    lower = lower_thresholds(result)
    assert list(lower) == [NEARLY]
    parts = parts_of(result.images)
    assert escapes(parts, threshold=lower[NEARLY]).events == 1
    assert false_rejects(parts, threshold=lower[NEARLY]).events > 5


def test_a_threshold_that_rejects_most_good_parts_is_not_recommended(inspector, evaluated, tmp_path):
    result = judged(evaluated, found=15, passed=5, passed_from=1.0)
    said = lower_threshold_step(inspector, result, tmp_path)
    assert said is not None
    assert said.startswith("Another threshold is no way out: 1")
    assert "--value" not in said


@pytest.mark.parametrize("changed", [{"found": 20, "passed": 0}, {"found": 15, "passed": 5, "good": 0}])
def test_without_escapes_or_good_parts_there_is_nothing_to_gain(inspector, evaluated, tmp_path, changed):
    result = judged(evaluated, **changed)
    assert lower_thresholds(result) == {}
    assert lower_threshold_step(inspector, result, tmp_path) is None


def test_the_table_and_the_next_step_say_the_same(inspector, evaluated, tmp_path):
    result = judged(evaluated, found=15, passed=5)
    row = next(row for row in threshold_rows(inspector, result) if row.name == MORE)
    assert (row.tuned, row.in_use) == (True, False)
    said = lower_threshold_step(inspector, result, tmp_path / "bundle")
    assert said is not None
    assert "2.44 finds 20 of 20 defective images and rejects 5 of 100 good images" in said
    # below the range that the bundle states
    assert "The bundle lets a device set 3.23586 to 4.73685 sigmas only" in said
    assert "--value" not in said


def test_the_command_on_the_page_sets_that_threshold(bundle, category, tmp_path, monkeypatch, capsys):
    change_json(bundle / "manifest.json", lambda facts: facts["threshold_range"].update(lowest=-99.0, highest=999.0))
    inspector = Inspector.load(bundle)
    images = evaluate_category(inspector, read_categories(category)[0]).images
    # all defects are found, because a verdict of "cannot tell" gets no command
    lowest = min(image.score for image in images if image.is_defective)
    inspector.threshold = float(np.nextafter(lowest, -np.inf))
    result = evaluate_category(inspector, read_categories(category)[0])
    page = write_report(tmp_path / "report", {"washer": (inspector, result)}, []).read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", "", page)
    command = re.search(r"goodpart threshold .*? --value [0-9.]+[0-9]", text)
    assert command is not None
    assert "no promise for others" in re.sub(r"\s+", " ", text)
    _, *arguments = shlex.split(command.group())
    # the path here is none on the device
    assert arguments[1] == bundle.name
    monkeypatch.chdir(bundle.parent)
    asked = {}
    monkeypatch.setattr("goodpart.cli.threshold._set", lambda bundle, value, pixel: asked.update(value=value))
    assert main(arguments) == 0
    good = [image.score for image in result.images if not image.is_defective]
    bad = [image.score for image in result.images if image.is_defective]
    assert max(good) <= asked["value"] < min(bad) or asked["value"] in lower_thresholds(result).values()


def test_a_command_in_backquotes_is_one_piece_of_code_and_escaped():
    shown = with_options("set it: `goodpart threshold <b> --value 3`; see --group")
    assert shown == (
        'set it: <code class="command">goodpart threshold &lt;b&gt; <code>--value</code> 3</code>; '
        "see <code>--group</code>"
    )
