"""A rate per image: thresholds and p-values with weights, and every way in which a calibration's unit can be wrong."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broken_bundles import change_json, refused
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.errors import ManifestError, UsageError
from goodpart.facts.calibration import CalibrationMethod, RateUnit, parts_of_sizes, promise_of, threshold_for
from small_parts import CALIBRATION

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1, FORMAT_2 = FIXTURES / "format_1", FIXTURES / "format_2"

PARTS = st.lists(st.lists(st.integers(-20, 20), min_size=1, max_size=5), min_size=1, max_size=25)
"""Scores of the images of each part; whole numbers, so that many are equal."""

RATES = st.sampled_from([0.02, 0.05, 0.1, 0.2, 1 / 3, 0.5, 0.9])


def split(parts, rate):
    """A split whose unit is the image, from the scores of each part's images."""
    ranked = sorted((float(score), len(part)) for part in parts for score in part)
    scores, sizes = tuple(score for score, _ in ranked), tuple(size for _, size in ranked)
    threshold = threshold_for(scores, rate, sizes)
    return dataclasses.replace(
        CALIBRATION,
        method=CalibrationMethod.SPLIT,
        unit=RateUnit.IMAGE,
        scores=scores,
        peaks=scores,
        score_sizes=sizes,
        peak_sizes=sizes,
        false_reject_rate=rate,
        threshold=threshold,
        pixel_threshold=threshold,
    )


def plain_threshold(parts, rate):
    """The formula in float64, over all scores from below."""
    for threshold in sorted({float(score) for part in parts for score in part}):
        shares = sum(np.mean(np.array(part, np.float64) <= threshold) for part in parts)
        if shares / (len(parts) + 1) >= 1.0 - rate - 1e-9:
            return threshold
    return None


@settings(derandomize=True, deadline=None, max_examples=300)
@given(PARTS, RATES)
def test_the_threshold_of_a_split_is_the_plain_formula(parts, rate):
    expected = plain_threshold(parts, rate)
    if expected is None:
        with pytest.raises(UsageError, match=f"{len(parts)} held-out good parts support no rate below"):
            split(parts, rate)
    else:
        assert split(parts, rate).threshold == expected


@settings(derandomize=True, deadline=None, max_examples=300)
@given(PARTS, RATES, st.integers(-25, 25))
def test_a_score_is_above_the_threshold_exactly_where_its_p_value_is_at_most_the_rate(parts, rate, score):
    if plain_threshold(parts, rate) is None:
        return
    made = split(parts, rate)
    shares = sum(np.mean(np.array(part, np.float64) >= score) for part in parts)
    assert made.p_value(score) == pytest.approx((1 + shares) / (len(parts) + 1))
    assert (score <= made.threshold) == (made.p_value(score) > rate + 1e-9)
    assert made.rate_of(made.threshold) <= rate + 1e-9


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30), RATES)
def test_one_image_per_part_gives_the_threshold_of_parts(scores, rate):
    ranked = tuple(sorted(map(float, scores)))
    try:
        expected = threshold_for(ranked, rate)
    except UsageError:
        return
    assert threshold_for(ranked, rate, (1,) * len(ranked)) == expected


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=11, max_size=30), st.sampled_from([0.1, 0.2, 0.5]), st.integers(0, 999))
def test_a_random_image_of_a_new_part_is_rejected_at_most_at_the_rate(sizes, rate, seed):
    """Each of n + 1 parts is the new one in turn, which for exchangeable parts is all that chance can do."""
    parts = [part.tolist() for part in map(np.random.default_rng(seed).gumbel, [0.0] * len(sizes), [1.0] * 99, sizes)]
    rejected = 0.0
    for new, own in enumerate(parts):
        threshold = split(parts[:new] + parts[new + 1 :], rate).threshold
        rejected += np.mean(np.array(own) > threshold)
    assert rejected <= rate * len(parts) + 1e-9


def test_a_part_with_many_images_weighs_no_more_than_another():
    many = [[9.0] * 50] + [[float(number)] for number in range(9)]
    assert split(many, 0.2).threshold == 8.0  # 9 of 10 parts lie below 9; of 59 images only 9 do
    assert split(many, 0.1).threshold == 9.0


