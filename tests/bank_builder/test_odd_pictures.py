"""Pictures that are unlike the others as pictures: blurred, lit, sized, turned or coloured otherwise."""

import cv2
import numpy as np
import pytest

from goodpart_bank_builder.data.settings import FolderSettings
from goodpart_bank_builder.doctor.doctor import examine_folder
from goodpart_bank_builder.doctor.finding import FindingKind
from small_parts import GRAY, draw_blotched

PICTURE_KINDS = {
    FindingKind.BLUR,
    FindingKind.EXPOSURE,
    FindingKind.SIZE,
    FindingKind.ROTATED,
    FindingKind.GREY,
    FindingKind.CHANNELS,
    FindingKind.KINDS,
}


@pytest.fixture
def folder(tmp_path):
    """24 good parts in brownish light."""
    for seed in range(24):
        write(tmp_path / "good" / f"{seed:02}.png", brown(seed))
    return tmp_path / "good"


def brown(seed):
    return np.clip(draw_blotched(seed, levels=9.0) * (1.0, 0.8, 0.6), 0, 255).astype(np.uint8)


def write(path, frame):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), frame if frame.ndim == 2 else frame[:, :, ::-1])


def pictures(folder, backbone, **options):
    findings = examine_folder(FolderSettings(good_dir=folder, backbone=backbone, **options)).diagnosis.findings
    return {found.kind: [image.name for image in found.images] for found in findings if found.kind in PICTURE_KINDS}


def test_pictures_alike_give_no_finding(folder, tiny_backbone):
    assert pictures(folder, tiny_backbone) == {}


def test_blur_is_named(folder, tiny_backbone):
    for seed in (30, 31):
        write(folder / f"soft{seed}.png", cv2.GaussianBlur(brown(seed), (0, 0), 1.5))
    assert set(pictures(folder, tiny_backbone)[FindingKind.BLUR]) == {"soft30.png", "soft31.png"}


@pytest.mark.parametrize("gain", [0.5, 1.8])
def test_another_light_is_named(folder, tiny_backbone, gain):
    write(folder / "lamp.png", np.clip(brown(30) * gain, 0, 255).astype(np.uint8))
    assert pictures(folder, tiny_backbone)[FindingKind.EXPOSURE] == ["lamp.png"]


def test_odd_sizes_are_all_named_at_once(folder, tiny_backbone):
    for name, size in (("small.png", (35, 45)), ("wide.png", (90, 60))):
        write(folder / name, cv2.resize(brown(30), size))
    found = examine_folder(FolderSettings(good_dir=folder, backbone=tiny_backbone)).diagnosis.findings
    (sizes,) = [one for one in found if one.kind is FindingKind.SIZE]
    assert {image.name: image.why for image in sizes.images} == {
        "small.png": "45x35 pixels (HxW)",
        "wide.png": "60x90 pixels (HxW)",
    }
    assert "90x70" in sizes.summary


def test_a_turned_picture_is_named_as_turned(folder, tiny_backbone):
    write(folder / "turned.png", np.rot90(brown(30)).copy())
    found = pictures(folder, tiny_backbone)
    assert found[FindingKind.ROTATED] == ["turned.png"]
    assert FindingKind.SIZE not in found


def test_pictures_of_all_sizes_give_no_finding(tiny_backbone, tmp_path):
    rng = np.random.default_rng(0)
    for seed in range(24):
        height, width = rng.integers(60, 140, 2)
        write(tmp_path / "good" / f"{seed:02}.png", cv2.resize(brown(seed), (int(width), int(height))))
    found = pictures(tmp_path / "good", tiny_backbone)
    assert not {FindingKind.SIZE, FindingKind.ROTATED} & set(found)


def test_grey_among_colour_is_named(folder, tiny_backbone):
    write(folder / "grey.png", cv2.cvtColor(brown(30), cv2.COLOR_RGB2GRAY))
    assert pictures(folder, tiny_backbone)[FindingKind.GREY] == ["grey.png"]


def test_colour_among_grey_is_named(tiny_backbone, tmp_path):
    for seed in range(24):
        write(tmp_path / "good" / f"{seed:02}.png", cv2.cvtColor(brown(seed), cv2.COLOR_RGB2GRAY))
    write(tmp_path / "good" / "colour.png", brown(30))
    assert pictures(tmp_path / "good", tiny_backbone)[FindingKind.GREY] == ["colour.png"]


def test_swapped_channels_are_named(folder, tiny_backbone):
    write(folder / "swapped.png", brown(30)[:, :, ::-1].copy())
    assert pictures(folder, tiny_backbone)[FindingKind.CHANNELS] == ["swapped.png"]


def test_two_colours_of_a_product_are_two_kinds_and_no_odd_pictures(folder, tiny_backbone):
    for seed in range(0, 24, 2):
        write(folder / f"{seed:02}.png", 255 - brown(seed))
    found = pictures(folder, tiny_backbone)
    assert set(found) == {FindingKind.KINDS}


def test_one_odd_image_is_no_second_kind(folder, tiny_backbone):
    write(folder / "negative.png", 255 - brown(30))
    assert FindingKind.KINDS not in pictures(folder, tiny_backbone)


def test_grey_frames_have_no_colour_to_be_odd_in(export_tiny, tmp_path):
    for seed in range(24):
        write(tmp_path / "good" / f"{seed:02}.png", cv2.cvtColor(brown(seed), cv2.COLOR_RGB2GRAY))
    assert pictures(tmp_path / "good", export_tiny(frame=GRAY)) == {}
