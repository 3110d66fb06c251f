"""Explanations from memory: exactly the image and place of the nearest stored vectors, and only for who asks."""

import dataclasses
import gc
import json
import pickle
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart.bank.nearest import nearest_vectors
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.errors import FrameError, ManifestError, UsageError
from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.explanation import hot_patches, patch_box
from goodpart.scoring.inspection import Verdict
from goodpart.scoring.regions import find_regions, peak_patch
from small_frames import draw_defect, draw_small

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1, FORMAT_2 = FIXTURES / "format_1", FIXTURES / "format_2"


@pytest.fixture(scope="module")
def recalling():
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        yield inspector


def brute_force(inspector, frame, patch):
    """The position and distance of the nearest vector to a patch, in float64 over the whole bank."""
    bank = np.load(FORMAT_2 / "bank.npy").astype(np.float64)
    distances = 1.0 - bank @ inspector.backbone.embed(frame)[patch[0] * 8 + patch[1]].astype(np.float64)
    return int(distances.argmin()), float(distances.min())


def test_every_patch_of_every_frame_names_the_nearest_vectors_image_and_place(recalling):
    images, origins = read_bundle(FORMAT_2).read_images().images, np.load(FORMAT_2 / "origins.npy")
    for frame in (draw_small(100), draw_small(101, defect=True), draw_defect(102)):
        patches = [(row, column) for row in range(8) for column in range(8)]
        explanations = recalling.inspect(frame).explain(patches, frame=frame)
        assert [(found.row, found.column) for found in explanations] == patches
        for found in explanations:
            vector, distance = brute_force(recalling, frame, (found.row, found.column))
            good = found.nearest[0]
            assert (good.vector, good.distance) == (vector, pytest.approx(distance, abs=1e-12))
            number, row, column = origins[vector]
            assert (good.image, good.sha256) == (images[number].name, images[number].sha256)
            # a frame of 24x18 pixels has patches of 3 rows, and columns of 2.25 pixels
            assert (good.y_px, good.height_px) == (3 * row, 3)
            assert (good.x_px, good.x_px + good.width_px) == (column * 18 // 8, -(-(column + 1) * 18 // 8))
            assert [one.distance for one in found.nearest] == sorted(one.distance for one in found.nearest)


def test_each_region_is_explained_at_its_peak_without_the_frame(recalling):
    inspection = recalling.inspect(draw_defect(100))
    assert inspection.verdict is Verdict.DEFECT
    assert len(inspection.regions) >= 1
    explanations = inspection.explain()
    assert [found.region for found in explanations] == list(inspection.regions)
    for found, region in zip(explanations, inspection.regions, strict=True):
        assert inspection.grid[found.row, found.column] == np.float32(region.peak) == np.float32(found.score)
        assert found.y_px <= region.peak_y_px < found.y_px + found.height_px
        assert found.x_px <= region.peak_x_px < found.x_px + found.width_px
        assert len(found.nearest) == 3


def test_a_defect_without_regions_is_explained_at_its_hottest_patch(recalling):
    inspection = dataclasses.replace(recalling.inspect(draw_small(100)), verdict=Verdict.DEFECT)
    assert inspection.regions == ()
    [found] = inspection.explain(nearest=1)
    assert found.region is None
    assert inspection.grid[found.row, found.column] == inspection.grid.max()
    assert found.nearest[0].vector == brute_force(recalling, draw_small(100), (found.row, found.column))[0]


def test_a_good_frame_without_regions_has_nothing_to_explain_unless_asked(recalling):
    inspection = recalling.inspect(draw_small(100))
    assert inspection.explain() == ()
    hottest = divmod(int(inspection.grid.argmax()), 8)
    assert len(inspection.explain([hottest])) == 1


def test_other_patches_need_the_frame(recalling):
    inspection = recalling.inspect(draw_small(100))
    coldest = divmod(int(inspection.grid.argmin()), 8)
    with pytest.raises(UsageError, match="explain: expected the frame"):
        inspection.explain([coldest])
    assert len(inspection.explain([coldest], frame=draw_small(100))[0].nearest) == 3
    with pytest.raises(FrameError):
        inspection.explain([coldest], frame=draw_small(100).astype(np.float32))


@pytest.mark.parametrize(("patches", "nearest"), [([(8, 0)], 1), ([(0, -1)], 1), ([(0, 0)], 0)])
def test_impossible_requests(recalling, patches, nearest):
    with pytest.raises(UsageError, match="expected patches of the 8x8 grid"):
        recalling.inspect(draw_small(100)).explain(patches, nearest=nearest, frame=draw_small(100))


def test_more_than_the_bank_has_gives_all_of_it(recalling):
    [found] = recalling.inspect(draw_small(100)).explain([(0, 0)], nearest=1000, frame=draw_small(100))
    assert sorted(good.vector for good in found.nearest) == list(range(300))


def test_format_1_cannot_explain_and_says_so():
    with Inspector.load(FORMAT_1, threads=1) as inspector:
        inspection = inspector.inspect(draw_defect(100))
        with pytest.raises(UsageError, match="found one of format version 1 without"):
            inspection.explain()


def test_a_damaged_list_costs_the_explanation_and_not_the_verdict(tmp_path):
    folder = Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))
    change_json(folder / "images.json", lambda facts: facts["images"][0].update(name="/etc/passwd"))
    with Inspector.load(folder, threads=1) as inspector:
        inspection = inspector.inspect(draw_defect(100))
        assert inspection.verdict is Verdict.DEFECT
        with pytest.raises(ManifestError, match=r"images\.json"):
            inspection.explain()


