"""`build --thumbnails`: small pictures of the images that the bank holds vectors of, in the same bytes each time."""

import dataclasses
import json

import cv2
import numpy as np

from goodpart.bundle.bundle import read_bundle
from goodpart.facts.learned import AtlasSpec
from goodpart.frames.images import read_image
from goodpart.inspector import Inspector
from goodpart_bank_builder.build import atlas
from goodpart_bank_builder.cli.main import main


def command(good_dir, backbone, out):
    return [
        "build",
        str(good_dir),
        "--backbone",
        str(backbone),
        "--out",
        str(out),
        "--json",
        "--false-reject-rate",
        "0.1",
    ]


def test_the_option_says_whether_and_the_report_how_large(good_dir, tiny_backbone, tmp_path, capsys):
    assert main(command(good_dir, tiny_backbone, tmp_path / "with")) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["thumbnails"] == len(np.unique(read_bundle(tmp_path / "with").read_origins()[:, 0]))
    assert report["thumbnail_bytes"] == (tmp_path / "with" / "atlas" / "000.jpg").stat().st_size > 0
    assert main([*command(good_dir, tiny_backbone, tmp_path / "without"), "--no-thumbnails"]) == 0
    assert json.loads(capsys.readouterr().out)["thumbnails"] == 0
    assert not (tmp_path / "without" / "atlas").exists()
    assert read_bundle(tmp_path / "without").manifest.atlas is None
    # a bundle with an atlas is replaced as any other
    assert main([*command(good_dir, tiny_backbone, tmp_path / "with"), "--no-thumbnails", "--force"]) == 0
    assert not (tmp_path / "with" / "atlas").exists()


def test_many_sheets_hold_each_image_at_its_place_and_threads_do_not_matter(
    good_dir, tiny_backbone, tmp_path, monkeypatch
):
    monkeypatch.setattr(atlas, "ATLAS", AtlasSpec(cell_px=96, rows=2, columns=3))
    monkeypatch.setattr("goodpart_bank_builder.build.build.ATLAS", atlas.ATLAS)
    for name, threads in (("a", "1"), ("b", "3")):
        assert main([*command(good_dir, tiny_backbone, tmp_path / name / "washer"), "--threads", threads]) == 0
    sheets = sorted((tmp_path / "a" / "washer" / "atlas").iterdir())
    assert len(sheets) == 4
    for sheet in sheets:
        assert sheet.read_bytes() == (tmp_path / "b" / "washer" / "atlas" / sheet.name).read_bytes()
    with Inspector.load(tmp_path / "a" / "washer", threads=1) as inspector:
        frames = {image.name: read_image(good_dir / image.name, inspector.backbone.spec.frame).astype(int)
                  for image in inspector.memory.images.images}  # fmt: skip
        for name in frames:
            off = {other: np.abs(inspector.atlas.picture(name) - frame).mean() for other, frame in frames.items()}
            assert min(off, key=off.__getitem__) == name


def test_large_and_thermal_frames_are_made_small_and_visible():
    from goodpart.facts.spec import Roi
    from small_parts import THERMAL

    spec = dataclasses.replace(THERMAL, roi=Roi(y_px=100, x_px=0, height_px=400, width_px=200))
    frame = np.full((500, 800), 1000, np.uint16)
    frame[100:, :200] = 3000
    small = atlas._thumbnail(frame, spec)
    assert small.shape == (192, 96, 3)
    assert (small == 128).all() or (small == 127).all()
    assert cv2.imencode(".jpg", small)[0]
