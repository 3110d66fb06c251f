"""Aravis' fake GigE Vision camera with drawn pictures, as a program: `python aravis_fake.py`, until it is killed.

It sends bars that the small real bundle judges: `picture(1)`, `picture(2)` and so on, one for each exposure since its
start. Asked for another size or format, it sends noise. It imports little, because tests start it often.
"""

import ctypes
import signal

import numpy as np
import numpy.typing as npt

from small_frames import HEIGHT_PX, WIDTH_PX, draw_small

ADDRESS = "127.0.0.1"
"""It listens on one interface, at the one port of GigE Vision."""

SERIAL = "GP42"
NAME = "above the belt"
"""What its user calls it (GenICam's DeviceUserID)."""

SIZE = {"Width": WIDTH_PX, "Height": HEIGHT_PX}
"""The settings for its pictures, with RGB8."""

_LIBRARY = "libaravis-0.8.so.0"
_RGB8 = 0x02180014
_USER_NAME_AT = 0xE8


def picture(number: int) -> npt.NDArray[np.uint8]:
    """`(24, 18, 3) uint8` what the camera sends at an exposure, which counts from 1. Each third has a defect."""
    return draw_small(number, defect=number % 3 == 0)


def noise(number: int, size_bytes: int) -> npt.NDArray[np.uint8]:
    """`(N,) uint8` what it sends at an exposure if another size or format is set."""
    return np.random.default_rng(number).integers(0, 256, size_bytes, np.uint8)


def serve() -> None:
    """Runs the camera until it is killed. `gi` cannot: it frees the function that draws before the library calls it."""
    library = ctypes.CDLL(_LIBRARY)
    pointer, draws = ctypes.c_void_p, ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_uint32] * 3)
    for name, result, takes in (
        ("arv_gv_fake_camera_new_full", pointer, [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p]),
        ("arv_gv_fake_camera_get_fake_camera", pointer, [pointer]),
        ("arv_fake_camera_set_fill_pattern", None, [pointer, draws, pointer]),
        ("arv_fake_camera_write_memory", ctypes.c_int, [pointer, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_char_p]),
        ("arv_buffer_get_data", pointer, [pointer, pointer]),
        ("arv_buffer_get_image_width", ctypes.c_int, [pointer]),
        ("arv_buffer_get_image_height", ctypes.c_int, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, takes
    count = 0

    def draw(buffer: int, data: int, exposure_us: int, gain: int, pixel_format: int) -> None:
        nonlocal count
        count += 1
        width_px, height_px = library.arv_buffer_get_image_width(buffer), library.arv_buffer_get_image_height(buffer)
        if (height_px, width_px, pixel_format) == (HEIGHT_PX, WIDTH_PX, _RGB8):
            pixels = picture(count).tobytes()
        else:
            bits = pixel_format >> 16 & 0xFF
            pixels = noise(count, width_px * height_px * bits // 8).tobytes()
        ctypes.memmove(library.arv_buffer_get_data(buffer, None), pixels, len(pixels))

    kept = draws(draw)
    camera = library.arv_gv_fake_camera_new_full(ADDRESS.encode(), SERIAL.encode(), None)
    inner = library.arv_gv_fake_camera_get_fake_camera(camera)
    library.arv_fake_camera_write_memory(inner, _USER_NAME_AT, len(NAME) + 1, NAME.encode() + b"\0")
    library.arv_fake_camera_set_fill_pattern(inner, kept, None)
    signal.pause()


if __name__ == "__main__":
    serve()