def test_a_closed_inspector_cannot_explain():
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        inspection = inspector.inspect(draw_defect(100))
    with pytest.raises(UsageError, match="found a closed one"):
        inspection.explain()


def test_a_kept_inspection_keeps_no_inspector_alive():
    inspector = Inspector.load(FORMAT_2, threads=1)
    inspection, gone = inspector.inspect(draw_defect(100)), weakref.ref(inspector)
    del inspector
    gc.collect()
    assert gone() is None
    with pytest.raises(UsageError, match="expected the Inspector that inspected the frame"):
        inspection.explain()


def test_an_inspection_can_be_pickled_and_then_says_that_it_cannot_explain(recalling):
    inspection = pickle.loads(pickle.dumps(recalling.inspect(draw_defect(100))))
    assert inspection.verdict is Verdict.DEFECT
    with pytest.raises(UsageError, match="in this process"):
        inspection.explain()


def test_an_inspection_keeps_few_embeddings(recalling):
    good, defect = (recalling.inspect(frame) for frame in (draw_small(100), draw_defect(100)))
    assert good._hot.embeddings.shape == (1, 8)
    assert good._hot.embeddings.base is None
    assert len(defect._hot.positions) <= 16


def test_the_kept_patches_hold_every_peak_also_of_equal_scores():
    rng = np.random.default_rng(0)
    area = Roi(y_px=3, x_px=5, height_px=7, width_px=40)
    for _ in range(200):
        grid = rng.integers(0, 4, (9, 11)).astype(np.float32)
        embeddings = rng.normal(size=(99, 4)).astype(np.float32)
        kept = hot_patches(grid, embeddings, pixel_threshold=1.5)
        assert int(grid.argmax()) in kept.positions
        peaks = [peak_patch(grid, region, area) for region in find_regions(grid, 1.5, area)]
        positions = [row * 11 + column for row, column in peaks]
        np.testing.assert_array_equal(kept.rows(positions), embeddings[positions])


def test_rows_that_are_not_kept_are_not_made_up():
    kept = hot_patches(np.eye(4, dtype=np.float32), np.ones((16, 2), np.float32), pixel_threshold=0.5)
    assert kept.positions.tolist() == [0, 5, 10, 15]
    assert kept.rows([15, 0]).shape == (2, 2)
    assert kept.rows([0, 1]) is None
    assert kept.rows([99]) is None


def test_of_equally_near_vectors_the_first_is_named_and_rounding_does_not_decide():
    rng = np.random.default_rng(0)
    base = rng.normal(size=8)
    vectors = base + rng.normal(scale=1e-6, size=(500, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1)[:, np.newaxis]).astype(np.float32)
    vectors[77] = vectors[33]
    rows = vectors[[33, 400]]
    positions, distances = nearest_vectors(vectors, rows, count=5)
    true = 1.0 - rows.astype(np.float64) @ vectors.astype(np.float64).T
    np.testing.assert_array_equal(positions, np.argsort(true, axis=1, kind="stable")[:, :5])
    np.testing.assert_allclose(distances, np.sort(true, axis=1)[:, :5], atol=1e-15)


def test_a_patch_box_holds_the_patch_in_whole_pixels_of_the_region_of_interest():
    area = Roi(y_px=10, x_px=20, height_px=100, width_px=9)
    assert patch_box(0, 0, (8, 4), area) == Roi(y_px=10, x_px=20, height_px=13, width_px=3)
    assert patch_box(7, 3, (8, 4), area) == Roi(y_px=97, x_px=26, height_px=13, width_px=3)


def test_score_explains_in_json(tmp_path, capsys):
    np.save(tmp_path / "defect.npy", draw_defect(100))
    command = ["score", str(FORMAT_2), str(tmp_path / "defect.npy"), "--json"]
    assert main(command) == 1
    plain = json.loads(capsys.readouterr().out)
    assert main([*command, "--explain"]) == 1
    told = json.loads(capsys.readouterr().out)
    places = told.pop("explanations")
    assert (plain.pop("timings_ms").keys(), plain) == (told.pop("timings_ms").keys(), told)
    assert len(places) == len(plain["regions"]) >= 1
    assert places[0]["nearest"][0].keys() == {
        "image", "sha256", "y_px", "x_px", "height_px", "width_px", "distance", "vector",
    }  # fmt: skip
    assert main(["score", str(FORMAT_1), str(tmp_path / "defect.npy"), "--explain"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "build it again" in printed.err


def test_the_table_shows_explanations_below_a_frame(capsys):
    from goodpart.cli.explain import explanation_lines

    with Inspector.load(FORMAT_2, threads=1) as inspector:
        places = [found.to_dict() for found in inspector.inspect(draw_defect(100)).explain()]
    lines = explanation_lines({"explanations": places})
    assert len(lines) == 4 * len(places)
    assert lines[0].strip().startswith(f"{places[0]['height_px']}x{places[0]['width_px']} px (HxW) at y ")
    assert places[0]["nearest"][0]["image"] in lines[1]
    assert explanation_lines({"verdict": "REFUSED"}) == []
