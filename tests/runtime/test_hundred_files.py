"""A folder of more than 100 files as cameras and programs write them: each is read to the right pixels, or named."""

import re

import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs goodpart[images]")
pytest.importorskip("PIL", reason="makes the files")

import cv2
from PIL import Image

from damaged_files import (
    DEEP,
    GREYS,
    PHOTO,
    PICTURE,
    half_jpeg,
    jpeg_without_scans,
    os2_bmp,
    pillow,
    png_turned_by,
    several,
    spoilt,
)
from goodpart.errors import FrameError
from goodpart.frames.images import read_image
from goodpart.frames.listing import list_folder
from small_parts import GRAY, RGB, THERMAL

GREY = np.asarray(PHOTO.convert("L"))
PALETTE = PHOTO.quantize(200)
ONE_BIT = PHOTO.convert("1")


def as_rgb(photo):
    return np.asarray(photo.convert("RGB"))


def opencv(suffix, image=PICTURE, *options):
    done, data = cv2.imencode(f".{suffix}", image if image.ndim == 2 else image[:, :, ::-1], list(options))
    assert done
    return data.tobytes()


def readable():
    """File name: its bytes, the pixels that are right, and by how much the mean may be off."""
    files = {}
    for name in ("png", "tif", "tiff", "bmp", "webp", "jp2", "ppm"):
        kind = {"tif": "TIFF", "tiff": "TIFF", "jp2": "JPEG2000"}.get(name, name.upper())
        options = {"lossless": True} if name == "webp" else {}
        files[f"pillow.{name}"] = pillow(kind, **options), PICTURE, 0
        files[f"upper.{name.upper()}"] = pillow(kind, **options), PICTURE, 0
    for name in ("png", "tif", "bmp", "ppm"):
        files[f"opencv.{name}"] = opencv(name), PICTURE, 0
        name = name.replace("ppm", "pgm")
        files[f"opencv-grey.{name}"] = opencv(name, GREY), GREY, 0
    for name, kind in {"png": "PNG", "tif": "TIFF", "bmp": "BMP", "pgm": "PPM", "jp2": "JPEG2000"}.items():
        files[f"grey.{name}"] = pillow(kind, PHOTO.convert("L")), GREY, 0
    for name in ("jpg", "jpeg", "jpe", "jfif"):
        files[f"photo.{name}"] = pillow("JPEG", quality=95), PICTURE, 6
    for quality in (30, 60, 100):
        for sampling in (0, 1, 2):
            files[f"{quality}-{sampling}.jpg"] = pillow("JPEG", quality=quality, subsampling=sampling), PICTURE, 9
    for name, options in {
        "progressive": {"progressive": True},
        "optimized": {"optimize": True},
        "restart": {"restart_marker_blocks": 2},
        "rows": {"restart_marker_rows": 1},
        "comment": {"comment": b"a comment"},
        "dpi": {"dpi": (300, 300)},
    }.items():
        files[f"{name}.jpg"] = pillow("JPEG", quality=95, **options), PICTURE, 6
    files["grey.jpg"] = pillow("JPEG", PHOTO.convert("L"), quality=95), GREY, 3
    files["padded.jpg"] = pillow("JPEG", quality=95) + b"\0" * 512, PICTURE, 6
    files["padded.png"] = pillow("PNG") + b"\0" * 512, PICTURE, 0
    for name in ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits"):
        files[f"{name}.tif"] = pillow("TIFF", compression=name), PICTURE, 0
        files[f"grey-{name}.tif"] = pillow("TIFF", PHOTO.convert("L"), compression=name), GREY, 0
    for level in (0, 1, 9):
        files[f"level{level}.png"] = pillow("PNG", compress_level=level), PICTURE, 0
    for name, kind in {"png": "PNG", "tif": "TIFF", "bmp": "BMP"}.items():
        files[f"palette.{name}"] = pillow(kind, PALETTE), as_rgb(PALETTE), 0
        files[f"bit.{name}"] = pillow(kind, ONE_BIT), np.asarray(ONE_BIT).astype(np.uint8) * 255, 0
    for count in (2, 4, 16):
        few = PHOTO.quantize(count)
        files[f"colours{count}.png"] = pillow("PNG", few), as_rgb(few), 0
        files[f"colours{count}.bmp"] = pillow("BMP", few), as_rgb(few), 0
    for name, kind in {"png": "PNG", "tif": "TIFF", "bmp": "BMP", "webp": "WEBP"}.items():
        options = {"lossless": True} if name == "webp" else {}
        files[f"opaque.{name}"] = pillow(kind, PHOTO.convert("RGBA"), **options), PICTURE, 0
    files["deep.png"] = opencv("png", DEEP), DEEP, 0
    files["deep.tif"] = pillow("TIFF", Image.fromarray(DEEP)), DEEP, 0
    files["deep-lzw.tif"] = pillow("TIFF", Image.fromarray(DEEP), compression="tiff_lzw"), DEEP, 0
    files["deep.jp2"] = opencv("jp2", DEEP), DEEP, 30
    files["opencv-deep.tif"] = opencv("tif", DEEP), DEEP, 0
    files["upright.png"] = png_turned_by(b"zTXt", orientation=1), PICTURE, 0
    files["os2-grey.bmp"] = os2_bmp(GREYS), GREY, 0
    return files


