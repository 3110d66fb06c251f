"""Build with parts, splits, lookalikes and masks: what the command line takes, prints and writes."""

import json
import shutil

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.cli.main import main as goodpart
from goodpart.errors import DeviceFileError, UsageError
from goodpart.facts.calibration import CalibrationMethod, promise_of
from goodpart.frames.listing import find_images
from goodpart.inspector import Inspector
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from goodpart_bank_builder.cli.main import main
from small_parts import TINY, draw_blotched, draw_good


@pytest.fixture
def build(good_dir, tiny_backbone, tmp_path, capsys):
    """Runs `goodpart-bank build` on a folder; gives the exit code and what it printed."""

    def call(*options, folder=good_dir):
        command = ["build", str(folder), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "washer")]
        code = main([*command, "--false-reject-rate", "0.1", *map(str, options)])
        return code, capsys.readouterr()

    return call


def report_of(built):
    code, told = built
    assert code == 0, told.err
    return json.loads(told.out)


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """12 parts, of which four were photographed twice: `a00.png` and, a moment later, `b00.png`."""
    folder = tmp_path_factory.mktemp("twins")
    for index in range(12):
        frame = draw_blotched(index)
        cv2.imwrite(str(folder / f"a{index:02}.png"), frame)
        if index < 4:
            again = frame.astype(np.int16) + np.random.default_rng(index).integers(-1, 2, frame.shape)
            cv2.imwrite(str(folder / f"b{index:02}.png"), np.clip(again, 0, 255).astype(np.uint8))
    return folder


def test_every_part_has_one_score(build, twins, tmp_path):
    report = report_of(build("--group", r"(\d+)\.png", "--rate-per", "part", "--json", folder=twins))
    assert (report["images"], report["parts"]) == (16, 12)
    bundle = read_bundle(tmp_path / "washer")
    assert (bundle.manifest.provenance.images, bundle.manifest.provenance.parts) == (16, 12)
    assert len(bundle.calibration.scores) == len(bundle.calibration.peaks) == 12


