"""Image files that are nearly right: refused by name, or read exactly as they were written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import FrameError, ImageFileError
from goodpart.frames.images import read_image
from small_parts import GRAY, RGB, THERMAL

cv2 = pytest.importorskip("cv2", reason="needs goodpart[images]")

NOISE = np.random.default_rng(0).integers(0, 256, (16, 12, 3)).astype(np.uint8)


def npy_header(descr="'|u1'", shape="(16, 12, 3)", more=""):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, {more}}}".encode()
    return b"\x93NUMPY\x01\x00v\x00" + text.ljust(117) + b"\n"


def encoded(suffix, image=NOISE, options=()):
    done, data = cv2.imencode(f".{suffix}", image, list(options))
    assert done
    return data.tobytes()


FILES = {
    "x.png": encoded("png"),
    "x.bmp": encoded("bmp"),
    "x.tif": encoded("tif"),
    "plain.tif": encoded("tif", options=[cv2.IMWRITE_TIFF_COMPRESSION, 1]),
    "x.jpg": encoded("jpg"),
    "progressive.jpg": encoded("jpg", options=[cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
    "x.ppm": b"P6 12 16 255\n" + NOISE.tobytes(),
    "x.npy": npy_header() + NOISE.tobytes(),
}


@pytest.mark.parametrize("name", FILES)
def test_cut_at_any_length_a_file_is_refused_or_unharmed(tmp_path, name):
    path, data = tmp_path / name, FILES[name]
    path.write_bytes(data)
    whole = read_image(path, RGB)
    refused = 0
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            np.testing.assert_array_equal(read_image(path, RGB), whole)
        except ImageFileError as error:
            assert name in str(error)
            refused += 1
    assert refused > len(data) - 20


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "progressive.jpg"])
def test_a_missing_end_is_noticed_before_any_decoder_fills_it_with_grey(tmp_path, name):
    (tmp_path / name).write_bytes(FILES[name][:-20])
    with pytest.raises(ImageFileError, match="found a truncated file"):
        read_image(tmp_path / name, RGB)


@pytest.mark.parametrize(
    "data",
    [
        npy_header(shape="(1" + "0" * 30 + ", 3)"),
        npy_header(shape="(-1, 12, 3)"),
        npy_header(shape="(True, 12, 3)"),
        npy_header(shape="(16, 12, 3.0)"),
        npy_header(shape="(16, 12, 3"),
        npy_header(shape="('16', 12, 3)"),
        npy_header(descr="'|O'"),
        npy_header(descr="'nonsense'"),
        npy_header(descr="None"),
        npy_header(more="'x': 1"),
        b"\x93NUMPY\x01\x00v\x00" + b"(" * 118 + NOISE.tobytes(),
        b"\x93NUMPY\x01\x00v\x00" + b"'''" + b" " * 115 + NOISE.tobytes(),
        b"\x93NUMPY\x02\x00\x28\x23\x00\x00" + b"-" * 9000 + b"1",
        b"\x93NUMPY\x02\x00\x30\x75\x00\x00" + b" " * 30_000,
        b"\x93NUMPY\x09\x00v\x00" + b" " * 200,
        b"PK\x03\x04",
    ],
    ids=lambda data: repr(data[10:80]),
)
def test_a_npy_header_that_numpy_chokes_on(tmp_path, data):
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(ImageFileError, match=r"x\.npy: expected one numpy array") as caught:
        read_image(tmp_path / "x.npy", RGB)
    assert "\n" not in str(caught.value)


def test_an_archive_of_arrays_named_npy(tmp_path):
    np.savez(tmp_path / "x.npz", frame=NOISE)
    (tmp_path / "x.npz").rename(tmp_path / "x.npy")
    with pytest.raises(ImageFileError, match=r"x\.npy: expected one numpy array"):
        read_image(tmp_path / "x.npy", RGB)


@settings(derandomize=True, deadline=None, max_examples=400)
@given(st.data())
def test_any_damage_to_a_npy_file_is_a_frame_error_or_a_frame(tmp_path_factory, data):
    path, found = tmp_path_factory.getbasetemp() / "damaged.npy", bytearray(FILES["x.npy"])
    for _ in range(data.draw(st.integers(1, 6))):
        found[data.draw(st.integers(0, 100))] = data.draw(st.integers(0, 255))
    path.write_bytes(found)
    try:
        frame = read_image(path, RGB)
    except FrameError as error:
        assert "damaged.npy" in str(error)
        assert "\n" not in str(error)
    except UserWarning as warning:
        assert "Python 2" in str(warning)  # numpy says so once, here as an error
    else:
        assert frame.dtype == np.uint8
        assert frame.shape[2] == 3


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    head=st.sampled_from([b"P5", b"P6", b"P5 ", b"P5\n4 4\n255\n", b"P6 2 2 255\n"]),
    rest=st.text("0123456789 \n#P\t").map(str.encode) | st.binary(max_size=40),
    spec=st.sampled_from([RGB, GRAY, THERMAL]),
)
def test_any_netpbm_file_is_a_frame_error_or_a_frame(tmp_path_factory, head, rest, spec):
    path = tmp_path_factory.getbasetemp() / "damaged.pgm"
    path.write_bytes(head + rest)
    try:
        frame = read_image(path, spec)
    except FrameError as error:
        assert "damaged.pgm" in str(error)
    else:
        assert frame.dtype == spec.dtype.value
        assert frame.size > 0


@pytest.mark.parametrize(
    "header",
    [
        b"P5\n# one\n12 16\n255\n",
        b"P5 # one\n12\n# two\n# three\n16 # four\n255\n",
        b"P5\n12 16\n# just before the largest value\n255\n",
        b"P5\t12\t16\t255\t",
        b"P5\r\n12 16\r\n255\n",
    ],
)
def test_comments_and_spaces_anywhere_in_a_netpbm_header(tmp_path, header):
    (tmp_path / "x.pgm").write_bytes(header + NOISE[:, :, 0].tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "x.pgm", GRAY), NOISE[:, :, 0])


def test_a_first_pixel_that_looks_like_a_comment_is_a_pixel(tmp_path):
    image = np.full((16, 12), ord("#"), np.uint8)
    (tmp_path / "x.pgm").write_bytes(b"P5 12 16 255\n" + image.tobytes())
    np.testing.assert_array_equal(read_image(tmp_path / "x.pgm", GRAY), image)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int32, np.int8])
@pytest.mark.parametrize("colour", [True, False])
def test_a_tiff_of_another_type_is_refused_by_its_type(tmp_path, dtype, colour):
    image = np.ones((6, 5, 3) if colour else (6, 5), dtype)
    assert cv2.imwrite(str(tmp_path / "x.tif"), image)
    with pytest.raises(FrameError, match=rf"x\.tif.*{np.dtype(dtype)}"):
        read_image(tmp_path / "x.tif", RGB if colour else GRAY)
