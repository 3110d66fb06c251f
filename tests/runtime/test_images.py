"""Image files: what can be read, and what is refused by name."""

import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

from goodpart.errors import FrameError, ImageFileError, UsageError
from goodpart.frames.images import read_image
from goodpart.frames.listing import find_images
from small_frames import draw_good
from small_parts import BGR, GRAY, RGB, THERMAL

COLOUR = draw_good(1, 40, 31)
GREY = COLOUR[:, :, 1]
DEEP = GREY.astype(np.uint16) * 255 + 7


def write(path, frame):
    """Writes a frame in RGB order by OpenCV."""
    cv2 = pytest.importorskip("cv2")
    assert cv2.imwrite(str(path), frame if frame.ndim == 2 else frame[:, :, ::-1])
    return path


def needs_opencv_for(name):
    """Skips where a file of this name cannot be read without `goodpart[images]`."""
    if str(name).endswith("png"):
        pytest.importorskip("cv2")


def netpbm(path, frame, largest=255):
    kind = b"P5" if frame.ndim == 2 else b"P6"
    head = b"%s\n# a comment\n%d %d\n%d\n" % (kind, frame.shape[1], frame.shape[0], largest)
    path.write_bytes(head + frame.astype(frame.dtype.newbyteorder(">")).tobytes())
    return path


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "bmp", "PNG"])
def test_lossless_colour_files(tmp_path, suffix):
    path = write(tmp_path / f"x.{suffix}", COLOUR)
    np.testing.assert_array_equal(read_image(path, RGB), COLOUR)
    np.testing.assert_array_equal(read_image(path, BGR), COLOUR[:, :, ::-1])


def test_jpeg_files(tmp_path):
    for suffix in ("jpg", "jpeg"):
        found = read_image(write(tmp_path / f"x.{suffix}", COLOUR), RGB)
        assert np.abs(found.astype(int) - COLOUR).mean() < 6


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp"])
def test_grey_files_are_replicated_where_colour_is_wanted(tmp_path, suffix):
    path = write(tmp_path / f"x.{suffix}", GREY)
    np.testing.assert_array_equal(read_image(path, GRAY), GREY)
    for spec in (RGB, BGR):
        np.testing.assert_array_equal(read_image(path, spec), np.repeat(GREY[:, :, np.newaxis], 3, axis=2))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_16_bit_files_for_thermal_bundles_only(tmp_path, suffix):
    path = write(tmp_path / f"x.{suffix}", DEEP)
    np.testing.assert_array_equal(read_image(path, THERMAL), DEEP)
    for spec in (RGB, GRAY):
        with pytest.raises(FrameError, match=r"x\..*uint16"):
            read_image(path, spec)


def test_8_bit_files_are_not_stretched_for_thermal_bundles(tmp_path):
    with pytest.raises(FrameError, match="uint8"):
        read_image(write(tmp_path / "x.png", GREY), THERMAL)


@pytest.mark.parametrize("suffix", ["png", "ppm"])
def test_colour_files_are_not_made_grey(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    write(path, COLOUR) if suffix == "png" else netpbm(path, COLOUR)
    with pytest.raises(FrameError, match=r"GRAY \(H, W\).*\(40, 31, 3\)"):
        read_image(path, GRAY)


def test_an_alpha_channel_is_dropped(tmp_path):
    cv2 = pytest.importorskip("cv2")
    with_alpha = np.dstack([COLOUR[:, :, ::-1], np.full(GREY.shape, 128, np.uint8)])
    cv2.imwrite(str(tmp_path / "x.png"), with_alpha)
    np.testing.assert_array_equal(read_image(tmp_path / "x.png", RGB), COLOUR)


def test_netpbm_files(tmp_path):
    np.testing.assert_array_equal(read_image(netpbm(tmp_path / "x.ppm", COLOUR), RGB), COLOUR)
    np.testing.assert_array_equal(read_image(netpbm(tmp_path / "x.pgm", GREY), GRAY), GREY)
    np.testing.assert_array_equal(read_image(netpbm(tmp_path / "y.pgm", DEEP, 4095), THERMAL), DEEP)
    np.testing.assert_array_equal(read_image(tmp_path / "x.pgm", RGB)[:, :, 2], GREY)
    assert read_image(tmp_path / "y.pgm", THERMAL).dtype == np.uint16


def test_npy_files_are_taken_strictly(tmp_path):
    np.save(tmp_path / "x.npy", np.asfortranarray(COLOUR))
    found = read_image(tmp_path / "x.npy", RGB)
    np.testing.assert_array_equal(found, COLOUR)
    assert found.flags.c_contiguous
    assert type(found) is np.ndarray  # not a memory map of a file that may change
    np.save(tmp_path / "grey.npy", GREY)
    with pytest.raises(FrameError, match=r"grey\.npy"):
        read_image(tmp_path / "grey.npy", RGB)


def test_exif_orientation_is_applied(tmp_path):
    path = write(tmp_path / "x.jpg", COLOUR)
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6: turn right
    segment = b"Exif\0\0" + tiff
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + data[2:])
    assert read_image(path, RGB).shape == (31, 40, 3)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.98])
def test_truncated_files(tmp_path, suffix, share):
    path = write(tmp_path / f"x.{suffix}", np.repeat(np.repeat(COLOUR, 6, axis=0), 6, axis=1))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ImageFileError, match=rf"x\.{suffix}"):
        read_image(path, RGB)


def test_a_truncated_jpeg_with_a_whole_thumbnail(tmp_path):
    path = write(tmp_path / "x.jpg", COLOUR)
    data = path.read_bytes()
    thumbnail = b"\xff\xd8\xff\xda\xff\xd9"
    comment = b"\xff\xfe" + struct.pack(">H", len(thumbnail) + 2) + thumbnail
    path.write_bytes((data[:2] + comment + data[2:])[:-40])
    with pytest.raises(ImageFileError, match="found a truncated file"):
        read_image(path, RGB)


