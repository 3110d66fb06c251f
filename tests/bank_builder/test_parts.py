"""Parts and folds: which images show one part, and which parts are held out together."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart.facts.calibration import CalibrationMethod, RateUnit, quantile_rank
from goodpart_bank_builder.data.parts import FOLDS, group_parts, make_folds
from goodpart_bank_builder.data.settings import LearnSettings

FOLDER = Path("good")
CROSS, SPLIT = CalibrationMethod.CROSS_CONFORMAL, CalibrationMethod.SPLIT


def learning(method, rate, seed=0, **options):
    return LearnSettings(calibration=method, false_reject_rate=rate, seed=seed, **options)


def grouped(*names, pattern=None, gap=0):
    """The part of every image, by name."""
    paths = [FOLDER / name for name in names]
    parts = group_parts(paths, FOLDER, pattern=pattern, gap=gap)
    assert list(parts) == paths or gap
    return {path.relative_to(FOLDER).as_posix(): part for path, part in parts.items()}


def together(parts):
    """Which names share a part, whatever the part is called."""
    return {frozenset(name for name, part in parts.items() if part == one) for one in parts.values()}


def sets(*groups):
    return {frozenset(group.split()) for group in groups}


def test_every_image_shows_a_part_of_its_own_unless_told_otherwise():
    parts = grouped("a.png", "b.png", "shift1/a.png", "a.jpg")
    assert len(set(parts.values())) == 4


def test_what_the_groups_match_is_the_part():
    parts = grouped("p1_top.png", "p1_side.png", "p2_top.png", pattern=r"(p\d+)_")
    assert together(parts) == sets("p1_top.png p1_side.png", "p2_top.png")


def test_all_groups_count():
    parts = grouped("m1_p1_a.png", "m1_p1_b.png", "m2_p1_a.png", pattern=r"^(m\d)_(p\d)")
    assert together(parts) == sets("m1_p1_a.png m1_p1_b.png", "m2_p1_a.png")


def test_without_groups_all_that_matches_is_the_part():
    parts = grouped("p1_top.png", "p1_side.png", "p2_top.png", pattern=r"p\d+")
    assert together(parts) == sets("p1_top.png p1_side.png", "p2_top.png")


def test_the_pattern_sees_the_folders_below_the_given_one_but_not_those_above():
    assert together(grouped("p1/a.png", "p1/b.png", "p2/a.png", pattern=r"^(.+)/")) == sets(
        "p1/a.png p1/b.png", "p2/a.png"
    )
    with pytest.raises(UsageError, match="expected a match"):
        grouped("a.png", "b.png", pattern="good")


def test_a_group_that_takes_no_part_in_the_match_is_empty():
    parts = grouped("p1.png", "p1b.png", "p1c.png", pattern=r"(p\d)(b)?")
    assert together(parts) == sets("p1.png p1c.png", "p1b.png")


def test_groups_that_only_look_alike_side_by_side_are_two_parts():
    parts = grouped("a b_c.png", "a_b c.png", pattern=r"(.+)_(.+)\.png")
    assert len(set(parts.values())) == 2


def test_an_image_that_the_pattern_does_not_match_is_named():
    with pytest.raises(UsageError, match=r"expected a match in every image's name, found none in sub/odd\.png"):
        grouped("p1.png", "sub/odd.png", pattern=r"p\d")


def test_a_broken_pattern_is_refused():
    with pytest.raises(UsageError, match=r"--group '\(p': expected a regular expression, found missing \)") as caught:
        grouped("p1.png", pattern="(p")
    assert isinstance(caught.value.__cause__, re.error)


NUMBERED = r"exp(\d)_num_(\d+)\."


def test_neighbouring_numbers_show_one_part():
    names = [f"exp1_num_{number}.jpg" for number in (1001, 1003, 1006, 1010, 1011)]
    parts = grouped(*reversed(names), pattern=NUMBERED, gap=3)
    assert together(parts) == {frozenset(names[:3]), frozenset(names[3:])}  # 1001, 1003, 1006 are a chain


@pytest.mark.parametrize(("gap", "count"), [(1, 2), (2, 1)])
def test_the_gap_is_the_highest_difference_within_a_part(gap, count):
    assert len(set(grouped("exp1_num_1.png", "exp1_num_3.png", pattern=NUMBERED, gap=gap).values())) == count


def test_numbers_are_no_texts():
    """9 and 10 are neighbours, and 010 is 10."""
    assert together(grouped("exp1_num_9.png", "exp1_num_10.png", pattern=NUMBERED, gap=1)) == sets(
        "exp1_num_9.png exp1_num_10.png"
    )
    assert len(set(grouped("exp1_num_10.png", "exp1_num_010.png", pattern=NUMBERED, gap=1).values())) == 1


def test_neighbouring_numbers_of_other_groups_are_other_parts():
    names = ["exp1_num_5.png", "exp2_num_6.png", "exp1_num_7.png"]
    assert together(grouped(*names, pattern=NUMBERED, gap=2)) == sets("exp1_num_5.png exp1_num_7.png", "exp2_num_6.png")


def test_a_last_group_that_is_no_number_is_named():
    with pytest.raises(UsageError, match=r"--group-gap: expected a number as the last group, found 'x' in p_x\.png"):
        grouped("p_1.png", "p_x.png", pattern=r"p_(.)", gap=1)


def test_a_gap_without_a_group_is_refused():
    with pytest.raises(UsageError, match=r"--group-gap: expected a --group .* found no --group"):
        grouped("1.png", "2.png", gap=1)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.sets(st.integers(0, 60), min_size=1), st.integers(1, 5))
def test_chains_are_those_of_walking_the_numbers(numbers, gap):
    parts = grouped(*(f"exp0_num_{number}.png" for number in numbers), pattern=NUMBERED, gap=gap)
    runs = []
    for number in sorted(numbers):
        if runs and number - runs[-1][-1] <= gap:
            runs[-1].append(number)
        else:
            runs.append([number])
    assert together(parts) == {frozenset(f"exp0_num_{number}.png" for number in run) for run in runs}


@st.composite
def scenes(draw):
    """Images of up to 60 parts, a method, a rate that they support, a seed."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=60))
    parts = {
        FOLDER / f"{part:02}_{index}.png": f"part {part}" for part, size in enumerate(sizes) for index in range(size)
    }
    method = draw(st.sampled_from(CalibrationMethod))
    scored = len(sizes) if method is CROSS else len(sizes) // 2
    rate = draw(st.floats(min(1 / (scored + 1) + 1e-6, 0.99), 0.995))
    return parts, method, rate, draw(st.integers(0, 2**32 - 1))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(scenes())
