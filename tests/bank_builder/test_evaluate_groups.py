"""Evaluate by part: several images show one part, and rates count parts as the line and the promise do."""

import json
import shutil

import cv2
import pytest

from broken_bundles import change_json
from goodpart.errors import UsageError
from goodpart.facts.calibration import RateUnit
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.conclusion import conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.evaluation_log import category_lines
from small_parts import draw_defect, draw_good

GROUP = r"part(\d+)_"


@pytest.fixture(scope="module")
def per_part(built_bundle, tmp_path_factory):
    """The bundle with a rate per part. Its images show a part each, so that thresholds are the same in both units."""
    folder = shutil.copytree(built_bundle, tmp_path_factory.mktemp("per_part") / "washer")
    change_json(folder / "calibration.json", lambda facts: facts.update(unit="part"))
    return folder


@pytest.fixture(scope="module")
def inspector(per_part):
    with Inspector.load(per_part) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def per_image(built_bundle):
    with Inspector.load(built_bundle) as loaded:
        yield loaded


@pytest.fixture
def views(category):
    """Three good parts and two defective ones, each seen in two views.

    Good part 1 is rejected by its second view. Defective part 0 shows its defect in one view, part 1 in none.
    """
    shutil.rmtree(category / "test")
    shutil.rmtree(category / "ground_truth")
    pictures = {
        "good": [(0, draw_good), (0, draw_good), (1, draw_good), (1, draw_defect), (2, draw_good), (2, draw_good)],
        "block": [(0, draw_good), (0, draw_defect), (1, draw_good), (1, draw_good)],
    }
    for kind, drawn in pictures.items():
        (category / "test" / kind).mkdir(parents=True)
        for number, (part, draw) in enumerate(drawn):
            file = category / "test" / kind / f"part{part}_{number}.png"
            cv2.imwrite(str(file), draw(700 + number)[:, :, ::-1])
    return category


def test_a_good_part_is_rejected_when_any_of_its_images_is(inspector, views):
    figures = evaluate_category(inspector, read_categories(views, group=GROUP)[0]).figures
    alone = evaluate_category(inspector, read_categories(views)[0]).figures
    assert (figures.false_rejects.of, figures.false_rejects.images) == (3, 6)
    assert (alone.false_rejects.of, alone.false_rejects.images) == (6, 6)
    assert figures.false_rejects.value >= alone.false_rejects.value > 0
    assert figures.false_rejects.high - figures.false_rejects.low > alone.false_rejects.high - alone.false_rejects.low


def test_rates_are_those_of_the_verdicts_part_by_part(inspector, views):
    result = evaluate_category(inspector, read_categories(views, group=GROUP)[0])
    parts = {}
    for image in result.images:
        parts.setdefault((image.kind, image.path.name[:5]), []).append(image.verdict is Verdict.GOOD)
    rejected = [not all(good) for (kind, _), good in parts.items() if kind == "good"]
    passed = [all(good) for (kind, _), good in parts.items() if kind == "block"]
    figures = result.figures
    assert (figures.false_rejects.events, figures.false_rejects.of) == (sum(rejected), 3)
    assert (figures.escapes.events, figures.escapes.of, figures.escapes.images) == (sum(passed), 2, 4)
    assert figures.kinds["block"].escapes == figures.escapes
    assert figures.cost.cost_at_threshold == pytest.approx(
        0.99 * figures.false_rejects.value + 0.01 * 10 * figures.escapes.value
    )


def test_a_defective_part_escapes_only_when_all_of_its_images_pass(inspector, views):
    by_image = evaluate_category(inspector, read_categories(views)[0]).figures
    by_part = evaluate_category(inspector, read_categories(views, group=GROUP)[0]).figures
    assert by_image.escapes.events == 3
    assert by_part.escapes.events == 1


def test_what_is_measured_on_images_and_pixels_stays(inspector, views):
    by_image, by_part = (
        evaluate_category(inspector, read_categories(views, group=group)[0]).figures for group in (None, GROUP)
    )
    for name in ("image_auroc", "image_auprc", "image_best_f1", "pixel_auroc", "test_images", "good_images"):
        assert getattr(by_part, name) == getattr(by_image, name), name


def test_a_part_with_an_image_that_cannot_be_judged_is_rejected(inspector, views):
    cv2.imwrite(str(views / "test" / "block" / "part1_2.png"), draw_good(702) * 0 + 77)
    figures = evaluate_category(inspector, read_categories(views, group=GROUP)[0]).figures
    assert figures.escapes.of == 2
    assert figures.escapes.events == 0