def test_a_png_with_a_flipped_bit(tmp_path):
    path = write(tmp_path / "x.png", COLOUR)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageFileError, match=r"x\.png"):
        read_image(path, RGB)


def test_a_png_that_promises_too_many_pixels(tmp_path):
    needs_opencv_for("x.png")

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 8, 2, 0, 0, 0)
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    (tmp_path / "x.png").write_bytes(image)
    with pytest.raises(ImageFileError, match=r"x\.png"):
        read_image(tmp_path / "x.png", RGB)


BAD = {
    "empty.png": b"",
    "empty.npy": b"",
    "empty.pgm": b"",
    "text.png": b"a letter to the editor",
    "text.npy": b"a letter to the editor",
    "text.pgm": b"a letter to the editor",
    "ascii.pgm": b"P2\n2 2\n255\n1 2 3 4\n",
    "short.pgm": b"P5\n4 4\n255\n123",
    "none.pgm": b"P5\n0 4\n255\n",
    "huge.pgm": b"P5\n999999999 999999999\n255\n123",
    "dark.pgm": b"P5\n1 1\n100\n\x05",
    "deep.pgm": b"P5\n1 1\n65536\n\x05\x05",
    "promise.npy": b"\x93NUMPY\x01\x00v\x00"
    + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000, 3), }".ljust(117)
    + b"\n",
    "code.npy": b"\x93NUMPY\x01\x00v\x00" + b"__import__('os').system('true')".ljust(117) + b"\n",
    "x.gif": b"GIF89a",
    "x": b"",
}


@pytest.mark.parametrize("name", BAD)
def test_files_that_are_no_image(tmp_path, name):
    needs_opencv_for(name)
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(ImageFileError) as caught:
        read_image(tmp_path / name, GRAY)
    assert name in str(caught.value)
    assert "expected" in str(caught.value)


def test_a_pickled_npy_is_not_run(tmp_path):
    np.save(tmp_path / "x.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ImageFileError, match="without pickles"):
        read_image(tmp_path / "x.npy", RGB)


@pytest.mark.parametrize("suffix", ["png", "npy", "pgm"])
def test_missing_files_and_folders_named_like_images(tmp_path, suffix):
    needs_opencv_for(suffix)
    (tmp_path / f"folder.{suffix}").mkdir()
    for name in ("none", "folder"):
        with pytest.raises(ImageFileError, match=name):
            read_image(tmp_path / f"{name}.{suffix}", RGB)


def test_images_are_found_recursively_sorted_and_without_hidden_ones(tmp_path):
    images = ["a.tiff", "b/1.JPG", "b/2.png", "c.npy"]
    others = [".hidden.png", ".git/3.png", "b/._1.jpg", "notes.txt", "c.npy.overlay.png"]
    for name in (*reversed(images), *others):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)] == images


def test_linked_folders_are_followed_once(tmp_path):
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "2.png").write_bytes(b"")
    (tmp_path / "set" / "a" / "1.png").write_bytes(b"")
    (tmp_path / "set" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "round").symlink_to(tmp_path / "set")
    found = [path.relative_to(tmp_path / "set").as_posix() for path in find_images(tmp_path / "set")]
    assert found == ["a/1.png", "link/2.png"]


def test_a_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    places = {tmp_path: "found none", tmp_path / "x": "found nothing", tmp_path / "notes.txt": "a file"}
    for folder, words in places.items():
        with pytest.raises(UsageError, match=words):
            find_images(folder)


def test_without_opencv_the_own_formats_still_work_and_the_extra_is_named(tmp_path):
    netpbm(tmp_path / "x.ppm", COLOUR)
    np.save(tmp_path / "x.npy", COLOUR)
    write(tmp_path / "x.png", COLOUR)
    code = """
import sys
sys.modules["cv2"] = None
from pathlib import Path
from goodpart.errors import MissingExtraError
from goodpart.frames.images import read_image
from small_parts_specs import RGB
for name in ("x.ppm", "x.npy"):
    print(read_image(Path(name), RGB).shape)
try:
    read_image(Path("x.png"), RGB)
except MissingExtraError as error:
    print(error)
"""
    specs = "from goodpart.facts.spec import *\n"
    specs += "RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)\n"
    (tmp_path / "small_parts_specs.py").write_text(specs)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, env={**os.environ}
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["(40, 31, 3)"] * 2, done.stderr
    assert lines[2].startswith("x.png: ")
    assert "pip install './runtime[images]'" in lines[2]


@pytest.mark.parametrize("suffix", ["png", "npy", "pgm"])
def test_a_pipe_named_like_an_image_does_not_block(tmp_path, suffix):
    os.mkfifo(tmp_path / f"x.{suffix}")
    with pytest.raises(ImageFileError, match="pipe"):
        read_image(tmp_path / f"x.{suffix}", RGB)


def test_a_tiff_of_several_pages_is_refused(tmp_path):
    cv2 = pytest.importorskip("cv2")
    assert cv2.imwritemulti(str(tmp_path / "x.tif"), [COLOUR, COLOUR])
    with pytest.raises(ImageFileError, match="2 pages"):
        read_image(tmp_path / "x.tif", RGB)


def test_a_netpbm_file_of_several_pictures_is_refused(tmp_path):
    path = netpbm(tmp_path / "x.ppm", COLOUR)
    data = path.read_bytes()
    path.write_bytes(data + b"\n")
    read_image(path, RGB)
    path.write_bytes(data + data)
    with pytest.raises(ImageFileError, match="more behind it"):
        read_image(path, RGB)
