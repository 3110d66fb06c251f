"""The ignore mask: what lies under it never counts; and every way its file can be wrong."""

import dataclasses
import shutil

import numpy as np
import pytest

import goodpart.bundle.bundle as bundle_module
from broken_bundles import change_json, repair
from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main
from goodpart.errors import BundleError, BundleMissingError, ContractError, IntegrityError
from goodpart.facts.spec import Roi
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from small_frames import draw_good


@pytest.fixture(scope="module")
def masked(masked_bundle):
    """Ignores rows 4 to 7 of the grid: all of the frame from pixel row 12 on."""
    return Inspector.load(masked_bundle)


@pytest.fixture
def broken(masked_bundle, tmp_path):
    """A copy of the bundle, to be broken."""
    return shutil.copytree(masked_bundle, tmp_path / "masked")


def draw_block(seed, row):
    """A bar with a black block that begins at pixel row `row`."""
    frame = draw_good(seed)
    frame[row : row + 4, 6:10] = 0
    return frame


@pytest.mark.parametrize("seed", range(1000, 1006))
def test_a_defect_under_the_mask_changes_nothing_and_the_same_one_elsewhere_is_found(masked, inspector, seed):
    good, under, beside = (
        masked.inspect(frame) for frame in (draw_good(seed), draw_block(seed, 15), draw_block(seed, 5))
    )
    assert under.score == pytest.approx(good.score, abs=1e-4)
    assert under.verdict is good.verdict
    assert beside.verdict is Verdict.DEFECT
    assert inspector.inspect(draw_block(seed, 15)).verdict is Verdict.DEFECT  # without a mask it is one


def test_no_region_lies_under_the_mask(masked):
    regions = masked.inspect(draw_block(1000, 5)).regions
    assert regions
    assert all(region.y_px + region.height_px <= 12 for region in regions)


def test_the_grid_holds_the_lowest_counted_score_there(masked):
    inspection = masked.inspect(draw_block(1000, 15))
    np.testing.assert_array_equal(inspection.ignored, np.arange(8)[:, np.newaxis].repeat(8, axis=1) >= 4)
    assert not inspection.ignored.flags.writeable
    assert not inspection.grid.flags.writeable
    assert (inspection.grid[4:] == inspection.grid[:4].min()).all()
    assert np.ptp(inspection.grid[:4]) > 1


def test_only_counted_patches_are_searched(masked):
    exact = masked.bank.exact_distances(masked.backbone.embed(draw_block(1000, 5))[: 4 * 8])
    scores = np.sort((exact - masked.calibration.mean) / masked.calibration.std)
    inspection = masked.inspect(draw_block(1000, 5))
    assert inspection.score == pytest.approx(scores[-2:].mean(), abs=1e-5)
    assert inspection.recomputed_patches <= 4 * 8


def test_maps_of_what_is_ignored(masked):
    inspection = masked.inspect(draw_good(1000))
    shown = inspection.ignored_map()
    assert (shown.dtype, shown.shape) == (np.bool_, (24, 18))
    np.testing.assert_array_equal(shown, np.arange(24)[:, np.newaxis].repeat(18, axis=1) >= 12)
    np.testing.assert_allclose(inspection.calibrated_map()[14:], inspection.grid.min(), rtol=1e-5)


def test_a_frame_of_another_size_has_the_same_share_ignored(masked):
    shown = masked.inspect(draw_good(5, 160, 24)).ignored_map()
    np.testing.assert_array_equal(shown, np.arange(160)[:, np.newaxis].repeat(24, axis=1) >= 80)


def test_nothing_is_ignored_without_a_mask(inspector):
    inspection = inspector.inspect(draw_good(5))
    assert inspection.ignored is None
    assert inspection.ignored_map().shape == (24, 18)
    assert not inspection.ignored_map().any()


def test_all_outside_the_region_of_interest_is_ignored(inspector, masked):
    roi = Roi(y_px=5, x_px=3, height_px=12, width_px=8)
    outside = np.ones((24, 18), bool)
    outside[5:17, 3:11] = False
    spec = dataclasses.replace(inspector.backbone.spec.frame, roi=roi)
    alone = dataclasses.replace(inspector.inspect(draw_good(5)), frame_spec=spec)
    np.testing.assert_array_equal(alone.ignored_map(), outside)
    both = dataclasses.replace(masked.inspect(draw_good(5)), frame_spec=spec)
    outside[11:] = True  # 4 of 8 rows of 1.5 pixels from 5 on
    np.testing.assert_array_equal(both.ignored_map(), outside)


def test_the_bundle_lists_and_reads_it(masked_bundle):
    bundle = read_bundle(masked_bundle)
    assert "ignore.npy" in bundle.manifest.files
    assert (bundle.ignored.dtype, bundle.ignored.shape) == (np.bool_, (8, 8))
    assert not bundle.ignored.flags.writeable
    assert max(Inspector.load(masked_bundle).self_test().values()) < 1e-6


