"""The atlas: small pictures of learned images, handed out for explanations, and the ways in which it can be wrong."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from broken_bundles import change_json, refused, repair
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import (
    BundleMissingError,
    ContractError,
    IntegrityError,
    ManifestError,
    MissingExtraError,
    UsageError,
)
from goodpart.facts.learned import AtlasSpec
from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.crops import crop
from small_frames import draw_defect, draw_small

FIXTURES = Path(__file__).parents[1] / "fixtures"
FORMAT_1, FORMAT_2 = FIXTURES / "format_1", FIXTURES / "format_2"
SHEET = "atlas/000.jpg"


@pytest.fixture
def pictured(tmp_path):
    """A copy of the fixture of format 2, to be broken."""
    return Path(shutil.copytree(FORMAT_2, tmp_path / "bar"))


def first_picture(bundle):
    with Inspector.load(bundle, threads=1) as inspector:
        return inspector.atlas.picture(inspector.memory.images.images[0].name)


def test_the_picture_of_an_image_is_that_image():
    pytest.importorskip("cv2")
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        kept = {inspector.memory.images.images[number].name for number in inspector.memory.origins[:, 0]}
        for number, image in enumerate(inspector.memory.images.images):
            if image.name in kept and image.name != "05_1.npy":
                picture = inspector.atlas.picture(image.name)
                assert picture.shape == (24, 18, 3)
                others = [np.abs(picture.astype(int) - draw_small(seed)).mean() for seed in range(24)]
                assert int(np.argmin(others)) == number


def test_a_good_patch_of_an_explanation_is_shown_with_its_surroundings():
    pytest.importorskip("cv2")
    with Inspector.load(FORMAT_2, threads=1) as inspector:
        good = inspector.inspect(draw_defect(100)).explain()[0].nearest[0]
        shown = inspector.atlas.patch(good, context=1)
        whole = inspector.atlas.picture(good.image)
    assert (shown.height_px, shown.width_px) == (good.height_px, good.width_px)
    inside = shown.picture[shown.y_px : shown.y_px + shown.height_px, shown.x_px : shown.x_px + shown.width_px]
    np.testing.assert_array_equal(
        inside, whole[good.y_px : good.y_px + good.height_px, good.x_px : good.x_px + good.width_px]
    )


def test_without_opencv_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"runtime\[images\]"):
        first_picture(FORMAT_2)


def test_bundles_without_an_atlas_say_so(pictured):
    def drop(facts):
        del facts["atlas"], facts["files"][SHEET]

    change_json(pictured / "manifest.json", drop)
    with Inspector.load(pictured, threads=1) as inspector, pytest.raises(UsageError, match="--thumbnails"):
        _ = inspector.atlas
    with Inspector.load(FORMAT_1, threads=1) as inspector, pytest.raises(UsageError, match="format version 1"):
        _ = inspector.atlas


def test_an_image_that_is_not_in_it():
    with Inspector.load(FORMAT_2, threads=1) as inspector, pytest.raises(UsageError, match=r"found 'x\.png'"):
        inspector.atlas.picture("x.png")


def test_no_sheet_is_kept_in_memory():
    assert SHEET not in read_bundle(FORMAT_2, keep=True)._kept


def test_missing_sheet(pictured):
    (pictured / SHEET).unlink()
    refused(pictured, BundleMissingError, SHEET)


def test_flipped_bit(pictured):
    data = bytearray((pictured / SHEET).read_bytes())
    data[len(data) // 2] ^= 1
    (pictured / SHEET).write_bytes(data)
    refused(pictured, IntegrityError, SHEET, "sha256")


def test_sheets_in_a_linked_folder(pictured, tmp_path):
    shutil.move(pictured / "atlas", tmp_path / "elsewhere")
    (pictured / "atlas").symlink_to(tmp_path / "elsewhere")
    refused(pictured, ContractError, "atlas", "plain folder")


def test_a_sheet_that_changes_after_it_was_checked_is_noticed(pictured):
    pytest.importorskip("cv2")
    with Inspector.load(pictured, threads=1) as inspector:
        (pictured / SHEET).write_bytes(b"other")
        with pytest.raises(IntegrityError, match="atlas"):
            inspector.atlas.picture("00_0.npy")


def test_a_gap_between_sheets(pictured):
    change_json(
        pictured / "manifest.json", lambda facts: facts["files"].update({"atlas/002.jpg": facts["files"][SHEET]})
    )
    refused(pictured, ContractError, "missing ['atlas/001.jpg']", "foreign ['atlas/002.jpg']")


def test_an_atlas_without_sheets(pictured):
    change_json(pictured / "manifest.json", lambda facts: facts["files"].pop(SHEET))
    refused(pictured, ContractError, "missing ['atlas/000.jpg']")


def test_sheets_without_an_atlas(pictured):
    change_json(pictured / "manifest.json", lambda facts: facts.pop("atlas"))
    refused(pictured, ContractError, "foreign ['atlas/000.jpg']")


def test_an_atlas_without_origins(pictured):
    change_json(pictured / "manifest.json", lambda facts: facts["files"].pop("origins.npy"))
    refused(pictured, ContractError, "missing ['origins.npy']")


@pytest.mark.parametrize("change", [{"cell_px": 20}, {"cell_px": 0}, {"cell_px": 528}, {"rows": 0}, {"columns": 17}])
def test_an_impossible_layout(pictured, change):
    change_json(pictured / "manifest.json", lambda facts: facts["atlas"].update(change))
    refused(pictured, ManifestError, "atlas: expected cells")


def test_format_1_has_no_atlas(tmp_path):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar"))
    atlas = {"cell_px": 192, "rows": 8, "columns": 8}
    change_json(folder / "manifest.json", lambda facts: facts.update(atlas=atlas))
    refused(folder, ManifestError, "none in format version 1")


@pytest.mark.parametrize("cut", [0, 10, 0.5])
def test_a_sheet_that_is_no_whole_jpeg_costs_the_picture_and_not_the_verdict(pictured, cut):
    pytest.importorskip("cv2")
    data = (pictured / SHEET).read_bytes()
    (pictured / SHEET).write_bytes(data[: int(cut * len(data)) if cut < 1 else cut])
    repair(pictured)
    with pytest.raises(ContractError, match="expected a JPEG"):
        first_picture(pictured)


def test_a_sheet_of_another_size(pictured):
    cv2 = pytest.importorskip("cv2")
    (pictured / SHEET).write_bytes(cv2.imencode(".jpg", np.zeros((96, 96, 3), np.uint8))[1].tobytes())
    repair(pictured)
    with pytest.raises(ContractError, match=r"found \(96, 96\)"):
        first_picture(pictured)


def test_cells_lie_row_by_row_and_sheet_by_sheet():
    spec = AtlasSpec(cell_px=32, rows=2, columns=3)
    assert [spec.cell_of(number) for number in (0, 2, 3, 5, 6)] == [
        (0, 0, 0), (0, 0, 64), (0, 32, 0), (0, 32, 64), (1, 0, 0),
    ]  # fmt: skip
    assert (spec.sheets(6), spec.sheets(7), spec.sheet_px(0, 7), spec.sheet_px(1, 7)) == (1, 2, (64, 96), (32, 96))
    assert (spec.thumbnail_px(900, 900), spec.thumbnail_px(10, 20)) == ((32, 32), (10, 20))
    assert (spec.thumbnail_px(3, 9000), spec.thumbnail_px(640, 480)) == ((1, 32), (32, 24))


def test_a_crop_ends_where_the_picture_ends():
    picture = np.arange(10 * 12 * 3, dtype=np.uint8).reshape(10, 12, 3)
    found = crop(picture, Roi(y_px=1, x_px=8, height_px=2, width_px=4), context=1.5)
    np.testing.assert_array_equal(found.picture, picture[0:6, 2:12])
    assert (found.y_px, found.x_px, found.height_px, found.width_px) == (1, 6, 2, 4)
