"""What the head was taught: beside the bundle, on the pages, the same bytes every time, and never another bundle's."""

import base64
import json
import shutil

import cv2
import numpy as np
import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.inspector import Inspector
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.report.painted import painted_file, read_painted
from small_frames import draw_small
from small_network import small_backbone


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("painted")
    for name, defect, count in (("good", False, 20), ("bad", True, 4)):
        (folder / name).mkdir()
        for number in range(count):
            np.save(folder / name / f"{number:02}.npy", draw_small(number, defect=defect))
    small_backbone(folder / "backbone.onnx", head=True)
    return folder


def build(source, out, *options):
    files = [str(source / "good"), "--backbone", str(source / "backbone.onnx"), "--out", str(out)]
    return main(["build", *files, "--false-reject-rate", "0.1", "--head", "1", *options])


@pytest.fixture(scope="module")
def built(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "bar"
    assert build(source, out, "--report", str(out.with_name("page"))) == 0
    return out


def test_the_page_of_a_build_shows_what_the_head_was_taught(built):
    page = (built.with_name("page") / "index.html").read_text()
    assert "What the head was taught" in page
    assert "counts with alpha&nbsp;1:" in page
    assert "image AUROC is" in page
    assert "--head off" in page
    painted = read_painted(read_bundle(built))
    assert 12 <= len(painted.images) <= 24
    kinds = {defect.kind for image in painted.images for defect in image.defects}
    assert kinds == {"scratch", "dots", "blob", "cut and pasted", "scar"}
    for image in painted.images:
        assert image.picture.picture.address in page
        for defect in image.defects:
            assert defect.close_up.picture.address in page


def test_the_pictures_are_small_jpegs_of_painted_frames_with_boxes(built):
    painted = read_painted(read_bundle(built))
    assert painted_file(built).stat().st_size < 600_000
    for image in painted.images:
        data = base64.b64decode(image.picture.jpeg)
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.shape == (image.picture.height_px, image.picture.width_px, 3)
        assert max(pixels.shape) == 320
        blue, green, red = (pixels[:, :, channel].astype(int) for channel in range(3))
        # the yellow of boxes, which no good bar has
        assert ((red > 180) & (green > 160) & (blue < 110)).sum() > 50


def test_the_same_build_gives_the_same_bytes(source, built, tmp_path):
    assert build(source, tmp_path / "bar", "--threads", "3") == 0
    assert painted_file(tmp_path / "bar").read_bytes() == painted_file(built).read_bytes()


def test_the_bundle_knows_nothing_of_the_pictures(source, built, tmp_path):
    shutil.copytree(built, tmp_path / "bar")
    bundle = read_bundle(tmp_path / "bar")
    assert bundle.digest == read_bundle(built).digest
    assert read_painted(bundle) is None


def test_evaluate_shows_the_pictures_that_lie_beside_the_bundle(source, built, tmp_path, capsys):
    for kind, name in (("good", "good"), ("gap", "bad")):
        shutil.copytree(source / name, tmp_path / "bar" / "test" / kind)
    command = ["evaluate", str(built), "--data", str(tmp_path / "bar"), "--report", str(tmp_path / "page")]
    assert main(command) == 0
    assert "What the head was taught" in (tmp_path / "page" / "index.html").read_text()


def test_try_shows_them_too_and_may_be_repeated(source, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = ["try", str(source / "good"), str(source / "bad"), "--backbone", str(source / "backbone.onnx")]
    command += ["--false-reject-rate", "0.1", "--out", "out"]
    monkeypatch.setattr("goodpart_bank_builder.learn.teach._chosen", lambda without, full: 1.0)
    assert main(command) == 0
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "What the head was taught" in page
    assert "no head     image AUROC " in capsys.readouterr().out
    assert (tmp_path / "out" / "bundle.painted.json").is_file()
    assert main([*command, "--force"]) == 0


def test_pictures_of_another_bundle_are_not_shown(source, built, tmp_path):
    assert build(source, tmp_path / "bar", "--seed", "1") == 0
    shutil.copy(painted_file(built), painted_file(tmp_path / "bar"))
    with Inspector.load(tmp_path / "bar") as inspector:
        assert read_painted(inspector.bundle) is None


def test_a_build_without_a_head_removes_those_of_an_older_bundle(source, tmp_path):
    assert build(source, tmp_path / "bar") == 0
    assert painted_file(tmp_path / "bar").is_file()
    assert build(source, tmp_path / "bar", "--head", "off", "--force") == 0
    assert not painted_file(tmp_path / "bar").exists()


@pytest.mark.parametrize("jpeg", ['"><script>', "not base64", "é"])
def test_a_file_that_holds_anything_else_is_not_shown(built, tmp_path, jpeg):
    copy = tmp_path / "bar"
    shutil.copytree(built, copy)
    plain = json.loads(painted_file(built).read_text())
    plain["images"][0]["picture"]["jpeg"] = jpeg
    painted_file(copy).write_text(json.dumps(plain))
    assert read_painted(read_bundle(copy)) is None
    painted_file(copy).write_text("{")
    assert read_painted(read_bundle(copy)) is None