NAMED = {
    "half.jpg": half_jpeg(),
    "half-restart.jpg": half_jpeg(restart_marker_blocks=2),
    "scans.jpg": jpeg_without_scans(),
    "double.jpg": pillow("JPEG") * 2,
    "mpo.jpg": several("MPO"),
    "stereo.mpo": several("MPO"),
    "animation.png": several("PNG"),
    "animation.webp": several("WEBP"),
    "animation.gif": several("GIF"),
    "one.gif": pillow("GIF"),
    "gif.png": pillow("GIF"),
    "pages.tif": several("TIFF"),
    "turned.png": png_turned_by(b"tEXt"),
    "turned-packed.png": png_turned_by(b"zTXt"),
    "lzw.tif": spoilt(pillow("TIFF", compression="tiff_lzw"), 500),
    "white-is-zero.tif": pillow("TIFF", Image.fromarray(DEEP), tiffinfo={262: 0}),
    "float.tif": opencv("tif", DEEP.astype(np.float32)),
    "int16.tif": opencv("tif", DEEP.astype(np.int16)),
    "os2.bmp": os2_bmp(GREYS[::-1] // 2 + [0, 9, 99]),
    "transparent.tif": pillow("TIFF", Image.fromarray(np.dstack([PICTURE, GREY]))),
    "x.avif": b"\0\0\0\x1cftypavif" + b"\0" * 99,
    "x.heic": b"\0\0\0\x1cftypheic" + b"\0" * 99,
    "photo": pillow("JPEG"),
    "photo.dat": pillow("PNG"),
    ".hidden.jpg": pillow("JPEG"),
    "x.tga": pillow("TGA"),
    "x.pcx": pillow("PCX"),
    "x.ico": pillow("ICO"),
    "text.pbm": pillow("PPM", ONE_BIT),
    "empty.png": b"",
    "text.jpg": b"a letter to the editor",
    "cut.png": pillow("PNG")[:-30],
    "cut.jpg": pillow("JPEG")[:-30],
    "cut.bmp": pillow("BMP")[:-30],
    "cut.tif": pillow("TIFF")[: len(pillow("TIFF")) // 2],
    "cut.webp": pillow("WEBP")[:-9],
    "cut.jp2": pillow("JPEG2000")[:-99],
    "flipped.png": spoilt(pillow("PNG"), 200, 1),
}

READ = readable()


def test_every_file_of_a_hundred_is_read_rightly_or_named(tmp_path):
    for name, data in {**NAMED, **{name: data for name, (data, _, _) in READ.items()}}.items():
        (tmp_path / name).write_bytes(data)
    listing = list_folder(tmp_path)
    assert len(READ) + len(NAMED) > 100
    assert len(listing.images) + len(listing.pictures) == len(READ) + len(NAMED)
    wrong = []
    for path in listing.images:
        _, right, tolerance = READ.get(path.name, (None, np.zeros(()), 0))
        spec = THERMAL if right.dtype == np.uint16 or "white" in path.name else GRAY if right.ndim == 2 else RGB
        try:
            found = read_image(path, spec)
        except FrameError as error:
            if path.name not in NAMED or not re.search(re.escape(path.name) + ": .*expected .*found", str(error)):
                wrong.append(str(error))
            continue
        if path.name in NAMED:
            wrong.append(f"{path.name}: read")
        elif found.shape != right.shape or np.abs(found.astype(int) - right.astype(int)).mean() > tolerance:
            wrong.append(f"{path.name}: {found.shape} {np.abs(found.astype(int) - right.astype(int)).mean()}")
    assert wrong == []
    assert {path.name for path in listing.pictures} <= set(NAMED)
