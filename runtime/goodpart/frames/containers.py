"""Containers: what an image file says of itself before a decoder sees it, and what is wrong with it.

Decoders fill missing pixels with grey, take the first of several pictures and misread rare variants, all without an
error. The checks here read headers, marks, checksums and lengths in the bytes of the file.
"""

import re
import struct
from collections.abc import Callable

from goodpart.frames.jpeg_file import jpeg_flaw, jpeg_size
from goodpart.frames.png_file import PNG_SIGNATURE, png_flaw, png_size
from goodpart.frames.tiff_file import is_compressed, tiff_channels, tiff_flaw, tiff_size

PNG, JPEG, TIFF, BMP, WEBP, JPEG_2000 = "PNG", "JPEG", "TIFF", "BMP", "WebP", "JPEG 2000"

OPENCV_KINDS = (PNG, JPEG, TIFF, BMP, WEBP, JPEG_2000)
"""The kinds of file that are decoded by OpenCV."""

HEAD_BYTES = 32
"""How many bytes of a file `kind_of` looks at."""

_ISO_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"crx ": "CR3"}
_ISO_IMAGE = re.compile(rb"hei[cfmsx]|hev[cmsx]|mi[af][12f]|msf1")

_MAGIC = (
    (PNG_SIGNATURE, PNG),
    (b"\xff\xd8\xff", JPEG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),
    (b"MM\0+", TIFF),
    (b"\0\0\0\x0cjP  ", JPEG_2000),
    (b"\xff\x4f\xff\x51", JPEG_2000),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"8BPS", "Photoshop"),
    (b"\x93NUMPY", "npy"),
)


def kind_of(data: bytes) -> str | None:
    """What picture a file is by its first bytes, such as "PNG" or "GIF"; None for anything else.

    Args:
        data: the file, or its first `HEAD_BYTES`.
    """
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        return _ISO_BRANDS.get(brand) or ("HEIF" if _ISO_IMAGE.match(brand) else None)
    # the size of a header stands behind two letters that many texts begin with
    if data[:2] == b"BM" and data[14:18] in _BMP_HEADERS:
        return BMP
    return "PGM or PPM" if re.match(rb"P[1-7]\s+[#\d]", data) else None


def flaw(kind: str, data: bytes) -> str | None:
    """What is wrong with a file, as the end of "expected one whole picture, found ..."; None for nothing.

    Args:
        kind: one of `OPENCV_KINDS`.
        data: the file.
    """
    return _guarded(_FLAWS[kind], data)


def size_px(kind: str, data: bytes) -> tuple[int, int] | None:
    """Height and width by the file's header, in pixels; None if they cannot be found.

    Args:
        kind: one of `OPENCV_KINDS`.
        data: the file.
    """
    try:
        return _SIZES[kind](data)
    except (struct.error, IndexError):
        return None


def is_filled_up(kind: str, data: bytes) -> bool:
    """Whether a decoder would fill what is missing in a file, and say so only where a child process hears it.

    Args:
        kind: one of `OPENCV_KINDS`.
        data: the file, in which `flaw` has found nothing.
    """
    return kind in (JPEG, JPEG_2000) or (kind == TIFF and is_compressed(data))


def has_alpha(kind: str, data: bytes) -> bool:
    """Whether a file's header states an alpha channel.

    Args:
        kind: one of `OPENCV_KINDS`.
        data: the file.
    """
    try:
        if kind == PNG:
            return data[25] in (4, 6)
        if kind == TIFF:
            return tiff_channels(data) in (2, 4)
        # what stands in the fourth byte of a BMP's pixel is no alpha to most programs
        if kind == WEBP and data[12:16] == b"VP8L":
            return bool(data[24] & 16)
        return kind == WEBP and data[12:16] == b"VP8X" and bool(data[20] & 16)
    except (struct.error, IndexError):
        return False


def _guarded(check: Callable[[bytes], str | None], data: bytes) -> str | None:
    try:
        return check(data)
    except (struct.error, IndexError):
        return "a truncated file; copy it again"


_BMP_CORE = 12
_BMP_HEADERS = tuple(struct.pack("<I", size) for size in (_BMP_CORE, 16, 40, 52, 56, 64, 108, 124))


def _bmp_flaw(data: bytes) -> str | None:
    """OpenCV reads a colour palette of OS/2 as grey: it steps over four bytes where the file has three."""
    if struct.unpack_from("<I", data, 14)[0] != _BMP_CORE:
        return None
    bits = struct.unpack_from("<H", data, 24)[0]
    palette = data[26 : 26 + 3 * (1 << bits)] if bits <= 8 else b""
    if palette[0::3] == palette[1::3] == palette[2::3]:
        return None
    return "a BMP of OS/2 with a palette of colours, which OpenCV misreads; save it as PNG"


def _bmp_size(data: bytes) -> tuple[int, int] | None:
    if struct.unpack_from("<I", data, 14)[0] == _BMP_CORE:
        width, height = struct.unpack_from("<HH", data, 18)
        return height, width
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(height), abs(width)


def _webp_flaw(data: bytes) -> str | None:
    if len(data) < 8 + struct.unpack_from("<I", data, 4)[0]:
        return "a truncated file; copy it again"
    if data[12:16] == b"VP8X" and data[20] & 2:
        return "an animation; save its pictures one by one"
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    chunk = data[12:16]
    if chunk == b"VP8X":
        width, height = (int.from_bytes(data[start : start + 3], "little") + 1 for start in (24, 27))
        return height, width
    if chunk == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits >> 14 & 0x3FFF) + 1, (bits & 0x3FFF) + 1
    if chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return height & 0x3FFF, width & 0x3FFF
    return None


def _jpeg_2000_size(data: bytes) -> tuple[int, int] | None:
    mark = data.find(b"\xff\x4f\xff\x51")
    if mark < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, mark + 8)
    return bottom - top, right - left


def _none(data: bytes) -> str | None:
    return None


_FLAWS: dict[str, Callable[[bytes], str | None]] = {
    PNG: png_flaw, JPEG: jpeg_flaw, TIFF: tiff_flaw, BMP: _bmp_flaw, WEBP: _webp_flaw, JPEG_2000: _none,
}  # fmt: skip
_SIZES: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    PNG: png_size, JPEG: jpeg_size, TIFF: tiff_size, BMP: _bmp_size, WEBP: _webp_size, JPEG_2000: _jpeg_2000_size,
}  # fmt: skip
