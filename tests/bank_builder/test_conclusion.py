"""The conclusion: it claims no more than the parts show."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from goodpart.scoring.inspection import Verdict
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.evaluate.chance import auroc_interval, could_be_chance, fewest_that_prove
from goodpart_bank_builder.evaluate.conclusion import ConclusionKind, conclude
from goodpart_bank_builder.evaluate.evaluate import evaluate_category
from goodpart_bank_builder.evaluate.figures import CategoryFigures, CategoryResult, ImageResult

THRESHOLD = 3.0
GOOD = [*np.linspace(0.5, 2.9, 114), *np.linspace(3.1, 4.0, 6)]


@pytest.fixture(scope="session")
def figures(built_bundle, good_dir, tmp_path_factory):
    """Figures of a real evaluation; tests replace the images behind them."""
    from goodpart.inspector import Inspector

    folder = tmp_path_factory.mktemp("category")
    (folder / "test").mkdir()
    (folder / "test" / "good").symlink_to(good_dir)
    figures = evaluate_category(Inspector.load(built_bundle, threads=1), read_categories(folder)[0]).figures
    return dataclasses.replace(figures, target_rate=0.05, warning=None)


def image(index, score, *, kind, verdict=None, part=None):
    judged = Verdict.DEFECT if score > THRESHOLD else Verdict.GOOD
    return ImageResult(
        path=Path(f"{kind}/{index:03}.png"),
        part=f"{kind}/{index if part is None else part}",
        kind=kind,
        is_defective=kind != "good",
        mask=None,
        score=float(score),
        p_value=0.5,
        verdict=judged if verdict is None else verdict,
    )


def result(figures: CategoryFigures, good, defective, **changed) -> CategoryResult:
    images = [image(index, score, kind="good") for index, score in enumerate(good)]
    images += [image(index, score, kind="scratch") for index, score in enumerate(defective)]
    return CategoryResult(figures=dataclasses.replace(figures, **changed), images=tuple(images))


def test_all_defects_above_the_threshold_are_found_and_it_says_how_sure_that_is(figures):
    found = conclude(result(figures, GOOD, [8.0] * 10))
    assert found.kind is ConclusionKind.FINDS_THEM
    # Clopper and Pearson: 1 - 0.025 ** (1 / 10) = 0.308
    assert found.headline == "finds them: 10 of 10 defective images found (escapes: 95 % interval 0.0 to 30.8 %)"
    assert found.look_at == ()
    assert "6 of 120 good images are rejected (5.0 %); target 5 %" in found.reasons


def test_escapes_are_named_lowest_score_first(figures):
    found = conclude(result(figures, GOOD, [8.0] * 8 + [2.5, 2.0]))
    assert found.kind is ConclusionKind.FINDS_MOST
    assert found.headline.startswith("finds most: look at scratch/009.png, scratch/008.png (8 of 10 defective images")
    assert found.look_at == (Path("scratch/009.png"), Path("scratch/008.png"))


def test_too_many_false_rejects_are_no_success(figures):
    found = conclude(result(figures, [*GOOD, *[3.5 + n / 100 for n in range(20)]], [8.0] * 10))
    assert found.kind is ConclusionKind.REJECTS_GOOD
    assert found.headline.startswith(
        "finds them, but rejects 26 of 140 good images (18.6 %, target 5 %): look at good/"
    )
    assert len(found.look_at) == 26
    assert found.look_at[0] == Path("good/119.png")


@pytest.mark.parametrize(("good", "defective"), [(120, 10), (20, 3), (40, 40)])
def test_good_against_good_cannot_be_told(figures, good, defective):
    rng = np.random.default_rng(3)
    for _ in range(40):
        scores = rng.gumbel(size=good + defective)
        threshold = np.sort(scores[:good])[int(np.ceil((good + 1) * 0.95)) - 1]
        shifted = scores - threshold + THRESHOLD
        found = conclude(result(figures, shifted[:good], shifted[good:]))
        assert found.kind is ConclusionKind.CANNOT_TELL, found
        assert found.look_at == ()


def test_the_headline_of_no_difference_is_words_and_not_a_figure(figures):
    found = conclude(result(figures, GOOD, [*np.linspace(0.6, 2.8, 59), 3.2]))
    assert found.headline == (
        "cannot tell these from good parts: the method does not fit, because they score no higher than good parts"
    )
    assert any("AUROC" in reason and "0.5 is chance" in reason for reason in found.reasons)


def test_scores_that_overlap_are_not_called_no_higher(figures):
    found = conclude(result(figures, GOOD, [2.7] * 48 + [4.5] * 12))
    assert found.headline.endswith("because their scores overlap")
    assert "1 is a perfect separation" in found.reasons[0]


def test_a_higher_score_below_the_threshold_finds_nothing(figures):
    found = conclude(result(figures, GOOD, [2.9] * 45 + [5.0] * 15))
    assert found.kind is ConclusionKind.CANNOT_TELL
    assert found.headline.startswith("cannot tell most of these")
    assert any("--false-reject-rate" in reason for reason in found.reasons)


def test_one_defect_proves_nothing_and_it_says_how_many_would(figures):
    found = conclude(result(figures, GOOD, [8.0]))
    assert found.kind is ConclusionKind.CANNOT_TELL
    assert found.headline == "cannot tell: 1 defective image proves nothing"
    assert "give 2 or more" in found.reasons[0]
    assert conclude(result(figures, GOOD, [8.0, 9.0])).kind is ConclusionKind.FINDS_THEM


def test_without_defects_nothing_was_tried(figures):
    found = conclude(result(figures, GOOD, []))
    assert found.kind is ConclusionKind.NOT_TRIED
    assert found.headline == "no defective images: what it finds is not known"


def test_defects_that_cannot_be_judged_are_not_found(figures):
    dark = tuple(image(n, 9.0, kind="scratch", verdict=Verdict.UNKNOWN) for n in range(10))
    good = result(figures, GOOD, []).images
    found = conclude(CategoryResult(figures=figures, images=(*good, *dark)))
    assert found.kind is ConclusionKind.CANNOT_TELL
    assert "none of 10 defective images can be judged" in found.headline


def test_without_good_images_the_promised_rate_is_the_comparison(figures):
    assert conclude(result(figures, [], [8.0] * 5)).kind is ConclusionKind.FINDS_THEM
    assert conclude(result(figures, [], [2.0] * 5)).kind is ConclusionKind.CANNOT_TELL


def test_parts_count_and_not_images(figures):
    good = result(figures, GOOD, []).images
    views = tuple(image(n, 8.0 if n == 0 else 1.0, kind="scratch", part=0) for n in range(12))
    found = conclude(CategoryResult(figures=figures, images=(*good, *views)))
    assert found.headline == "cannot tell: 1 defective part proves nothing"


def test_causes_are_named(figures):
    changed = {"warning": "untrained, seed 0", "carried_by": ("a.png",), "smallest_defect_px": 50.0}
    reasons = "\n".join(conclude(result(figures, GOOD, [2.0] * 10, **changed)).reasons)
    assert "untrained weights" in reasons
    assert "rests on good images unlike the others: a.png" in reasons
    assert "if the defects measure less than 50 frame pixels" in reasons
    assert "--smallest-defect-px" in reasons


def test_marked_defects_are_measured(inspector, category):
    found = evaluate_category(inspector, read_categories(category)[0])
    assert [image.defect_px for image in found.images] == [pytest.approx((14 * 12) ** 0.5)] * 5 + [None] * 6
    # 90x70 frame pixels on a 64x48 input: 16 input pixels are 16 * 70 / 48 frame pixels across
    assert found.figures.smallest_defect_px == pytest.approx(16 * 70 / 48)


def test_log_and_json_hold_it(built_bundle, category, tmp_path, capsys):
    target = tmp_path / "metrics.json"
    assert main(["evaluate", str(built_bundle), "--data", str(category), "--json", str(target)]) == 0
    plain = json.loads(target.read_text())["categories"]["washer"]["conclusion"]
    assert list(plain) == ["kind", "headline", "reasons", "look_at"]
    assert f"\n  {plain['headline']}\n" in capsys.readouterr().out
    assert plain["kind"] in [kind.value for kind in ConclusionKind]


@pytest.mark.parametrize("value", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_the_interval_of_an_auroc_is_symmetric_and_holds_it(value):
    low, high = auroc_interval(value, good=120, defective=10)
    assert 0.0 <= low <= value <= high <= 1.0
    assert high - low > 0.01
    other = auroc_interval(1.0 - value, good=10, defective=120)
    assert other == (pytest.approx(1.0 - high), pytest.approx(1.0 - low))


def test_chance_by_hand():
    # 2 of 2, where 8 of all 122 parts are rejected: C(8, 2) / C(122, 2) = 0.0038; 1 of 1: 7 / 121 = 0.058
    assert not could_be_chance(2, 2, 6, 120, target=0.05)
    assert could_be_chance(1, 1, 6, 120, target=0.05)
    assert could_be_chance(0, 10, 6, 120, target=0.05)
    assert fewest_that_prove(1, 20, target=0.05) == 3
