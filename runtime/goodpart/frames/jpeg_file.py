"""JPEG files: their markers (ITU-T T.81, annex B), without the compressed pixels."""

import re
import struct
from collections.abc import Iterator

_TRUNCATED = "a truncated file; copy it again"

# behind 0xFF inside a scan: a stuffed zero, a restart marker, or another 0xFF
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def jpeg_flaw(data: bytes) -> str | None:
    """What is wrong with the order and number of markers, or None.

    A scan that ends early before a right end marker does not show here: only a decoder sees it.
    """
    components: list[int] = []
    progressive = False
    # the lowest bit that was sent, for each of 64 coefficients of each component
    lowest_bit: dict[int, dict[int, int]] = {}
    end = None
    for marker, segment, after in _markers(data):
        if marker in _FRAMES:
            progressive = marker in _PROGRESSIVE
            components = list(segment[6::3])
            lowest_bit = {component: {} for component in components}
        elif marker == _SOS:
            first, last, bits = segment[-3:]
            for component in segment[1 : 1 + 2 * segment[0] : 2]:
                span = range(first, last + 1) if progressive else range(64)
                lowest_bit.setdefault(component, {}).update(dict.fromkeys(span, bits & 15 if progressive else 0))
        elif marker == _EOI:
            end = after
    if end is None:
        return _TRUNCATED
    if not components:
        return "a JPEG without a picture"
    if any(lowest_bit[component].get(place) != 0 for component in components for place in range(64)):
        return "a JPEG that lacks some of its scans; copy it again"
    if b"\xff\xd8\xff" in data[end:]:
        return "a second picture behind the first; split them"
    return None


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Height and width in the first frame header, in pixels, or None."""
    for marker, segment, _ in _markers(data):
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", segment, 1)
            return height, width
    return None


def _markers(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Every marker up to the end of the picture: its code, its segment without the length, and where it ends."""
    place = 2
    while place + 2 <= len(data):
        if data[place] != 0xFF:
            return
        marker = data[place + 1]
        place += 1 if marker == 0xFF else 2
        if marker == 0xFF or marker in _ALONE:
            continue
        if marker == _EOI:
            yield marker, b"", place
            return
        (length,) = struct.unpack_from(">H", data, place)
        segment = data[place + 2 : place + length]
        if len(segment) != length - 2 or (marker == _SOS and length < 6):
            return
        place += length
        if marker == _SOS:
            found = _SCAN_END.search(data, place)
            place = len(data) if found is None else found.start()
        yield marker, segment, place
