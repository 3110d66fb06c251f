"""`--size auto --images GOOD_DIR`: what is looked at, what is said, what is refused."""

import json
from importlib import resources
from pathlib import Path

import cv2
import numpy as np
import pytest

from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi
from goodpart.model.backbone import Backbone
from goodpart_export import choose_input, survey
from goodpart_export.cli.export import main

RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)


@pytest.fixture
def images(tmp_path) -> Path:
    """Twelve tall photographs, 200x100 pixels, some of them grey."""
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(12):
        shape = (200, 100) if index % 3 == 0 else (200, 100, 3)
        pixels = np.random.default_rng(index).integers(0, 255, shape, np.uint8)
        cv2.imwrite(str(folder / f"{index:02}.png"), pixels)
    return folder


@pytest.fixture
def small_profile(tmp_path) -> str:
    """The paper's profile with an input of 64x64, so that the export is quick."""
    plain = json.loads(resources.files("goodpart_export.profiles").joinpath("paper.json").read_bytes())
    path = tmp_path / "small.json"
    path.write_text(json.dumps({**plain, "name": "small", "input_height_px": 64, "input_width_px": 64}))
    return str(path)


@pytest.fixture
def export(tmp_path, small_profile):
    out = tmp_path / "backbone.onnx"

    def run(*options: str) -> tuple[int, Path]:
        return main(["--weights", "untrained", "--profile", small_profile, "--out", str(out), *options]), out

    return run


def write_pgm(path: Path, height: int, width: int) -> None:
    path.write_bytes(b"P5 %d %d 255\n" % (width, height) + bytes(height * width))


def test_tall_images_get_a_tall_input(export, images, capsys):
    code, out = export("--size", "auto", "--images", str(images))
    assert code == 0
    profile = Backbone.load(out).spec.profile
    assert (profile.input_height_px, profile.input_width_px) == (96, 48)
    captured = capsys.readouterr()
    assert "input 96x48 (HxW) chosen: median aspect (height / width) 2 in 12 images," in captured.err
    assert "remaining distortion 0.0 %; one input pixel covers 2.08 x 2.08 frame pixels\n" in captured.err
    assert "warning" not in captured.err
    assert "one input pixel covers 2.08 x 2.08 frame pixels if 200x100 are inspected\n" in captured.out
    report = json.loads(out.with_name("backbone.report.json").read_text())
    assert report["input_choice"] == {
        "images": 12,
        "images_found": 12,
        "inspected_height_px": 200.0,
        "inspected_width_px": 100.0,
        "median_aspect": 2.0,
        "aspect_p10": 2.0,
        "aspect_p90": 2.0,
        "input_height_px": 96,
        "input_width_px": 48,
        "distortion_percent": 0.0,
        "frame_pixels_per_input_pixel": [2.08, 2.08],
        "smallest_defect_px": 33.4,
        "warning": None,
    }


def test_the_region_of_interest_is_what_counts(export, images, capsys):
    code, out = export("--size", "auto", "--images", str(images), "--roi", "0,0,40,80", "--json")
    assert code == 0
    report = json.loads(capsys.readouterr().out)
    assert report["input_choice"]["median_aspect"] == 0.5
    # half of the region's 40x80 pixels leave little choice
    profile = Backbone.load(out).spec.profile
    assert (profile.input_height_px, profile.input_width_px) == (32, 48)


def test_images_of_all_shapes_are_a_warning(export, images, capsys):
    for index in range(12):
        write_pgm(images / f"flat{index}.pgm", 50, 100)
    code, out = export("--size", "auto", "--images", str(images))
    assert code == 0
    assert "warning: the images' aspects differ 4-fold" in capsys.readouterr().err
    report = json.loads(out.with_name("backbone.report.json").read_text())
    assert "no input size suits all" in report["input_choice"]["warning"]


