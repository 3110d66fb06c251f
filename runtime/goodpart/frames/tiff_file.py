"""TIFF files: their directories (TIFF 6.0, section 2, and BigTIFF), which EXIF is written in as well."""

import struct
from collections.abc import Iterator

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORIENTATION, _CHANNELS = 256, 257, 258, 259, 262, 274, 277
_WHITE_IS_ZERO = 0
_FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_MOST_PAGES = 1000


def tiff_flaw(data: bytes) -> str | None:
    """What is wrong with the directories of a TIFF, or None."""
    pages = list(_directories(data))
    if not pages:
        return "a truncated file; copy it again"
    if len(pages) > 1:
        return f"{len(pages)} pages; split them"
    if pages[0].get(_PHOTOMETRIC) == _WHITE_IS_ZERO and pages[0].get(_BITS, 1) > 8:
        return "a TIFF of more than 8 bits in which 0 is white, which OpenCV misreads; save it with 0 as black"
    return None


def tiff_size(data: bytes) -> tuple[int, int] | None:
    """Height and width of the first page, in pixels, or None."""
    page = next(_directories(data), {})
    return (page[_HEIGHT], page[_WIDTH]) if _HEIGHT in page and _WIDTH in page else None


def is_compressed(data: bytes) -> bool:
    """Whether the pixels of the first page are compressed."""
    return next(_directories(data), {}).get(_COMPRESSION, 1) != 1


def tiff_channels(data: bytes) -> int:
    """Channels of the first page, an alpha channel among them."""
    return next(_directories(data), {}).get(_CHANNELS, 1)


def exif_orientation(data: bytes) -> int:
    """The orientation in an EXIF block (a TIFF without pixels), 1 to 8; 1 if there is none."""
    try:
        return next(_directories(data), {}).get(_ORIENTATION, 1)
    except struct.error:
        return 1


def _directories(data: bytes) -> Iterator[dict[int, int]]:
    """The first value of every whole-number tag, page by page.

    Raises:
        struct.error: a directory lies beyond the file's end.
    """
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None:
        return
    big = struct.unpack_from(f"{order}H", data, 2)[0] == 43
    count_format, offset_format, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    (place,) = struct.unpack_from(order + offset_format, data, 8 if big else 4)
    visited: set[int] = set()
    while place and place not in visited and len(visited) < _MOST_PAGES:
        visited.add(place)
        (count,) = struct.unpack_from(order + count_format, data, place)
        place += struct.calcsize(count_format)
        tags = {}
        for start in range(place, place + count * entry, entry):
            tag, kind = struct.unpack_from(f"{order}HH", data, start)
            values = struct.unpack_from(order + offset_format, data, start + 4)[0]
            value_format = _FORMATS.get(kind)
            if value_format is None:
                continue
            field = start + (12 if big else 8)
            if values * struct.calcsize(value_format) > (8 if big else 4):
                (field,) = struct.unpack_from(order + offset_format, data, field)
            (tags[tag],) = struct.unpack_from(order + value_format, data, field)
        yield tags
        (place,) = struct.unpack_from(order + offset_format, data, place + count * entry)
