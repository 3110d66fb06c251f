"""`--rate-per`: what a false-reject rate is a share of, from held-out distances to what `build` prints."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.facts.calibration import CalibrationMethod, RateUnit
from goodpart.scoring.scores import calibrate, image_score
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.calibrate import make_calibration
from small_parts import draw_blotched

CROSS, SPLIT = CalibrationMethod.CROSS_CONFORMAL, CalibrationMethod.SPLIT


def calibration(distances, parts, *, method, unit, rate=0.1):
    """From `(images, P)` distances and the part of each image."""
    paths = [Path(f"{index:03}.png") for index in range(len(distances))]
    return make_calibration(
        dict(zip(paths, distances, strict=True)),
        dict(zip(paths, parts, strict=True)),
        LearnSettings(calibration=method, false_reject_rate=rate, rate_per=unit),
        top_k=2,
    )


@pytest.fixture
def uneven():
    """20 parts with 1 to 4 images of 9 patches each: the distances, and the part of each image."""
    parts = [str(part) for part in range(20) for _ in range(part % 4 + 1)]
    return np.random.default_rng(0).uniform(0, 1, (len(parts), 9)), parts


def test_cross_conformal_pools_all_images(uneven):
    distances, parts = uneven
    made = calibration(distances, parts, method=CROSS, unit=RateUnit.IMAGE)
    scores = [image_score(calibrate(each, made), 2) for each in distances]
    np.testing.assert_allclose(made.scores, np.sort(scores))
    assert (made.unit, made.score_sizes, made.peak_sizes, len(made.scores)) == (RateUnit.IMAGE, None, None, 50)
    assert made.threshold == made.scores[45]  # ceil(51 * 0.9) = 46th of 50


def test_a_split_weighs_every_image_by_its_part(uneven):
    distances, parts = uneven
    made = calibration(distances, parts, method=SPLIT, unit=RateUnit.IMAGE)
    calibrated = [calibrate(each, made) for each in distances]
    size_of = {part: parts.count(part) for part in parts}
    for values, sizes, threshold in (
        ([image_score(each, 2) for each in calibrated], made.score_sizes, made.threshold),
        ([float(each.max()) for each in calibrated], made.peak_sizes, made.pixel_threshold),
    ):
        order = np.argsort(values)
        assert sizes == tuple(size_of[parts[index]] for index in order)
        reached = np.cumsum([1 / size_of[parts[index]] for index in order]) / 21
        assert threshold == pytest.approx(values[order[np.argmax(reached >= 0.9 - 1e-9)]])
    assert made.score_sizes != made.peak_sizes


@pytest.mark.parametrize("method", CalibrationMethod)
def test_per_part_a_part_counts_with_its_worst_image(uneven, method):
    distances, parts = uneven
    made = calibration(distances, parts, method=method, unit=RateUnit.PART)
    assert (made.unit, made.score_sizes, len(made.scores)) == (RateUnit.PART, None, 20)


def test_one_odd_image_does_not_set_the_threshold_of_images():
    """What made a rate per part useless with few parts: of 15 parts, the worst image of all is the threshold."""
    distances = np.random.default_rng(0).uniform(0.0, 0.1, (90, 9))
    distances[7] = 0.9
    parts = [str(index // 6) for index in range(90)]
    per_image, per_part = (
        calibration(distances, parts, method=CROSS, unit=unit, rate=0.0625) for unit in (RateUnit.IMAGE, RateUnit.PART)
    )
    assert per_part.threshold == per_part.scores[-1]
    assert per_image.threshold < 0.2 * per_part.threshold


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """12 parts in two views each; `05_1.png` has a bright block."""
    folder = tmp_path_factory.mktemp("views")
    for index in range(24):
        frame = draw_blotched(index, levels=9.0)
        if index == 11:
            frame[30:44, 40:52] = (255, 0, 255)
        cv2.imwrite(str(folder / f"{index // 2:02}_{index % 2}.png"), frame)
    return folder


@pytest.fixture
def build(views, tiny_backbone, tmp_path, capsys):
    """Runs `goodpart-bank build` on the views by part; gives the exit code and what it printed."""

    def call(*options):
        command = ["build", str(views), "--backbone", str(tiny_backbone), "--out", str(tmp_path / "washer")]
        code = main([*command, "--group", r"(\d\d)_", *options])
        return code, capsys.readouterr()

    return call


def test_a_threshold_that_is_one_images_score_is_said_with_its_name(build):
    code, told = build("--rate-per", "part", "--false-reject-rate", "0.1")
    assert code == 0
    assert "cross-conformal, 12 held-out parts" in told.out
    assert (
        "this threshold is the score of one image, 05_1.png: the highest of all held-out parts; look at it" in told.out
    )


def test_a_threshold_below_the_highest_score_has_no_such_sentence(build):
    code, told = build("--false-reject-rate", "0.1")
    assert code == 0
    assert "cross-conformal, 24 held-out images" in told.out
    assert "the score of one image" not in told.out


def test_a_split_of_parts_with_a_rate_per_image(build, tmp_path):
    code, told = build("--calibration", "split", "--false-reject-rate", "0.2")
    assert code == 0, told.err
    calibration = read_bundle(tmp_path / "washer").calibration
    assert (calibration.unit, calibration.supporting) == (RateUnit.IMAGE, 4)
    assert calibration.score_sizes == (2,) * 8
    assert "proven: a random image of a new good part" in told.out


def test_a_rate_that_the_parts_of_a_split_do_not_support(build):
    code, told = build("--calibration", "split", "--false-reject-rate", "0.1")
    assert code == 2
    assert "6 held-out good parts support no rate below 0.1429, found 0.1" in told.err


def test_a_rate_that_the_images_do_not_support(build):
    code, told = build("--false-reject-rate", "0.03")
    assert code == 2
    assert "24 held-out good images support no rate below 0.04, found 0.03" in told.err


def test_a_unit_that_there_is_none(build, capsys):
    with pytest.raises(SystemExit) as ended:
        build("--rate-per", "frame")
    assert ended.value.code == 2
    assert "expected image or part, found 'frame'" in capsys.readouterr().err
