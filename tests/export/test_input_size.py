"""The chosen input size: valid, about as large as the profile's own, as near to the frames' proportions as can be."""

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart_export import choose_input, load_profile
from goodpart_export.sizing.input_size import allowed_sizes, choose_size

SQUARE = (256, 256)

# 1:20 to 20:1, evenly in logarithms
ASPECTS = st.floats(-math.log(20), math.log(20)).map(math.exp)
SIDES = st.integers(2, 32).map(lambda steps: 16 * steps)
OWN = st.tuples(SIDES, SIDES)


def error(size: tuple[int, int], aspect: float) -> float:
    return abs(math.log(size[0] / size[1] / aspect))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(aspect=ASPECTS, own=OWN)
def test_the_size_is_one_that_profiles_accept(aspect, own):
    height, width = choose_size(aspect, own_px=own)
    dataclasses.replace(load_profile("paper"), input_height_px=height, input_width_px=width)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(aspect=ASPECTS, own=OWN)
def test_the_area_is_the_profiles_own_within_15_percent(aspect, own):
    height, width = choose_size(aspect, own_px=own)
    assert abs(height * width / (own[0] * own[1]) - 1) <= 0.15


@settings(derandomize=True, deadline=None, max_examples=60)
@given(aspect=ASPECTS, own=OWN)
def test_no_allowed_size_has_a_nearer_aspect(aspect, own):
    chosen = choose_size(aspect, own_px=own)
    area = own[0] * own[1]
    sizes = [(h, w) for h in range(32, 4097, 16) for w in range(32, 4097, 16) if 0.85 * area <= h * w <= 1.15 * area]
    assert error(chosen, aspect) <= min(error(size, aspect) for size in sizes) + 1e-9


@settings(derandomize=True, deadline=None, max_examples=60)
@given(first=ASPECTS, second=ASPECTS, own=OWN)
def test_a_taller_part_never_gets_a_flatter_size(first, second, own):
    low, high = (choose_size(aspect, own_px=own) for aspect in sorted((first, second)))
    assert low[0] / low[1] <= high[0] / high[1]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(own=OWN)
def test_the_profiles_own_aspect_keeps_its_size(own):
    assert own in allowed_sizes(own)
    assert choose_size(own[0] / own[1], own_px=own) == own


@settings(derandomize=True, deadline=None, max_examples=60)
@given(aspect=ASPECTS)
def test_a_turned_part_gets_the_turned_size(aspect):
    assert choose_size(1 / aspect, own_px=SQUARE) == choose_size(aspect, own_px=SQUARE)[::-1]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(sizes=st.lists(st.tuples(st.integers(1, 4000), st.integers(1, 4000)), min_size=1, max_size=20))
def test_the_choice_is_finite_and_does_not_depend_on_the_order(sizes):
    choice = choose_input(sizes, own_px=SQUARE, images_found=len(sizes))
    assert choice == choose_input(sizes[::-1], own_px=SQUARE, images_found=len(sizes))
    numbers = [value for value in dataclasses.astuple(choice) if isinstance(value, float)]
    assert all(math.isfinite(number) for number in numbers)
    assert choice.aspect_p10 <= choice.median_aspect <= choice.aspect_p90


@pytest.mark.parametrize(
    ("aspect", "size"),
    [
        (1.0, (256, 256)),
        (3 / 4, (224, 304)),
        (1080 / 1920, (192, 336)),
        (512 / 224, (400, 176)),
        (1.17, (256, 224)),
        (1 / 20, (64, 1168)),
        (20.0, (1168, 64)),
        (1 / 2000, (32, 2352)),
    ],
)
def test_well_known_shapes(aspect, size):
    assert choose_size(aspect, own_px=SQUARE) == size


def test_between_two_equal_sizes_the_profiles_own_wins():
    assert choose_size(1.0, own_px=(64, 48)) == (64, 48)
    assert choose_size(1.0, own_px=(48, 64)) == (48, 64)


@pytest.mark.parametrize("aspect", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_aspect_is_refused(aspect):
    with pytest.raises(UsageError, match="aspect"):
        choose_size(aspect, own_px=SQUARE)


def test_no_images_are_refused():
    with pytest.raises(UsageError, match="found none"):
        choose_input([], own_px=SQUARE, images_found=0)


def test_the_reasons_are_stated():
    choice = choose_input([(600, 300)] * 9 + [(500, 500)], own_px=SQUARE, images_found=40)
    assert (choice.images, choice.images_found) == (10, 40)
    assert (choice.inspected_height_px, choice.inspected_width_px) == (600, 300)
    assert (choice.median_aspect, choice.aspect_p10, choice.aspect_p90) == (2, pytest.approx(1.866, abs=1e-3), 2)
    assert (choice.input_height_px, choice.input_width_px) == (352, 176)
    assert choice.distortion_percent == 0
    assert choice.frame_pixels_per_input_pixel == (1.7, 1.7)
    assert choice.warning is None
    assert "352x176" in choice.describe()
    assert choice.describe().endswith("; one input pixel covers 1.7 x 1.7 frame pixels")
    assert "(height / width) 2 in 10 of 40 images," in choice.describe()


def test_portrait_and_landscape_in_equal_parts_make_a_square_and_a_warning():
    choice = choose_input([(4000, 2000), (2000, 4000)], own_px=SQUARE, images_found=2)
    assert (choice.median_aspect, choice.input_height_px, choice.input_width_px) == (1, 256, 256)
    assert choice.warning is not None
    assert "no input size suits all" in choice.warning


def test_an_input_has_at_most_half_as_many_pixels_as_the_median_image():
    choice = choose_input([(300, 300)], own_px=SQUARE, images_found=1)
    assert (choice.input_height_px, choice.input_width_px) == (208, 208)
    assert choose_input([(363, 363)], own_px=SQUARE, images_found=1).input_height_px == 256
    assert choose_input([(5, 5)], own_px=SQUARE, images_found=1).input_height_px == 32


def test_a_span_of_one_and_a_half_is_no_reason_to_warn():
    inside = choose_input([(100, 100)] * 5 + [(149, 100)] * 5, own_px=SQUARE, images_found=10)
    beyond = choose_input([(100, 100)] * 5 + [(151, 100)] * 5, own_px=SQUARE, images_found=10)
    assert inside.warning is None
    assert beyond.warning is not None


def test_a_shape_too_slender_for_any_size_is_a_warning():
    choice = choose_input([(20, 4000)], own_px=SQUARE, images_found=1)
    assert choice.warning is not None
    assert "0.005" in choice.warning
    assert "--roi" in choice.warning
