"""From decoded frames to pixels: which matrix and range, and what is refused."""

import subprocess

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace

from goodpart import FrameError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart_station.sources.colours import conversion_of, pixels_of
from peers import program

RGB, BGR, GRAY = (
    FrameSpec(channels=each, dtype=PixelType.UINT8, value_range=None, roi=None)
    for each in (Channels.RGB, Channels.BGR, Channels.GRAY)
)
GRAY16 = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 4095), roi=None)
UNTOLD, BT709 = 2, 1


def video_frame(name, *values, matrix=UNTOLD, full=None):
    """A frame of 16x8 pixels, each plane of one value."""
    frame = av.VideoFrame(16, 8, name)
    for plane, value in zip(frame.planes, values, strict=True):
        plane.update(np.full(plane.buffer_size, value, np.uint8).tobytes())
    frame.colorspace = matrix
    if full is not None:
        frame.color_range = ColorRange.JPEG if full else ColorRange.MPEG
    return frame


def by_formula(y, cb, cr, *, red, blue, full):
    """ITU-R BT.601 and BT.709: the conversion of one pixel from YCbCr to RGB."""
    y, cb, cr = (
        (y, cb - 128, cr - 128) if full else ((y - 16) * 255 / 219, (cb - 128) * 255 / 224, (cr - 128) * 255 / 224)
    )
    r, b = y + 2 * (1 - red) * cr, y + 2 * (1 - blue) * cb
    return np.clip([r, (y - red * r - blue * b) / (1 - red - blue), b], 0, 255)


@pytest.mark.parametrize(
    ("name", "matrix", "full", "red", "blue", "is_full"),
    (
        ("yuv420p", UNTOLD, None, 0.299, 0.114, False),
        ("yuv420p", UNTOLD, True, 0.299, 0.114, True),
        ("yuvj420p", UNTOLD, None, 0.299, 0.114, True),
        ("yuv420p", BT709, False, 0.2126, 0.0722, False),
        ("yuv444p", 6, False, 0.299, 0.114, False),
    ),
)
@pytest.mark.parametrize("colour", ((120, 90, 160), (200, 128, 128), (60, 150, 110)))
def test_colours_are_those_of_the_standard(name, matrix, full, red, blue, is_full, colour):
    frame = video_frame(name, *colour, matrix=matrix, full=full)
    expected = by_formula(*colour, red=red, blue=blue, full=is_full)
    assert np.abs(pixels_of(frame, RGB)[4, 8] - expected).max() <= 1.5
    assert np.array_equal(pixels_of(frame, BGR), pixels_of(frame, RGB)[:, :, ::-1])
    luma = colour[0] if is_full else np.clip((colour[0] - 16) * 255 / 219, 0, 255)
    assert np.abs(pixels_of(frame, GRAY).astype(float) - luma).max() <= 1.5


def test_pixels_are_the_stations_own_and_of_the_same_size():
    frame = video_frame("gray", 77)
    pixels = pixels_of(frame, GRAY)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    assert (pixels.shape, pixels.min(), pixels.max()) == ((8, 16), 77, 77)
    assert pixels_of(video_frame("yuv420p", 90, 128, 128), RGB).shape == (8, 16, 3)


@pytest.mark.parametrize("size", ((32, 48), (238, 318)))
def test_the_pixels_do_not_depend_on_the_processor(size):
    height, width = size
    data = np.random.default_rng(3).integers(16, 236, (height * 3 // 2, width), dtype=np.uint8)
    # Debian's FFmpeg, some versions older, without any instruction that not each PC has
    flags = "bicubic+accurate_rnd+bitexact+full_chroma_int+full_chroma_inp"
    colours = "in_color_matrix=bt601:out_color_matrix=bt601:in_range=tv:out_range=pc"
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-i", "-"]
    scaled = ["-vf", f"scale={colours}:flags={flags}", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    command = [program("ffmpeg"), "-v", "error", "-cpuflags", "0", *raw, *scaled]
    expected = subprocess.run(command, input=data.tobytes(), stdout=subprocess.PIPE, check=True).stdout
    frame = av.VideoFrame.from_ndarray(data, format="yuv420p")
    assert pixels_of(frame, RGB).tobytes() == expected


def test_grey_of_16_bits_is_taken_as_it_is():
    frame = av.VideoFrame(16, 8, "gray16le")
    values = np.arange(128, dtype="<u2").reshape(8, 16)
    frame.planes[0].update(values.tobytes())
    pixels = pixels_of(frame, GRAY16)
    assert (pixels.dtype, pixels.tolist()) == (np.uint16, values.tolist())


@pytest.mark.parametrize(
    ("frame", "spec", "message"),
    (
        (video_frame("yuv420p", 90, 128, 128), GRAY16, "expected uint16 GRAY (H, W), found video of 8 bits (yuv420p)"),
        (av.VideoFrame(16, 8, "gray16le"), GRAY, "expected uint8 GRAY (H, W), found video of 16 bits (gray16le)"),
        (av.VideoFrame(16, 8, "yuv420p10le"), RGB, "found video of 10 bits (yuv420p10le); set the camera to 8 bits"),
        (video_frame("yuv420p", 90, 128, 128, matrix=8), RGB, "expected colours of a known matrix, found number 8"),
    ),
)
def test_what_is_never_converted(frame, spec, message):
    with pytest.raises(FrameError) as error:
        pixels_of(frame, spec)
    assert message in str(error.value)


def test_words_for_check():
    frame = video_frame("yuvj420p", 90, 128, 128)
    expected = "yuvj420p, converted to uint8 RGB (H, W, 3) by BT.601 as nothing else is said, full range"
    assert conversion_of(frame, RGB) == expected
    told = video_frame("yuv420p", 90, 128, 128, matrix=Colorspace.ITU709, full=False)
    assert conversion_of(told, GRAY) == "yuv420p, converted to uint8 GRAY (H, W) by BT.709, limited range"
    assert conversion_of(video_frame("gray", 5), GRAY) == "gray, taken as it is"
    assert conversion_of(video_frame("gray", 5), RGB) == "gray, converted to uint8 RGB (H, W, 3)"