def test_neighbouring_numbers_are_one_part_when_asked(build, good_dir, tmp_path):
    (tmp_path / "numbered").mkdir()
    for index, path in enumerate(find_images(good_dir)):
        shutil.copy(path, tmp_path / "numbered" / f"{index // 2 * 10 + index % 2}.png")  # 0, 1, 10, 11, 20, 21 ...
    report = report_of(
        build("--group", r"(\d+)", "--group-gap", 8, "--rate-per", "part", "--json", folder=tmp_path / "numbered")
    )
    assert (report["images"], report["parts"]) == (24, 12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--group", "("], "--group '(': expected a regular expression"),
        (["--group", "b"], "expected a match in every image's name, found none in 00.png"),
        (["--group", "^(.)", "--rate-per", "part"], "3 held-out good parts support no rate below 0.25"),
        (["--group", "png"], "expected at least 2 good parts, found 1"),
        (["--group", r"(\d+)", "--group-gap", "1"], "expected at least 2 good parts, found 1"),
        (["--group-gap", "2"], "found no --group"),
        (["--group", "(.*)", "--group-gap", "2"], "expected a number as the last group, found '00.png'"),
        (["--group", "(.)", "--group-gap", "-1"], "--group-gap: expected 0 or more, found -1"),
        (
            ["--calibration", "split", "--false-reject-rate", "0.05"],
            "12 held-out good parts support no rate below 0.07692",
        ),
        (["--ignore", "nowhere.png"], "--ignore: nowhere.png: expected"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_nothing(build, tmp_path, options, words):
    code, told = build(*options)
    assert code == 2
    lines = [line for line in told.err.splitlines() if line.startswith("goodpart-bank: ")]
    assert len(lines) == 1
    assert words in lines[0]
    assert not (tmp_path / "washer").exists()


def test_a_way_of_calibrating_that_there_is_not(build):
    with pytest.raises(SystemExit) as ended:
        build("--calibration", "wishful")
    assert ended.value.code == 2


@pytest.mark.parametrize(("method", "parts", "word"), [("cross-conformal", 24, "target"), ("split", 9, "proven")])
def test_the_bundle_states_how_it_was_calibrated_and_what_that_promises(build, tmp_path, method, parts, word):
    code, told = build("--calibration", method)
    assert code == 0
    calibration = read_bundle(tmp_path / "washer").calibration
    assert calibration.method is CalibrationMethod(method)
    assert calibration.promise == promise_of(calibration.method, 0.1, calibration.rate_unit)
    assert len(calibration.scores) == parts
    for text in (f"{method}, {parts} held-out images", f"{word}: ", "24 of 24 good parts, 0 skipped"):
        assert text in told.out


def test_a_split_bundle_says_what_its_bank_was_chosen_from(build, tmp_path):
    report_of(build("--calibration", "split", "--json"))
    provenance = read_bundle(tmp_path / "washer").manifest.provenance
    assert (provenance.images, provenance.parts, provenance.patches) == (24, 24, 15 * 192)
    Inspector.load(tmp_path / "washer").self_test()


def test_near_identical_images_that_were_held_out_apart_are_reported(build, twins):
    report = report_of(build("--json", folder=twins))
    pairs = [tuple(path.rpartition("/")[2] for path in pair) for pair in report["lookalikes"]]
    assert pairs
    assert {one[1:] == other[1:] and one[0] != other[0] for one, other in pairs} == {True}
    assert {name for pair in report["lookalikes"] for name in pair} <= {str(path) for path in find_images(twins)}


def test_the_warning_counts_them_names_the_nearest_and_says_what_to_do(build, twins):
    report = report_of(build("--json", folder=twins))
    code, told = build("--force", folder=twins)
    assert code == 0
    assert report["lookalike_pairs"] > 1
    assert f"warning     {report['lookalike_pairs']} pairs of near-identical images were held out apart" in told.out
    assert "remove one of each pair, or name parts with --group" in told.out
    assert "  ".join(report["lookalikes"][0]) in told.out


def test_the_warning_about_one_pair_is_in_the_singular(build, twins, tmp_path):
    folder = shutil.copytree(twins, tmp_path / "one_pair", ignore=shutil.ignore_patterns("b01*", "b02*", "b03*"))
    code, told = build(folder=folder)
    assert code == 0
    assert "warning     1 pair of near-identical images was held out apart" in told.out


def test_one_part_is_never_reported_as_lookalikes(build, twins):
    assert report_of(build("--group", r"(\d+)\.png", "--json", folder=twins))["lookalikes"] == []
    assert "near-identical" not in build("--force", "--group", r"(\d+)\.png", folder=twins)[1].out


def test_unrelated_images_give_no_warning(build, twins, tmp_path):
    folder = shutil.copytree(twins, tmp_path / "alone", ignore=shutil.ignore_patterns("b*"))
    code, told = build(folder=folder)
    assert code == 0
    assert "near-identical" not in told.out


def test_a_mask_is_in_the_bundle_and_in_the_report(build, ignore_mask, masked_bundle, tmp_path):
    report = report_of(build("--ignore", ignore_mask, "--json"))
    assert report["ignored_patches"] == 9 * 12
    assert (tmp_path / "washer" / "ignore.npy").read_bytes() == (masked_bundle / "ignore.npy").read_bytes()
    assert read_bundle(tmp_path / "washer").manifest.provenance.patches == 24 * 7 * 12
    assert "108 of 192 patches of every frame (56 %) never count" in build("--ignore", ignore_mask, "--force")[1].out


def test_the_bank_and_the_calibration_know_nothing_of_what_is_ignored(good_dir, tiny_backbone, masked_bundle, tmp_path):
    """Good images that look otherwise there give the same bank, scale and thresholds."""
    folder = tmp_path / "good"
    folder.mkdir()
    for index, path in enumerate(find_images(good_dir)):
        picture = cv2.imread(str(path))
        picture[80:] = np.random.default_rng(index).integers(0, 256, (10, 70, 3))
        cv2.imwrite(str(folder / path.name), picture)
    mask = tmp_path / "mask.png"
    picture = np.zeros((90, 70), np.uint8)
    picture[40:] = 255
    cv2.imwrite(str(mask), picture)
    out = tmp_path / "washer"
    build_bundle(BuildSettings(good_dir=folder, backbone=tiny_backbone, out=out, false_reject_rate=0.1, ignore=mask))
    here, there = read_bundle(out).calibration, read_bundle(masked_bundle).calibration
    assert here.scores == pytest.approx(there.scores, abs=1e-4)
    assert (here.mean, here.threshold) == pytest.approx((there.mean, there.threshold), abs=1e-4)


def test_images_of_another_size_than_the_mask_are_refused(good_dir, ignore_mask, build, tmp_path):
    folder = shutil.copytree(good_dir, tmp_path / "good")
    cv2.imwrite(str(folder / "99.png"), draw_good(99, 100, 70))
    code, told = build("--ignore", ignore_mask, folder=folder)
    assert code == 2
    assert "99.png: expected 90x70 pixels (HxW) like the ignore mask, found 100x70" in told.err


def test_a_bundle_with_a_mask_is_replaced_by_one_without(good_dir, tiny_backbone, masked_bundle, tmp_path):
    out = shutil.copytree(masked_bundle, tmp_path / "masked")
    config = BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=out, false_reject_rate=0.1, force=True)
    assert build_bundle(config).ignored_patches == 0
    assert not (out / "ignore.npy").exists()
    assert read_bundle(out).ignored is None


def test_a_rebuilt_bundle_does_not_take_over_the_threshold_of_the_old_one(build, tmp_path, capsys):
    out = tmp_path / "washer"
    assert build()[0] == goodpart(["threshold", str(out), "--value", "4"]) == 0
    assert build("--force")[0] == 0  # the same bytes are the same bundle
    assert Inspector.load(out).threshold == 4
    assert build("--force", "--seed", 1)[0] == 0
    with pytest.raises(DeviceFileError, match=r"washer\.device\.json: expected settings for bundle .* --reset"):
        Inspector.load(out)
    assert goodpart(["threshold", str(out), "--reset"]) == 0
    assert Inspector.load(out).threshold == read_bundle(out).calibration.threshold


@pytest.mark.parametrize("gap", [-1, -100])
def test_a_negative_gap_is_refused_before_any_work(good_dir, tiny_backbone, tmp_path, gap):
    with pytest.raises(UsageError, match="--group-gap: expected 0 or more"):
        BuildSettings(good_dir=good_dir, backbone=tiny_backbone, out=tmp_path / "out", group="x", group_gap=gap)


def test_the_profiles_share_of_patches_is_that_of_those_that_count(masked_bundle):
    """Of 84 patches that count, 4 / 192 are two."""
    inspector = Inspector.load(masked_bundle)
    inspection = inspector.inspect(draw_good(3))
    counted = inspection.grid[:7].ravel()
    assert TINY.top_k(84) == 2
    assert inspection.score == pytest.approx(np.sort(counted)[-2:].mean(), abs=1e-5)
