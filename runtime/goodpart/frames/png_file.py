"""PNG files: their chunks and checksums (PNG specification, third edition, sections 5 and 11)."""

import re
import struct
import zlib

from goodpart.frames.tiff_file import exif_orientation

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_TRUNCATED = "a truncated file; copy it again"
_PROFILE = re.compile(rb"^Raw profile type (?:exif|APP1)\0")


def png_flaw(data: bytes) -> str | None:
    """What is wrong with the chunks of a PNG, or None."""
    view, place, kind = memoryview(data), len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        if place + 12 > len(data):
            return _TRUNCATED
        (length,) = struct.unpack_from(">I", data, place)
        kind, end = data[place + 4 : place + 8], place + 12 + length
        if end > len(data):
            return _TRUNCATED
        if zlib.crc32(view[place + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            return f"a damaged chunk {kind.decode('ascii', 'backslashreplace')} (its checksum differs); copy it again"
        if kind == b"acTL":
            return "an animation; save its pictures one by one"
        if kind in (b"tEXt", b"zTXt", b"iTXt") and _text_orientation(kind, data[place + 8 : end - 4]) > 1:
            return "an orientation in a text chunk, which OpenCV does not apply; turn the picture and save it again"
        place = end
    return "a second picture behind the first; split them" if PNG_SIGNATURE in data[place:] else None


def png_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in the header, in pixels, or None."""
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return height, width


def _text_orientation(kind: bytes, text: bytes) -> int:
    """EXIF orientation in a text chunk as ImageMagick and older cameras write it; 1 if there is none."""
    found = _PROFILE.match(text)
    if found is None:
        return 1
    profile = text[found.end() :]
    if kind == b"iTXt":
        compressed, (_, _, profile) = profile[:1] == b"\1", profile[2:].split(b"\0", 2)
    else:
        compressed, profile = kind == b"zTXt", profile[1:] if kind == b"zTXt" else profile
    try:
        if compressed:
            profile = zlib.decompressobj().decompress(profile, 1 << 20)
        # a line with the name, a line with the length, and then hexadecimal digits
        words = profile.split(None, 2)
        exif = bytes.fromhex(words[2].decode("ascii"))
    except (zlib.error, ValueError, IndexError):
        return 1
    return exif_orientation(exif.removeprefix(b"Exif\0\0"))
