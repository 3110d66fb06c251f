"""Lookalikes: near-identical photographs that were held out apart are found, all others are not."""

import cv2
import numpy as np
import pytest

from goodpart.model.backbone import Backbone
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.learn.lookalikes import Lookalikes
from small_parts import draw_blotched

GRID = (8, 6)
EVERY = np.arange(48)


@pytest.fixture(scope="module")
def seen(tiny_backbone, tmp_path_factory):
    """The lookalikes of 12 washers, of which `again.png` shows number 5 a moment later; and all paths."""
    folder = tmp_path_factory.mktemp("washers")
    frames = {f"{at:02}.png": draw_blotched(at) for at in range(12)}
    noise = np.random.default_rng(99).normal(0, 1.5, frames["05.png"].shape)
    frames["again.png"] = np.clip(np.roll(frames["05.png"], 1, axis=0) + noise, 0, 255).astype(np.uint8)
    for name, frame in frames.items():
        cv2.imwrite(str(folder / name), frame)
    images = GoodImages(Backbone.load(tiny_backbone))
    paths = [path for path, _ in images.read(sorted(folder.iterdir()))]
    return images.lookalikes, paths


def apart(paths, *alone):
    """Two folds: those of these names, and the others."""
    return [[path for path in paths if path.name in alone], [path for path in paths if path.name not in alone]]


def names(pairs):
    return [{one.name, other.name} for one, other in pairs]


def test_the_same_photograph_slightly_changed_in_two_folds_is_found(seen):
    lookalikes, paths = seen
    assert names(lookalikes.across(apart(paths, "05.png", "00.png", "07.png"))) == [{"05.png", "again.png"}]


def test_within_one_fold_it_is_no_matter(seen):
    lookalikes, paths = seen
    assert lookalikes.across(apart(paths, "05.png", "again.png", "03.png")) == []
    assert lookalikes.across([paths]) == []


def test_unrelated_photographs_are_not_found(seen):
    lookalikes, paths = seen
    others = [path for path in paths if path.name != "again.png"]
    assert lookalikes.across([[path] for path in others]) == []


def test_images_that_were_never_read_are_left_out(seen, tmp_path):
    lookalikes, paths = seen
    found = lookalikes.across([[tmp_path / "skipped.png", *paths[::2]], [*paths[1::2], tmp_path / "other.png"]])
    assert {path for pair in found for path in pair} <= set(paths)


def sketched(*grids, counted=EVERY):
    """Lookalikes of `(48, D)` grids, by name."""
    made = Lookalikes(*GRID, counted)
    for at, grid in enumerate(grids):
        made.add(f"{at}", grid[counted])
    return made


def random_grids(count):
    return list(np.random.default_rng(0).normal(size=(count, 48, 16)).astype(np.float32))


def test_the_nearest_pair_comes_first():
    grids = random_grids(6)
    near, nearer = grids[0] + np.float32(0.01), grids[4] + np.float32(0.001)
    found = sketched(*grids, near, nearer).across([["0", "1", "2", "3", "4", "5"], ["6", "7"]])
    assert found == [("4", "7"), ("0", "6")]


def test_every_pair_of_several_lookalikes_is_found():
    grids = random_grids(6)
    made = sketched(*grids, grids[0] + np.float32(0.001), grids[0] - np.float32(0.001))
    pairs = made.across([[str(at)] for at in range(8)])
    assert {frozenset(pair) for pair in pairs} == {frozenset(pair) for pair in (("0", "6"), ("0", "7"), ("6", "7"))}


def test_what_is_ignored_does_not_tell_images_apart():
    """All differences lie in patches that do not count, so that only the counted ones are compared."""
    grids = random_grids(5)
    twin = grids[0].copy()
    twin[24:] = random_grids(7)[6][24:]
    folds = [["0", "1", "2"], ["3", "4", "5"]]
    assert sketched(*grids, twin).across(folds) == []
    assert sketched(*grids, twin + np.float32(1e-4), counted=EVERY[:24]).across(folds) == [("0", "5")]


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (5, 3)])
def test_any_grid_has_a_sketch(shape):
    made = Lookalikes(*shape, np.arange(shape[0] * shape[1]))
    for name, grid in zip("abc", np.random.default_rng(0).normal(size=(3, shape[0] * shape[1], 4)), strict=True):
        made.add(name, grid.astype(np.float32))
        made.add(name + "'", (grid + 1e-3).astype(np.float32))
    found = made.across([["a", "b", "c"], ["a'", "b'", "c'"]])
    assert sorted(found) == [("a", "a'"), ("b", "b'"), ("c", "c'")]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_images_have_no_scale_to_compare_with(count):
    assert sketched(*random_grids(count)).across([["0"], ["1"]]) == []