def test_info_counts_it(masked_bundle, built_bundle, capsys):
    assert main(["info", str(masked_bundle)]) == 0
    text = capsys.readouterr().out
    assert "32 of 64 patches never count" in text
    assert "top-k = 2" in text
    assert main(["info", str(built_bundle)]) == 0
    assert "never count" not in capsys.readouterr().out


def replace(bundle, array, **options):
    np.save(bundle / "ignore.npy", array, **options)
    repair(bundle)


def refused(bundle, error, *words):
    with pytest.raises(BundleError) as caught:
        Inspector.load(bundle)
    assert type(caught.value) is error, repr(caught.value)
    assert "\n" not in str(caught.value)
    for word in ("ignore.npy", *words):
        assert word in str(caught.value)


IGNORED = np.repeat([False, True], [4, 4])[:, np.newaxis].repeat(8, axis=1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, "U5", "S1", [("a", bool), ("b", "i4")], "M8[s]"])
def test_another_dtype(broken, dtype):
    replace(broken, np.zeros((8, 8), dtype))
    refused(broken, ContractError, "expected a bool array (8, 8)")


@pytest.mark.parametrize("shape", [(4, 16), (64,), (8, 8, 1), (1, 8, 8), (7, 8), (0, 8), ()])
def test_another_shape(broken, shape):
    replace(broken, np.zeros(shape, bool))
    refused(broken, ContractError, "expected a bool array (8, 8)", str(shape))


def test_nothing_left(broken):
    replace(broken, np.ones((8, 8), bool))
    refused(broken, ContractError, "leaves some patches", "64 set")


def test_a_pickle(broken):
    replace(broken, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    refused(broken, ContractError, "without pickles")


@pytest.mark.parametrize("data", [b"", b"\x93NUMPY", b"no array", b"PK\x03\x04"])
def test_no_array(broken, data):
    (broken / "ignore.npy").write_bytes(data)
    repair(broken)
    refused(broken, ContractError, "expected one numpy array")


def test_listed_and_missing(broken):
    (broken / "ignore.npy").unlink()
    refused(broken, BundleMissingError, "expected a file of the bundle")


def test_listed_and_a_link(broken, tmp_path):
    shutil.move(broken / "ignore.npy", tmp_path / "elsewhere")
    (broken / "ignore.npy").symlink_to(tmp_path / "elsewhere")
    refused(broken, ContractError, "plain file")


def test_a_flipped_bit(broken):
    data = bytearray((broken / "ignore.npy").read_bytes())
    data[-1] ^= 1
    (broken / "ignore.npy").write_bytes(data)
    refused(broken, IntegrityError, "sha256")


def test_a_truncated_file(broken):
    (broken / "ignore.npy").write_bytes((broken / "ignore.npy").read_bytes()[:-1])
    refused(broken, IntegrityError, "bytes")


def test_a_file_exchanged_after_the_check(broken, monkeypatch):
    honest = bundle_module.check_file_facts

    def check_and_exchange(folder, name, facts):
        honest(folder, name, facts)
        if name == "ignore.npy":
            np.save(folder / name, ~IGNORED)

    monkeypatch.setattr(bundle_module, "check_file_facts", check_and_exchange)
    refused(broken, IntegrityError, "sha256")


@pytest.mark.parametrize("content", ["an array", "nonsense", "a link"])
def test_a_stray_file_that_the_manifest_does_not_list_means_nothing(bundle, content):
    before = Inspector.load(bundle).inspect(draw_good(5))
    if content == "an array":
        np.save(bundle / "ignore.npy", IGNORED)
    elif content == "nonsense":
        (bundle / "ignore.npy").write_bytes(b"no array")
    else:
        (bundle / "ignore.npy").symlink_to("nowhere")
    loaded = Inspector.load(bundle)
    assert loaded.bundle.ignored is None
    assert loaded.inspect(draw_good(5)).score == before.score


def test_a_mask_that_is_no_longer_listed_no_longer_holds(broken):
    change_json(broken / "manifest.json", lambda facts: facts["files"].pop("ignore.npy"))
    assert read_bundle(broken).ignored is None


def test_a_mask_in_fortran_order_is_the_same_mask(broken):
    replace(broken, np.asfortranarray(IGNORED))
    loaded = Inspector.load(broken)
    np.testing.assert_array_equal(loaded.bundle.ignored, IGNORED)
    assert loaded.self_test()


def test_nothing_set_is_a_mask_too(broken):
    replace(broken, np.zeros((8, 8), bool))
    assert not read_bundle(broken).ignored.any()