def test_images_of_two_kinds_never_show_one_part(views):
    parts = {image.part for image in read_categories(views, group=GROUP)[0].images}
    assert parts == {"good/0", "good/1", "good/2", "block/0", "block/1"}


def test_running_numbers_tell_parts(views):
    images = read_categories(views, group=r"_(\d+)\.", group_gap=1)[0].images
    assert {image.part for image in images} == {"good/0", "block/0"}


def test_groups_that_cannot_be_are_refused(views):
    with pytest.raises(UsageError, match="--group 'none': expected a match in every image's name"):
        read_categories(views, group="none")
    with pytest.raises(UsageError, match="--group-gap: expected 0 or more, found -1"):
        read_categories(views, group=GROUP, group_gap=-1)


def test_log_json_and_report_name_the_unit(per_part, views, tmp_path, capsys):
    target, report = tmp_path / "m.json", tmp_path / "report"
    command = ["evaluate", str(per_part), "--data", str(views), "--group", GROUP]
    assert main([*command, "--json", str(target), "--report", str(report)]) == 0
    row = json.loads(target.read_text())["categories"]["washer"]
    assert (row["false_rejects"]["of"], row["false_rejects"]["images"]) == (3, 6)
    assert row["images"][0]["part"] == "block/0"
    log = capsys.readouterr().out
    assert "of 3 parts (6 images), 95 % interval" in log
    assert "escapes 0.5000 (1 of 2 parts (4 images), 95 %" in log
    page = (report / "index.html").read_text()
    assert "of 3 parts (6 images)" in page
    assert "1 <small>of 2 parts (4 images)</small>" in page


def test_without_groups_the_log_counts_images_as_before(inspector, views):
    figures = evaluate_category(inspector, read_categories(views)[0]).figures
    assert "parts (" not in "\n".join(category_lines("washer", figures))
    assert figures.other_unit is None


def test_rates_are_those_of_the_bundles_unit_and_the_other_unit_stands_beside_them(inspector, per_image, views):
    by_part, by_image = (
        evaluate_category(one, read_categories(views, group=GROUP)[0]) for one in (inspector, per_image)
    )
    assert (by_image.figures.rate_unit, by_part.figures.rate_unit) == (RateUnit.IMAGE, RateUnit.PART)
    assert (by_image.figures.false_rejects.events, by_image.figures.false_rejects.of) == (1, 6)
    assert (by_image.figures.escapes.events, by_image.figures.escapes.of) == (3, 4)
    assert by_image.figures.kinds["block"].escapes == by_image.figures.escapes
    for own, other in ((by_image, by_part), (by_part, by_image)):
        rates = own.figures.other_unit
        assert rates.unit is other.figures.rate_unit
        assert (rates.false_rejects, rates.escapes) == (other.figures.false_rejects, other.figures.escapes)
    assert by_image.figures.cost == by_part.figures.cost


def test_the_log_says_the_promises_own_unit_first(per_image, views):
    figures = evaluate_category(per_image, read_categories(views, group=GROUP)[0]).figures
    own, other = (line for line in category_lines("washer", figures) if "at the threshold" in line)
    assert own.startswith("  at the threshold, per image, the unit of the target: false rejects 0.1667 (1 of 6, ")
    assert other.startswith("  at the threshold, per part: false rejects 0.3333 (1 of 3 parts (6 images), ")


def test_the_conclusion_measures_the_promise_in_its_own_unit(inspector, per_image, views):
    reasons = {}
    for one in (inspector, per_image):
        result = evaluate_category(one, read_categories(views, group=GROUP)[0])
        reasons[one.calibration.unit] = conclude(result).reasons
    assert "1 of 6 good images are rejected (16.7 %); target 10 %" in reasons[RateUnit.IMAGE]
    assert "by part: 1 of 3 good parts" in reasons[RateUnit.IMAGE]
    assert "1 of 3 good parts are rejected (33.3 %); target 10 %" in reasons[RateUnit.PART]
    assert "by image: 1 of 6 good images" in reasons[RateUnit.PART]


def test_the_report_says_what_it_counts(built_bundle, views, tmp_path):
    command = [
        "evaluate",
        str(built_bundle),
        "--data",
        str(views),
        "--group",
        GROUP,
        "--report",
        str(tmp_path / "page"),
    ]
    assert main(command) == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert "defective images that passed" in page
    assert "3 of 4 defective images passed" in page
    assert "1 of 6 good images were rejected" in page
