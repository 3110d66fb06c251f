"""Folders: what may be learned, what is evaluated as good, and what is named because nothing is done with it."""

import cv2
import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.frames.listing import list_folder
from goodpart_bank_builder.cli.main import main
from goodpart_bank_builder.data.dataset import read_categories
from goodpart_bank_builder.data.folders import is_good_name, refuse_classes
from small_parts import draw_good


def fill(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    return list_folder(folder)


@pytest.mark.parametrize(
    "name",
    [
        "NG", "bad", "ko", "nok", "defect", "defects", "defective", "Rejects", "anomaly", "anomalous", "scrap",
        "not_ok", "Defekt", "Fehler", "schlecht", "Ausschuss", "ausschu\u00df", "NIO", "defaut", "d\u00e9fauts",
        "rebut", "defecto", "malo", "Malos", "difetto", "scarto",
    ],
)  # fmt: skip
def test_a_folder_named_like_bad_parts_is_refused_with_the_way_out(tmp_path, name):
    listing = fill(tmp_path, "good/1.png", f"{name}/2.png")
    with pytest.raises(UsageError, match=rf"found the folder {name}/; give {tmp_path}/good$"):
        refuse_classes(listing)
    with pytest.raises(UsageError, match=rf"found the folder a/{name}/; move the bad parts out of it$"):
        refuse_classes(fill(tmp_path / "only", f"a/{name}/2.png", "a/1.png"))


@pytest.mark.parametrize("good", ["good", "OK"])
@pytest.mark.parametrize("other", ["scratch/2.png", "2.png"])
def test_good_parts_beside_others_are_refused(tmp_path, good, other):
    listing = fill(tmp_path, f"{good}/1.png", other)
    with pytest.raises(UsageError, match=rf"found {other} beside the folder {good}/; give {tmp_path}/{good}$"):
        refuse_classes(listing)


@pytest.mark.parametrize(
    "names",
    [
        ["good/1.png"],
        ["train/good/1.png"],
        ["a/1.png", "b/2.png"],
        ["good_left/1.png", "good_right/2.png"],
        ["defect-free/1.png", "x/2.png"],
        ["nokia/1.png"],
        ["junio/1.png", "fehlerfrei/2.png"],
        ["bad.png", "1.png"],
        ["face_mask_1.png", "face_mask_2.png"],
    ],
)
def test_other_folders_are_learned(tmp_path, names):
    refuse_classes(fill(tmp_path, *names))


def test_masks_beside_images_are_refused(tmp_path):
    listing = fill(tmp_path, "1.png", "1_mask.png", "2.png", "2_MASK.png")
    with pytest.raises(UsageError, match=r"found 2 named like masks, such as 1_mask\.png; move them out of it"):
        refuse_classes(listing)


def test_names_of_good_parts():
    assert all(is_good_name(name) for name in ("good", "Good", "GOOD", "ok", "OK", "good_left", "good-2", "Good 3"))
    assert not any(is_good_name(name) for name in ("goods", "okay", "not_good", "goodyear", "nok"))


@pytest.mark.parametrize("name", ["ok", "Good", "GOOD", "good_left"])
def test_good_parts_are_good_whatever_their_folder_is_called(category, name):
    (category / "test" / "good").rename(category / "test" / name)
    (washer,) = read_categories(category)
    good = [image for image in washer.images if not image.is_defective]
    assert {image.path.parent.name for image in good} == {name}
    assert {image.kind for image in washer.images} == {"good", "block"}
    assert len(good) == 6


def test_what_is_not_evaluated_is_named(category):
    (category / "test" / "loose.png").write_bytes(b"")
    (category / "test" / "block" / "x.gif").write_bytes(b"GIF89a")
    (category / "ground_truth" / "block" / "777_mask.png").write_bytes(b"")
    (washer,) = read_categories(category)
    assert washer.notes == (
        "not evaluated in block/: pictures that cannot be read: 1, such as x.gif",
        "not evaluated: 1 images directly in test/, such as loose.png; move them into good/ or the folder of their "
        "defect",
        "masks that belong to no image: 1, such as block/777_mask.png",
    )


def test_images_directly_in_test_alone_are_named(tmp_path):
    fill(tmp_path, "test/1.png")
    with pytest.raises(UsageError, match="found none, and 1 images directly in it; move them into such folders"):
        read_categories(tmp_path)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed in range(12):
        cv2.imwrite(str(folder / f"{seed:02}.png"), draw_good(seed)[:, :, ::-1])
    return folder


def build(photos, backbone, out, *options):
    command = ["build", str(photos), "--backbone", str(backbone), "--out", str(out), "--false-reject-rate", "0.2"]
    return main([*command, "--threads", "1", *options])


def test_build_names_what_it_passes_over_and_the_share_that_a_mask_ignores(photos, export_tiny, tmp_path, capsys):
    (photos / "x.gif").write_bytes(b"GIF89a")
    (photos / "notes.txt").write_bytes(b"")
    ignore = np.zeros((90, 70), np.uint8)
    ignore[:60] = 255
    cv2.imwrite(str(tmp_path / "ignore.png"), ignore)
    assert build(photos, export_tiny(), tmp_path / "bundle", "--ignore", str(tmp_path / "ignore.png")) == 0
    captured = capsys.readouterr()
    assert f"{photos}: not learned: pictures that cannot be read: 1, such as x.gif\n" in captured.err
    assert f"{photos}: not learned: other files: 1, such as notes.txt\n" in captured.err
    assert "--ignore: 132 of 192 patches of every frame (69 %) never count; white is where" in captured.err
    assert "ignored     132 of 192 patches of every frame (69 %) never count" in captured.out


def test_build_refuses_a_root_with_good_and_ng(photos, export_tiny, tmp_path, capsys):
    for kind in ("good", "NG"):
        (photos / kind).mkdir()
        cv2.imwrite(str(photos / kind / "x.png"), draw_good(77))
    assert build(photos, export_tiny(), tmp_path / "bundle") == 2
    assert "found the folder NG/; give" in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()