def test_no_part_supports_a_rate_below_one_over_all_parts_and_one():
    parts = [[1.0, 2.0, 3.0]] * 9
    assert split(parts, 0.1).threshold == 3.0
    with pytest.raises(UsageError, match=r"9 held-out good parts support no rate below 0\.1, found 0\.099"):
        split(parts, 0.099)


def test_many_small_weights_reach_a_whole_part():
    """Sums of thirds, sevenths and so on are no whole numbers in floats."""
    parts = [[1.0] * size for size in (3, 7, 11, 13, 49, 97, 101) for _ in range(20)]
    made = split(parts, 1 / 141)
    assert made.threshold == 1.0
    assert made.p_value(1.0) == pytest.approx(1.0)
    assert (made.supporting, made.counted) == (140, RateUnit.PART)


@pytest.mark.parametrize("sizes", [(), (1,), (2, 2, 2), (0, 1), (-1, 1), (1, 2), (3, 3)])
def test_sizes_that_no_parts_have(sizes):
    with pytest.raises(UsageError, match="sizes: expected 2, each as often as parts of that size have images"):
        parts_of_sizes(sizes, 2)


def test_the_promise_names_its_unit():
    assert "a random image of a new good part is called" in promise_of(CalibrationMethod.SPLIT, 0.1, RateUnit.IMAGE)
    assert "a new good part is called" in promise_of(CalibrationMethod.SPLIT, 0.1, RateUnit.PART)
    cross = CalibrationMethod.CROSS_CONFORMAL
    assert "about 0.1 of images of new good parts" in promise_of(cross, 0.1, RateUnit.IMAGE)
    assert "about 0.1 of new good parts" in promise_of(cross, 0.1, RateUnit.PART)


@pytest.fixture
def listed(tmp_path):
    """A copy of the fixture of format 2, to be broken: 24 images, unit image, cross-conformal."""
    return Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))


def as_split(facts):
    """The same scores as a split of twelve parts with two images each."""
    facts.update(method="split", score_sizes=[2] * 24, peak_sizes=[2] * 24)
    facts["threshold"] = threshold_for(tuple(facts["scores"]), 0.1, (2,) * 24)
    facts["pixel_threshold"] = threshold_for(tuple(facts["peaks"]), 0.1, (2,) * 24)


def make_split(bundle):
    """Makes the bundle a split; its threshold is another one, and so is the range of thresholds."""
    change_json(bundle / "manifest.json", lambda facts: facts["threshold_range"].update(lowest=-99.0, highest=99.0))
    change_json(bundle / "calibration.json", as_split)


def test_a_split_with_the_unit_image_loads_and_says_so(listed, capsys):
    make_split(listed)
    assert read_bundle(listed).calibration.supporting == 12
    assert main(["info", str(listed)]) == 0
    assert "split, from 24 held-out good images of 12 parts" in capsys.readouterr().out
    assert main(["threshold", str(listed)]) == 0
    assert "of good images to be rejected (from 24 held-out good images of 12 parts)" in capsys.readouterr().out
    assert main(["threshold", str(listed), "--false-reject-rate", "0.07"]) == 2
    assert "12 held-out good parts support no rate below 0.07692" in capsys.readouterr().err


