"""A good image with a patch without any feature is refused when it is read, by name; it would end the build late."""

import numpy as np
import pytest

from goodpart.errors import FrameError, InferenceError
from goodpart_bank_builder.build.build import BuildSettings, build_bundle
from small_network import small_backbone


@pytest.fixture
def bright_backbone(tmp_path):
    """Its features are weighted sums of pixels, minus 40: where a frame is dark there are none."""
    path = small_backbone(tmp_path / "bright.onnx")
    rng = np.random.default_rng(5)
    weight, bias = rng.normal(0, 0.02, (8, 3, 4, 4)).astype("<f4"), rng.uniform(0, 2, 8).astype("<f4")
    model = path.read_bytes()
    assert model.count(weight.tobytes()) == model.count(bias.tobytes()) == 1
    model = model.replace(weight.tobytes(), np.abs(weight).tobytes()).replace(
        bias.tobytes(), np.full(8, -40, "<f4").tobytes()
    )
    path.write_bytes(model)
    return path


def images(folder, dark=()):
    """16 bright images; those whose numbers are given have a black corner."""
    folder.mkdir()
    for number in range(16):
        frame = np.random.default_rng(number).integers(150, 255, (24, 18, 3)).astype(np.uint8)
        if number in dark:
            frame[:6, :6] = 0
        np.save(folder / f"{number:02}.npy", frame)
    return folder


def build(tmp_path, good, backbone, **options):
    return build_bundle(
        BuildSettings(good_dir=good, backbone=backbone, out=tmp_path / "out", false_reject_rate=0.1, **options)
    )


def test_the_image_is_named(tmp_path, bright_backbone):
    good = images(tmp_path / "good", dark=[11])
    with pytest.raises(FrameError, match=r"11\.npy: expected features in every patch, found none in \d+ of 64"):
        build(tmp_path, good, bright_backbone)


def test_it_can_be_skipped(tmp_path, bright_backbone, capsys):
    report = build(tmp_path, images(tmp_path / "good", dark=[11]), bright_backbone, skip_unreadable=True)
    assert (report.images, report.skipped_images) == (15, 1)
    assert "skipped: " in (err := capsys.readouterr().err)
    assert "11.npy" in err


def test_bright_images_build(tmp_path, bright_backbone):
    assert build(tmp_path, images(tmp_path / "good"), bright_backbone).images == 16


def test_a_backbone_without_features_is_named_with_an_image(tmp_path, bright_backbone):
    good = tmp_path / "good"
    images(good)
    for path in good.iterdir():
        frame = np.load(path)
        np.save(path, frame // 8)  # dark, but not without signal
    with pytest.raises(InferenceError, match=r"\d\d\.npy: backbone: expected features"):
        build(tmp_path, good, bright_backbone)
