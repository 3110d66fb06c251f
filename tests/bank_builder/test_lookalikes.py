"""Lookalikes: near-identical photographs that were held out apart are found, all others are not."""

import tracemalloc

import cv2
import numpy as np
import pytest

from goodpart.model.backbone import Backbone
from goodpart_bank_builder.learn.embed import GoodImages
from goodpart_bank_builder.learn.lookalikes import LISTED, LookalikePairs, Lookalikes
from small_parts import draw_blotched

GRID = (8, 6)
EVERY = np.arange(48)
NONE = LookalikePairs(count=0, nearest=())


@pytest.fixture(scope="module")
def seen(tiny_backbone, tmp_path_factory):
    """The lookalikes of 12 washers, of which `again.png` shows number 5 a moment later; and all paths."""
    folder = tmp_path_factory.mktemp("washers")
    frames = {f"{index:02}.png": draw_blotched(index) for index in range(12)}
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
    return [{one.name, other.name} for one, other in pairs.nearest]


def test_the_same_photograph_slightly_changed_in_two_folds_is_found(seen):
    lookalikes, paths = seen
    assert names(lookalikes.across(apart(paths, "05.png", "00.png", "07.png"))) == [{"05.png", "again.png"}]


def test_within_one_fold_it_is_no_matter(seen):
    lookalikes, paths = seen
    assert lookalikes.across(apart(paths, "05.png", "again.png", "03.png")) == NONE
    assert lookalikes.across([paths]) == NONE


def test_unrelated_photographs_are_not_found(seen):
    lookalikes, paths = seen
    others = [path for path in paths if path.name != "again.png"]
    assert lookalikes.across([[path] for path in others]) == NONE


def test_images_that_were_never_read_are_left_out(seen, tmp_path):
    lookalikes, paths = seen
    found = lookalikes.across([[tmp_path / "skipped.png", *paths[::2]], [*paths[1::2], tmp_path / "other.png"]])
    assert {path for pair in found.nearest for path in pair} <= set(paths)


def sketched(*grids, counted=EVERY):
    """Lookalikes of `(48, D)` grids, by name."""
    made = Lookalikes(*GRID, counted)
    for index, grid in enumerate(grids):
        made.add(f"{index}", grid[counted])
    return made


def random_grids(count):
    return list(np.random.default_rng(0).normal(size=(count, 48, 16)).astype(np.float32))


def test_the_nearest_pair_comes_first():
    grids = random_grids(6)
    near, nearer = grids[0] + np.float32(0.01), grids[4] + np.float32(0.001)
    found = sketched(*grids, near, nearer).across([["0", "1", "2", "3", "4", "5"], ["6", "7"]])
    assert found == LookalikePairs(count=2, nearest=(("4", "7"), ("0", "6")))


def test_every_pair_of_several_lookalikes_is_found():
    grids = random_grids(6)
    made = sketched(*grids, grids[0] + np.float32(0.001), grids[0] - np.float32(0.001))
    pairs = made.across([[str(index)] for index in range(8)])
    assert {frozenset(pair) for pair in pairs.nearest} == {
        frozenset(pair) for pair in (("0", "6"), ("0", "7"), ("6", "7"))
    }


def test_what_is_ignored_does_not_tell_images_apart():
    """All differences lie in patches that do not count, so that only the counted ones are compared."""
    grids = random_grids(5)
    twin = grids[0].copy()
    twin[24:] = random_grids(7)[6][24:]
    folds = [["0", "1", "2"], ["3", "4", "5"]]
    assert sketched(*grids, twin).across(folds) == NONE
    assert sketched(*grids, twin + np.float32(1e-4), counted=EVERY[:24]).across(folds).nearest == (("0", "5"),)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (5, 3)])
def test_any_grid_has_a_sketch(shape):
    made = Lookalikes(*shape, np.arange(shape[0] * shape[1]))
    for name, grid in zip("abc", np.random.default_rng(0).normal(size=(3, shape[0] * shape[1], 4)), strict=True):
        made.add(name, grid.astype(np.float32))
        made.add(name + "'", (grid + 1e-3).astype(np.float32))
    found = made.across([["a", "b", "c"], ["a'", "b'", "c'"]])
    assert sorted(found.nearest) == [("a", "a'"), ("b", "b'"), ("c", "c'")]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_two_images_have_no_scale_to_compare_with(count):
    assert sketched(*random_grids(count)).across([["0"], ["1"]]) == NONE


def clusters(count, size, *, spread=0.4, seed=0):
    """`size` grids around each of `count` centres, one variant of a product each."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, 1, 48, 16))
    return list((centres + spread * rng.normal(size=(count, size, 48, 16))).reshape(-1, 48, 16).astype(np.float32))


def dealt(count, folds=5):
    """The names of so many grids, dealt into folds."""
    return [[str(number) for number in range(first, count, folds)] for first in range(folds)]


@pytest.mark.parametrize(("variants", "size"), [(2, 21), (3, 14), (2, 100), (5, 20)])
def test_variants_of_a_product_are_no_lookalikes(variants, size):
    """Half the median distance between all images, the measure once used, calls most pairs of a variant near."""
    grids = clusters(variants, size)
    assert sketched(*grids).across(dealt(len(grids))) == NONE


def test_a_lookalike_within_a_variant_is_found():
    grids = clusters(3, 14)
    noise = np.random.default_rng(5).normal(size=(48, 16)).astype(np.float32)
    found = sketched(*grids, grids[16] + np.float32(0.05) * noise).across(dealt(43))
    assert found == LookalikePairs(count=1, nearest=(("16", "42"),))


@pytest.mark.parametrize("copies", [5, 20, 40])
def test_equal_images_are_found_however_many_there_are(copies):
    """Once most pairs were equal, half their median distance was 0, and nothing lay below it."""
    grids = random_grids(10) + [random_grids(1)[0]] * copies
    found = sketched(*grids).across([[str(number)] for number in range(10 + copies)])
    assert found.count == copies * (copies + 1) // 2
    assert len(found.nearest) == min(LISTED, found.count)


def test_nearly_equal_images_are_found_where_a_part_has_more_of_them_than_a_neighbourhood():
    rng = np.random.default_rng(1)
    grids = [part + 0.01 * rng.normal(size=(48, 16)).astype(np.float32) for part in random_grids(4) for _ in range(15)]
    found = sketched(*grids).across([[str(number)] for number in range(60)])
    assert found.count == 4 * 15 * 14 // 2


def test_two_equal_images_alone_are_a_pair():
    grid = random_grids(1)[0]
    assert sketched(grid, grid).across([["0"], ["1"]]).count == 1


def test_memory_does_not_grow_with_the_pairs():
    made = sketched(*([random_grids(1)[0]] * 600))
    tracemalloc.start()
    found = made.across([[str(number)] for number in range(600)])
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.count == 600 * 599 // 2
    # a list of all 179,700 pairs takes some 25 MB
    assert peak_bytes < 6e6


def test_an_image_far_from_all_is_not_near_to_the_nearest_of_them():
    """The edge of a lone image's neighbourhood lies so far away that its nearest image seems near."""
    away, *cluster = random_grids(13)
    made = sketched(*cluster, np.float32(10) * away, np.float32(18) * away)
    assert made.across([[str(number)] for number in range(14)]) == NONE