def test_a_rate_per_image_is_told_of_images(listed, capsys):
    assert main(["threshold", str(listed), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["held_out_images"] == 24
    assert main(["threshold", str(listed), "--false-reject-rate", "0.03"]) == 2
    assert "24 held-out good images support no rate below 0.04" in capsys.readouterr().err


def test_a_threshold_of_another_rate_uses_the_weights(listed, capsys):
    make_split(listed)
    assert main(["threshold", str(listed), "--false-reject-rate", "0.3", "--json"]) == 0
    scores = read_bundle(listed).calibration.scores
    # (12 + 1) * 0.7 = 9.1 parts of two images each
    assert json.loads(capsys.readouterr().out)["threshold"] == scores[18]


def test_unit_missing_in_format_2(listed):
    change_json(listed / "calibration.json", lambda facts: facts.pop("unit"))
    refused(listed, ManifestError, "calibration.json", "expected a unit in format version 2, found none")


def test_unit_present_in_format_1(tmp_path):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    change_json(folder / "calibration.json", lambda facts: facts.update(unit="part"))
    refused(folder, ManifestError, "calibration.json", "expected no unit in format version 1, found one")


def test_sizes_present_in_format_1(tmp_path):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    change_json(folder / "calibration.json", lambda facts: facts.update(score_sizes=[1] * 16, peak_sizes=[1] * 16))
    refused(folder, ManifestError, "calibration.json", "score_sizes and peak_sizes: expected both with method split")


def test_format_1_counts_parts_as_before():
    calibration = read_bundle(FORMAT_1).calibration
    assert (calibration.unit, calibration.rate_unit, calibration.counted) == (None, RateUnit.PART, RateUnit.PART)
    assert (calibration.supporting, calibration.p_value(1e9)) == (16, 1 / 17)


@pytest.mark.parametrize("value", [None, "", "images", "IMAGE", 1, True, ["image"]])
def test_unit_that_is_none(listed, value):
    change_json(listed / "calibration.json", lambda facts: facts.update(unit=value))
    refused(listed, ManifestError, "calibration.json", "unit")


def test_a_split_with_the_unit_image_but_no_sizes(listed):
    change_json(listed / "calibration.json", lambda facts: facts.update(method="split"))
    refused(listed, ManifestError, "expected both with method split and unit image")


@pytest.mark.parametrize("key", ["score_sizes", "peak_sizes"])
def test_one_list_of_sizes_without_the_other(listed, key):
    change_json(listed / "calibration.json", lambda facts: (as_split(facts), facts.pop(key)))
    refused(listed, ManifestError, "score_sizes and peak_sizes: expected both")


@pytest.mark.parametrize("change", [{"method": "cross-conformal"}, {"unit": "part"}])
def test_sizes_where_all_scores_count_alike(listed, change):
    change_json(listed / "calibration.json", lambda facts: (as_split(facts), facts.update(change)))
    refused(listed, ManifestError, "neither elsewhere")


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ([2] * 23, "sizes: expected 24"),
        ([2] * 25, "sizes: expected 24"),
        ([], "sizes: expected 24"),
        ([0] + [2] * 23, "sizes: expected 24"),
        ([-2] * 24, "sizes: expected 24"),
        ([5] * 24, "sizes: expected 24"),
        ([1] + [2] * 23, "sizes: expected 24"),
        ([2.5] * 24, "whole number"),
        (["2"] * 24, "whole number"),
        (None, "sizes"),
    ],
)
def test_sizes_that_cannot_be(listed, sizes, words):
    def change(facts):
        as_split(facts)
        facts.update(score_sizes=sizes, peak_sizes=sizes)

    change_json(listed / "calibration.json", change)
    refused(listed, ManifestError, "calibration.json", words)


def test_sizes_of_peaks_that_are_other_ones(listed):
    change_json(listed / "calibration.json", lambda facts: (as_split(facts), facts.update(peak_sizes=[3] * 24)))
    refused(listed, ManifestError, "peak_sizes: expected the sizes of score_sizes in some order")


@pytest.mark.parametrize("key", ["threshold", "pixel_threshold"])
def test_a_threshold_without_the_weights(listed, key):
    """Of one part with 12 images the highest ones weigh little, so that another score is the threshold."""

    def change(facts):
        as_split(facts)
        sizes = [1] * 12 + [12] * 12
        for name, of in (("threshold", "scores"), ("pixel_threshold", "peaks")):
            facts[name] = threshold_for(tuple(facts[of]), 0.1, tuple(sizes))
        facts.update(score_sizes=sizes, peak_sizes=sizes)
        facts[key] = threshold_for(tuple(facts["scores" if key == "threshold" else "peaks"]), 0.1)

    change_json(listed / "calibration.json", change)
    refused(listed, ManifestError, f"{key}: expected the one that")