def test_folds_are_a_partition_that_splits_no_part(scene):
    parts, method, rate, seed = scene
    folds = make_folds(parts, learning(method, rate, seed=seed))
    images = [image for fold in folds for image in fold.images]
    assert sorted(images) == sorted(parts)
    assert all(fold.images and list(fold.images) == sorted(fold.images) for fold in folds)
    of = [{parts[image] for image in fold.images} for fold in folds]
    assert sum(map(len, of)) == len(set(parts.values()))  # no part in two folds
    scored = sum(len(its) for fold, its in zip(folds, of, strict=True) if fold.scored)
    quantile_rank(scored, rate)  # does not raise: the scored parts support the rate
    assert folds == make_folds(parts, learning(method, rate, seed=seed))


def one_part_each(count):
    return {FOLDER / f"{index:03}.png": f"{index:03}" for index in range(count)}


@pytest.mark.parametrize(("count", "expected"), [(3, 3), (5, 5), (23, FOLDS), (59, FOLDS)])
def test_cross_conformal_folds_are_even_all_in_the_bank_and_all_scored(count, expected):
    folds = make_folds(one_part_each(count), learning(CROSS, 0.5))
    assert len(folds) == expected
    sizes = [len(fold.images) for fold in folds]
    assert max(sizes) - min(sizes) <= 1
    assert all(fold.in_bank and fold.scored for fold in folds)
    assert len({fold.name for fold in folds}) == expected


@pytest.mark.parametrize(
    ("count", "rate", "kept"),
    [
        (57, 0.1, 19),  # a third is plenty
        (59, 0.05, 19),  # a third is enough: 20 * 0.05 >= 1
        (48, 0.05, 19),  # a third, 16, is too few
        (38, 0.05, 19),  # half is just enough
        (2, 0.5, 1),
        (3, 0.9, 1),
        (50, 0.9, 16),
    ],
)
def test_a_split_keeps_a_third_and_more_only_where_the_rate_needs_more(count, rate, kept):
    bank, calibration = make_folds(one_part_each(count), learning(SPLIT, rate))
    assert (len(bank.images), len(calibration.images)) == (count - kept, kept)
    assert (bank.in_bank, bank.scored) == (True, False)
    assert (calibration.in_bank, calibration.scored) == (False, True)


@pytest.mark.parametrize("method", CalibrationMethod)
def test_the_seed_deals(method):
    def deal(seed):
        folds = make_folds(one_part_each(60), learning(method, 0.1, seed=seed))
        return [fold.images for fold in folds]

    assert deal(3) == deal(3) != deal(4)


def test_the_deal_does_not_hang_on_the_order_of_the_images():
    parts = one_part_each(40)
    backwards = dict(reversed(parts.items()))
    assert make_folds(parts, learning(CROSS, 0.1)) == make_folds(backwards, learning(CROSS, 0.1))


@pytest.mark.parametrize("method", CalibrationMethod)
def test_a_single_part_is_refused(method):
    parts = {FOLDER / "a.png": "one", FOLDER / "b.png": "one"}
    with pytest.raises(UsageError, match=r"at least 2 good parts, found 1; .* --group"):
        make_folds(parts, learning(method, 0.5))


@pytest.mark.parametrize(
    ("method", "count", "best"), [(CROSS, 18, 1 / 19), (SPLIT, 37, 1 / 19), (SPLIT, 18, 1 / 10), (SPLIT, 19, 1 / 10)]
)
def test_too_few_parts_for_the_rate_name_the_best_one(method, count, best):
    parts = one_part_each(count)
    with pytest.raises(UsageError, match=f"support no rate below {re.escape(f'{best:.4g}')}"):
        make_folds(parts, learning(method, 0.05))
    make_folds(parts, learning(method, best))


def test_parts_and_not_images_support_a_rate():
    """Three photographs of each of 10 parts are 10 independent scores, not 30."""
    parts = {FOLDER / f"{part}_{index}.png": str(part) for part in range(10) for index in range(3)}
    with pytest.raises(UsageError, match=r"10 held-out good parts support no rate below 0\.09091"):
        make_folds(parts, learning(CROSS, 0.05, rate_per=RateUnit.PART))