def test_without_images_the_profiles_own_size_stays(export, capsys):
    code, out = export()
    assert code == 0
    profile = Backbone.load(out).spec.profile
    assert (profile.input_height_px, profile.input_width_px) == (64, 64)
    captured = capsys.readouterr()
    assert "--size auto --images GOOD_DIR" in captured.out
    assert captured.err == ""
    assert json.loads(out.with_name("backbone.report.json").read_text())["input_choice"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "auto"], "expected --images GOOD_DIR"),
        (["--images", "photos"], "expected --size auto beside it, found no --size"),
        (["--images", "photos", "--size", "64x64"], "expected --size auto beside it, found --size 64x64"),
        (["--images", "photos", "--size", "auto"], "photos: expected a folder of images, found nothing"),
    ],
)
def test_one_without_the_other_is_a_usage_error(export, capsys, monkeypatch, tmp_path, options, words):
    monkeypatch.chdir(tmp_path)
    code, out = export(*options)
    assert code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_size_that_is_neither_names_both(export, capsys):
    with pytest.raises(SystemExit) as stop:
        export("--size", "automatic")
    assert stop.value.code == 2
    assert "expected HxW in pixels, such as 256x256, found 'automatic'; or give auto" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "expected one whole picture, found a truncated file"),
        (["--channels", "GRAY"], "expected uint8 GRAY"),
        (["--roi", "0,0,300,300"], "expected at least 300x300 pixels"),
    ],
)
def test_an_image_that_the_backbone_could_not_take_is_named(export, images, capsys, options, words):
    if not options:
        data = (images / "07.png").read_bytes()
        (images / "07.png").write_bytes(data[: len(data) // 2])
    code, out = export("--size", "auto", "--images", str(images), *options)
    assert code == 4
    message = capsys.readouterr().err.splitlines()[-1]
    assert str(images) in message
    assert words in message
    assert not out.exists()


def test_of_many_images_an_even_sample_is_looked_at(tmp_path):
    for index in range(401):
        write_pgm(tmp_path / f"{index:03}.pgm", index + 1, 1)
    seen, found = survey(tmp_path, RGB)
    heights = [height for height, _ in seen]
    assert (len(seen), found) == (200, 401)
    assert (heights[0], heights[-1]) == (1, 401)
    assert set(np.diff(heights)) <= {2, 3}
    assert survey(tmp_path, RGB) == (seen, found)


def test_of_a_few_images_all_are_looked_at(tmp_path):
    for index in range(200):
        write_pgm(tmp_path / f"{index:03}.pgm", index + 1, 1)
    assert survey(tmp_path, RGB) == ([(index + 1, 1) for index in range(200)], 200)


@pytest.mark.real
def test_bottles_keep_the_square_and_tiles_get_a_taller_input(real_data, capsys):
    choices = {}
    for name in ("mvtec_bottle_half", "magnetic_tile"):
        seen, found = survey(real_data / name / "train" / "good", RGB)
        choices[name] = choose_input(seen, own_px=(256, 256), images_found=found)
    bottle, tile = choices["mvtec_bottle_half"], choices["magnetic_tile"]
    assert (bottle.input_height_px, bottle.input_width_px, bottle.distortion_percent) == (256, 256, 0)
    assert bottle.warning is None
    assert tile.median_aspect == pytest.approx(1.17, abs=0.02)
    assert tile.input_height_px > tile.input_width_px
    assert tile.distortion_percent < 5
    assert tile.warning is not None


@pytest.mark.real
def test_tiles_export_with_the_pretrained_weights(real_data, real_weights, tmp_path, capsys):
    out = tmp_path / "tile.onnx"
    images = real_data / "magnetic_tile" / "train" / "good"
    command = ["--weights", str(real_weights), "--profile", "default", "--size", "auto", "--images", str(images)]
    assert main([*command, "--channels", "GRAY", "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    profile = Backbone.load(out).spec.profile
    assert profile.input_height_px == report["input_choice"]["input_height_px"] > profile.input_width_px
    assert report["input_choice"]["images_found"] == 300
    assert report["parity"] <= report["parity_limit"]


def test_the_region_of_interest_is_surveyed_whatever_the_frames(images):
    frame = FrameSpec(
        channels=Channels.RGB,
        dtype=PixelType.UINT8,
        value_range=None,
        roi=Roi(y_px=1, x_px=2, height_px=30, width_px=60),
    )
    assert survey(images, frame) == ([(30, 60)] * 12, 12)
