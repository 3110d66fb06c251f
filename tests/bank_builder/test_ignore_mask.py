"""Ignore mask: which patches a painted picture takes out."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from goodpart.errors import UsageError
from goodpart.facts.spec import GridSpec, Roi
from goodpart_bank_builder.data.ignore_mask import ignored_patches, read_ignore_mask
from small_parts import RGB

GRID = GridSpec(rows=4, columns=3, dimension=8)


def write(path, picture):
    assert cv2.imwrite(str(path), picture)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_ignored_from_half_of_the_range(tmp_path, dtype):
    picture = np.zeros((20, 20, 3), dtype)
    half = np.iinfo(dtype).max // 2 + 1
    picture[1, 2], picture[4, 0], picture[5, 5] = (0, half, 0), np.iinfo(dtype).max, half - 1
    found = read_ignore_mask(write(tmp_path / "mask.png", picture))
    assert found.dtype == np.bool_
    assert np.argwhere(found).tolist() == [[1, 2], [4, 0]]


def test_a_mask_of_ones_is_refused_with_the_value_of_white(tmp_path):
    with pytest.raises(UsageError, match=r"expected white \(255\) .* found no pixel above 1"):
        read_ignore_mask(write(tmp_path / "mask.png", np.eye(5, dtype=np.uint8)))


def test_soft_edges_are_a_mask_and_a_photograph_is_none(tmp_path):
    mask = np.zeros((100, 100), np.uint8)
    mask[:50] = 255
    soft = read_ignore_mask(write(tmp_path / "soft.png", cv2.blur(mask, (3, 3))))
    assert soft.sum() == 5000
    # a JPEG of a mask has noise near black and near white, which changes nothing
    np.testing.assert_array_equal(read_ignore_mask(write(tmp_path / "mask.jpg", mask)), mask > 0)
    noise = np.random.default_rng(0).integers(0, 256, (100, 100)).astype(np.uint8)
    with pytest.raises(UsageError, match=r"noise\.png: expected black and white, found 7\d % of the pixels grey"):
        read_ignore_mask(write(tmp_path / "noise.png", noise))


def test_a_black_picture_ignores_nothing_and_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"--ignore .*mask\.png: expected white .* found black alone"):
        read_ignore_mask(write(tmp_path / "mask.png", np.zeros((6, 5), np.uint8)))


def test_a_white_picture_leaves_nothing_and_is_refused():
    with pytest.raises(UsageError, match="--ignore: expected a mask that leaves some patches, found none left"):
        ignored_patches(np.ones((8, 6), bool), RGB, GRID)


def test_a_mask_that_touches_every_patch_leaves_nothing_either():
    mask = np.zeros((8, 6), bool)
    mask[::2, ::2] = True
    with pytest.raises(UsageError, match="found none left"):
        ignored_patches(mask, RGB, GRID)


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_a_picture_that_cannot_be_read_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "mask.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"--ignore: .*mask\.png: expected"):
        read_ignore_mask(tmp_path / "mask.png")


def test_one_pixel_ignores_its_whole_patch():
    mask = np.zeros((80, 60), bool)
    mask[39, 40] = True
    assert np.argwhere(ignored_patches(mask, RGB, GRID)).tolist() == [[1, 2]]


def test_a_pixel_between_two_patches_ignores_both():
    mask = np.zeros((9, 3), bool)
    mask[2, 0] = True  # rows of patches are 2.25 pixels high
    assert np.argwhere(ignored_patches(mask, RGB, GRID)).tolist() == [[0, 0], [1, 0]]


def touched(mask, rows, columns):
    """By definition, in whole numbers: pixel and patch overlap if neither ends before the other begins."""
    height, width = mask.shape
    found = np.zeros((rows, columns), bool)
    for y, x in np.argwhere(mask):
        for row in range(rows):
            for column in range(columns):
                down = row * height < (y + 1) * rows and y * rows < (row + 1) * height
                right = column * width < (x + 1) * columns and x * columns < (column + 1) * width
                found[row, column] |= down and right
    return found


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12)), fill=st.just(False)),
    st.integers(1, 7),
    st.integers(1, 7),
)
def test_any_touched_patch_is_ignored_and_no_other(mask, rows, columns):
    grid = GridSpec(rows=rows, columns=columns, dimension=8)
    expected = touched(mask, rows, columns)
    if expected.all():
        with pytest.raises(UsageError, match="none left"):
            ignored_patches(mask, RGB, grid)
    else:
        found = ignored_patches(mask, RGB, grid)
        assert found.dtype == np.bool_
        np.testing.assert_array_equal(found, expected)


def test_only_the_region_of_interest_counts():
    frame = dataclasses.replace(RGB, roi=Roi(y_px=10, x_px=20, height_px=8, width_px=6))
    mask = np.ones((40, 50), bool)
    mask[10:18, 20:26] = False
    mask[10, 25] = True
    assert np.argwhere(ignored_patches(mask, frame, GRID)).tolist() == [[0, 2]]


@pytest.mark.parametrize("shape", [(17, 26), (18, 25)])
def test_a_region_of_interest_beyond_the_mask_is_refused_with_both_sizes(shape):
    frame = dataclasses.replace(RGB, roi=Roi(y_px=10, x_px=20, height_px=8, width_px=6))
    with pytest.raises(UsageError, match=rf"at least 18x26 pixels .* found {shape[0]}x{shape[1]}"):
        ignored_patches(np.ones(shape, bool), frame, GRID)
