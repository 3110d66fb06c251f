"""Image files for tests, made by OpenCV and Pillow: whole ones, damaged ones, and ones that hold several pictures."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image

PICTURE = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8), (0, 0), 2)
"""`(48, 64, 3) uint8` RGB."""

PHOTO = Image.fromarray(PICTURE)


def pillow(kind, photo=PHOTO, **options):
    file = io.BytesIO()
    photo.save(file, kind, **options)
    return file.getvalue()


def several(kind, **options):
    return pillow(kind, save_all=True, append_images=[Image.fromarray(255 - PICTURE)], **options)


def chunks(png):
    place, found = 8, []
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        found.append((png[place + 4 : place + 8], png[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def png_of(parts):
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + body


def scan_starts(jpeg):
    return [place for place in range(len(jpeg) - 1) if jpeg[place : place + 2] == b"\xff\xda"]


def half_jpeg(**options):
    """A JPEG whose only scan ends half-way, before a right end marker."""
    jpeg = pillow("JPEG", quality=90, **options)
    begin = scan_starts(jpeg)[-1]
    return jpeg[: begin + (len(jpeg) - begin) // 2] + b"\xff\xd9"


def jpeg_without_scans():
    """A progressive JPEG that lacks its last scans."""
    jpeg = pillow("JPEG", quality=90, progressive=True)
    return jpeg[: scan_starts(jpeg)[4]] + b"\xff\xd9"


def png_turned_by(text_kind, orientation=6):
    """A PNG with EXIF in a text chunk, as ImageMagick writes it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = exif.tobytes()
    profile = f"\nexif\n{len(raw):8d}\n{raw.hex()}\n".encode()
    text = {
        b"tEXt": profile,
        b"zTXt": b"\0" + zlib.compress(profile),
        b"iTXt": b"\0\0\0\0" + profile,
    }[text_kind]
    first, *others = chunks(pillow("PNG"))
    return png_of([first, (text_kind, b"Raw profile type exif\0" + text), *others])


def spoilt(data, begin, count=20):
    return data[:begin] + b"\xff" * count + data[begin + count :]


def os2_bmp(palette):
    """A BMP of OS/2 with 8 bits: `palette` is `(256, 3) uint8` RGB."""
    grey = np.asarray(PHOTO.convert("L"))
    begin = 14 + 12 + 768
    head = struct.pack("<2sIHHIIHHHH", b"BM", begin + grey.size, 0, 0, begin, 12, grey.shape[1], grey.shape[0], 1, 8)
    return head + palette[:, ::-1].astype(np.uint8).tobytes() + grey[::-1].tobytes()


GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
DEEP = np.asarray(PHOTO.convert("L")).astype(np.uint16) * 200
