"""Pixel formats, as they lie in memory, against what a bundle declares; and the size of the good images."""

import dataclasses
import time

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.facts.checks import SizeRule
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart_station.part import Frame
from goodpart_station.sources.frame_numbers import FrameNumbers
from goodpart_station.sources.pixels import FORMATS, format_of, misfit, picture_of
from small_camera import raw

RGB = FrameSpec(channels=Channels.RGB, dtype=PixelType.UINT8, value_range=None, roi=None)
ONE = SizeRule(heights_px=(24, 24), widths_px=(18, 18), aspects=(24 / 18, 24 / 18), exact=False)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("padding", [0, 6])
def test_a_format_as_it_lies_in_memory(name, padding):
    data, known = raw(name, 5, 7)
    rows = data.reshape(5, -1)
    padded = np.pad(rows, ((0, 0), (0, padding))).ravel()
    # the last row needs no padding
    picture = picture_of(padded[: padded.size - padding], name, 5, 7, row_padding_bytes=padding)
    expected = data.view("<u2" if known.dtype is PixelType.UINT16 else np.uint8).reshape(5, 7, known.values)
    expected = expected[:, :, 0] if known.values == 1 else expected[:, :, :3]
    assert picture.dtype == np.dtype(known.dtype.value)
    assert picture.flags.c_contiguous
    assert picture.flags.owndata
    assert (picture == expected).all()


def test_the_copy_is_the_stations_own():
    data, _ = raw("Mono8", 4, 4)
    picture = picture_of(data, "Mono8", 4, 4)
    data[:] = 0
    assert picture.max() > 0


@pytest.mark.parametrize(
    ("name", "height", "width"), [("BayerRG8", 4, 4), ("Mono8", 4, 5), ("Mono16", 4, 4), ("Mono8", 0, 4)]
)
def test_what_cannot_be_a_picture_has_no_pixels(name, height, width):
    assert picture_of(np.zeros(16, np.uint8), name, height, width).size == 0


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("BayerRG8", "set RGB8 or BGR8, or Mono8"),
        ("Mono12Packed", "unpacked format, such as Mono12"),
        ("Mono12p", "unpacked format, such as Mono12"),
        ("YUV422_8", "set RGB8 or BGR8"),
        ("YCbCr8", "set RGB8 or BGR8"),
        ("Mono8s", "set one of these"),
    ],
)
def test_other_formats_are_refused_with_the_one_to_set(name, advice):
    with pytest.raises(UsageError) as raised:
        format_of(name)
    assert str(raised.value).startswith(
        "pixel_format: expected one of Mono8, Mono10, Mono12, Mono14, Mono16, RGB8, RGBa8"
    )
    assert f'found "{name}"; ' in str(raised.value)
    assert str(raised.value).endswith(advice) or advice in str(raised.value)


def frame_of(channels, shape=(24, 18, 3), dtype=np.uint8):
    return Frame(pixels=np.zeros(shape, dtype), at_ns=time.monotonic_ns(), channels=channels)


def test_a_frame_as_the_bundle_declares_it_fits():
    assert misfit(frame_of(Channels.RGB), RGB, ONE) is None
    assert misfit(frame_of(Channels.RGB, (50, 50, 3)), RGB, None) is None


def test_pixels_do_not_show_their_channels_but_the_camera_says_them():
    why = misfit(frame_of(Channels.BGR), RGB, ONE)
    assert why.startswith("frame: expected uint8 RGB as the bundle declares, found uint8 BGR; set pixel_format")
    deep = dataclasses.replace(RGB, channels=Channels.GRAY)
    why = misfit(frame_of(Channels.GRAY, (24, 18), np.uint16), deep, ONE)
    assert "expected uint8 GRAY as the bundle declares, found uint16 GRAY" in why


@pytest.mark.parametrize("times", [0.5, 2, 3])
def test_a_camera_of_another_size_is_refused_where_a_file_would_pass(times):
    shape = (int(24 * times), int(18 * times), 3)
    assert ONE.times(*shape[:2]) == times
    why = misfit(frame_of(Channels.RGB, shape), RGB, ONE)
    assert why.startswith(
        f"frame: expected 24x18 pixels (HxW) as of the good images, found {shape[0]}x{shape[1]} (HxW)"
    )
    assert misfit(frame_of(None, shape), RGB, ONE) is None


def counted(*ids):
    numbers = FrameNumbers()
    return [numbers.take(each) for each in ids]


@pytest.mark.parametrize(
    ("ids", "counts"),
    [
        ((1, 2, 3), [1, 2, 3]),
        ((None, None), [None, None]),
        # 0 is no id of GigE Vision 1
        ((65534, 65535, 1, 2), [65534, 65535, 65536, 65537]),
        # 65535 and 1 are lost
        ((65534, 2), [65534, 65537]),
        # a counter that has shown a 0
        ((0, 65535, 0, 1), [0, 65535, 65536, 65537]),
        # one of 64 bits
        ((65535, 65536, 65537), [65535, 65536, 65537]),
        # a camera that repeats a frame, or has begun again by itself, does not hide it
        ((7, 7), [7, 7]),
        ((40000, 1), [40000, 1]),
        ((65535, 2000), [65535, 2000]),
    ],
)
def test_numbers_go_up_by_one_across_the_end_of_a_short_counter(ids, counts):
    assert counted(*ids) == counts


def test_two_ends_of_a_short_counter():
    numbers = FrameNumbers()
    found = [numbers.take(index % 65535 + 1) for index in range(200_000)]
    assert found == list(range(1, 200_001))


def test_numbers_go_on_after_a_new_start():
    numbers = FrameNumbers()
    numbers.start_again()
    assert [numbers.take(each) for each in (5, 6)] == [5, 6]
    numbers.start_again()
    assert [numbers.take(each) for each in (1, 2, 4)] == [7, 8, 10]
    numbers.start_again()
    # a camera that does not begin at 1 again
    assert [numbers.take(each) for each in (90, 91)] == [11, 12]
    assert numbers.take(3) == 0
