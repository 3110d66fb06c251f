"""Grey pictures and a backbone for colour: `build` and `doctor` say that a grey camera's frames would be refused."""

import cv2
import pytest

from goodpart_bank_builder.cli.main import main
from small_frames import draw_small
from small_network import small_backbone
from small_parts import GRAY, RGB

WARNING = "WARNING     All 24 images are grey, and the backbone takes colour"


@pytest.fixture
def folder(tmp_path):
    """Of 24 grey pictures, one value for a pixel, as a camera with Mono8 gives them."""
    (tmp_path / "good").mkdir()
    for seed in range(24):
        cv2.imwrite(str(tmp_path / "good" / f"{seed:02}.png"), draw_small(seed)[:, :, 1])
    return tmp_path / "good"


def build(folder, frame, capsys, *options):
    backbone, out = small_backbone(folder.parent / "b.onnx", frame=frame), folder.parent / "bar"
    assert main(["build", str(folder), "--backbone", str(backbone), "--out", str(out), *options]) == 0
    return capsys.readouterr()


def test_grey_pictures_and_a_backbone_for_colour_are_told(folder, capsys):
    told = build(folder, RGB, capsys).out
    assert WARNING in told
    assert "goodpart-export --channels GRAY" in told
    main(["doctor", str(folder), "--backbone", str(folder.parent / "b.onnx")])
    assert WARNING in capsys.readouterr().out


def test_the_report_stays_json(folder, capsys):
    shown = build(folder, RGB, capsys, "--json")
    assert '"grey_as_colour": true' in shown.out.replace('":true', '": true')
    assert WARNING in shown.err
    assert "WARNING" not in shown.out


@pytest.mark.parametrize("frame", [RGB, GRAY])
def test_one_picture_in_colour_or_a_backbone_for_grey_is_no_warning(folder, capsys, frame):
    if frame is RGB:
        cv2.imwrite(str(folder / "23.png"), draw_small(23)[:, :, ::-1])
    assert "are grey" not in build(folder, frame, capsys).out
