"""`--smallest-defect-px N`: an input that shows a defect of N frame pixels, and what that costs."""

import json
from importlib import resources

import cv2
import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.model.backbone import Backbone
from goodpart_export import choose_input
from goodpart_export.cli.export import main
from goodpart_export.sizing.defect_size import seen_from_px, size_for_defect
from goodpart_export.sizing.price import Price

OWN = (288, 288)


@pytest.fixture
def export(tmp_path):
    """Exports for twelve frames of 200x100 pixels with a profile of 64x64."""
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(12):
        pixels = np.random.default_rng(index).integers(0, 255, (200, 100, 3), np.uint8)
        cv2.imwrite(str(folder / f"{index:02}.png"), pixels)
    plain = json.loads(resources.files("goodpart_export.profiles").joinpath("paper.json").read_bytes())
    profile = tmp_path / "small.json"
    profile.write_text(json.dumps({**plain, "name": "small", "input_height_px": 64, "input_width_px": 64}))
    out = tmp_path / "backbone.onnx"

    def run(*options: str) -> tuple[int, tuple[int, int] | None]:
        command = ["--weights", "untrained", "--profile", str(profile), "--out", str(out), "--images", str(folder)]
        code = main([*command, *options])
        found = Backbone.load(out).spec.profile if out.exists() else None
        return code, None if found is None else (found.input_height_px, found.input_width_px)

    return run


@pytest.mark.parametrize("frame", [(900, 900), (1080, 1920), (350, 207), (2048, 2448), (500, 1250)])
@pytest.mark.parametrize("defect", [17, 20, 33, 50, 400])
def test_the_defect_covers_16_input_pixels_and_the_input_is_never_larger_than_the_frame(frame, defect):
    height, width = size_for_defect(frame, defect)
    assert height % 16 == width % 16 == 0
    assert 32 <= height <= frame[0]
    assert 32 <= width <= frame[1]
    reachable = 16 * max(side / (side // 16 * 16) for side in frame)
    if defect >= reachable:
        assert seen_from_px(frame, (height, width)) <= defect
        assert height * width <= 1.15 * max(32, frame[0] * 16 / defect + 16) * max(32, frame[1] * 16 / defect + 16)
    else:
        assert (height, width) == (frame[0] // 16 * 16, frame[1] // 16 * 16)


def test_proportions_stay_where_that_is_cheap():
    # 352 * 16 / 25 = 225 and 208 * 16 / 25 = 133, each up to the next multiple of 16
    assert size_for_defect((352, 208), 25.0) == (240, 144)
    assert size_for_defect((3200, 3200), 160.0) == (320, 320)


def test_a_large_defect_changes_nothing():
    plain = choose_input([(900, 900)], own_px=OWN, images_found=1)
    assert plain.smallest_defect_px == 50.0
    assert choose_input([(900, 900)], own_px=OWN, images_found=1, defect_px=50.0) == plain
    assert choose_input([(900, 900)], own_px=OWN, images_found=1, defect_px=300.0) == plain


def test_a_small_defect_makes_the_input_larger():
    found = choose_input([(900, 900)], own_px=OWN, images_found=1, defect_px=25.0)
    assert (found.input_height_px, found.input_width_px) == (576, 576)
    assert found.smallest_defect_px == 25.0
    assert found.warning is None
    assert "defects of 25 frame pixels and more" in found.describe_defects()


@pytest.mark.parametrize("defect", [1.0, 10.0, 15.9])
def test_less_than_16_frame_pixels_are_out_of_reach_and_it_says_what_is_within(defect):
    found = choose_input([(900, 900)], own_px=OWN, images_found=1, defect_px=defect)
    assert (found.input_height_px, found.input_width_px) == (896, 896)
    assert f"a defect of {defect:g} frame pixels is out of reach" in found.warning
    assert "the smallest that does has 16.1 frame pixels" in found.warning


@pytest.mark.parametrize("defect", [0.0, -3.0, float("nan"), float("inf")])
def test_a_size_that_no_defect_has_is_refused(export, capsys, defect):
    with pytest.raises(UsageError, match="a number above 0"):
        choose_input([(900, 900)], own_px=OWN, images_found=1, defect_px=defect)
    assert export("--size", "auto", "--smallest-defect-px", str(defect)) == (2, None)
    assert "--smallest-defect-px: expected frame pixels" in capsys.readouterr().err


def test_the_command_takes_it_and_tells_its_price(export, capsys):
    code, size = export("--size", "auto", "--smallest-defect-px", "20")
    assert code == 0
    assert size == (160, 80)
    captured = capsys.readouterr()
    assert "defects of 20 frame pixels and more cover 16 input pixels" in captured.err
    price = next(line for line in captured.out.splitlines() if line.startswith("price"))
    assert "ms to embed here (measured, one thread)" in price
    assert "(estimated from the pixels)" in price


def test_the_region_of_interest_is_the_frame(export, capsys):
    code, size = export("--size", "auto", "--smallest-defect-px", "16", "--roi", "20,10,64,80", "--json")
    assert code == 0
    assert size == (64, 80)
    report = json.loads(capsys.readouterr().out)
    assert report["input_choice"]["smallest_defect_px"] == 16.0
    assert report["price"]["embed_ms"] > report["price"]["without_ms"] > 0


def test_no_price_without_the_option(export, capsys):
    assert export("--size", "auto", "--json")[0] == 0
    assert json.loads(capsys.readouterr().out)["price"] is None


def test_a_price_of_nothing_says_so():
    assert "no more than without" in Price(embed_ms=12.0, without_ms=12.0).describe()


@pytest.mark.parametrize(("size", "found"), [([], "no --size"), (["--size", "64x64"], "--size 64x64")])
def test_it_needs_size_auto(tmp_path, capsys, size, found):
    out = tmp_path / "b.onnx"
    assert main(["--weights", "untrained", "--out", str(out), "--smallest-defect-px", "20", *size]) == 2
    assert f"--smallest-defect-px: expected --size auto beside it, found {found}" in capsys.readouterr().err
    assert not out.exists()
