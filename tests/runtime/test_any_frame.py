"""Whatever array comes, there is a verdict or a FrameError, and never GOOD for what cannot be judged.

`make frames` draws many more of them, and others every time.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from goodpart.errors import FrameError
from goodpart.facts.spec import Channels, PixelType
from goodpart.scoring.inspection import Inspection, Verdict
from small_frames import HEIGHT_PX, WIDTH_PX, draw_small

EXAMPLES = int(os.environ.get("GOODPART_EXAMPLES", "250"))
WILD = settings(
    max_examples=EXAMPLES,
    # the same ones in every `make test`
    derandomize="GOODPART_EXAMPLES" not in os.environ,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
DTYPES = [
    *("u1", "<u2", ">u2", "<u4", "i1", "<i2", ">i2", "<i4", "<i8", ">i8", "<u8", "?"),
    *("<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "g", "<c8", "<c16", ">c16"),
    *("M8[us]", "m8[s]", "S3", "U2", "V3", "O", "u1,u1,u1", "<f4,<i2"),
]
SIDES = [0, 1, 2, 3, 4, 17, HEIGHT_PX, WIDTH_PX, 70]
SHAPES = st.one_of(
    st.tuples(st.sampled_from(SIDES), st.sampled_from(SIDES), st.just(3)),
    st.tuples(st.sampled_from(SIDES), st.sampled_from(SIDES)),
    st.lists(st.sampled_from([0, 1, 2, 3, 5, 18]), max_size=5).map(tuple),
)
FILLS = ["noise", "end", "dark", "bright", "constant", "part"]


class Subclass(np.ndarray):
    """An array by another name."""


def filled(dtype, shape, fill, seed):
    """An array of any dtype; floats and objects with non-finite values among them."""
    rng = np.random.default_rng(seed)
    if fill == "constant":
        bits = np.full(shape, rng.integers(0, 256), np.uint8)
    elif fill == "part":
        part = draw_small(seed % 1000, defect=seed % 2 == 0)
        bits = np.resize(part, shape)
    else:
        low, high = {"noise": (0, 256), "end": (0, 1), "dark": (0, 3), "bright": (253, 256)}[fill]
        bits = rng.integers(low, high, shape).astype(np.uint8)
    bits = np.asarray(bits)  # numpy makes scalars of arrays without a side
    kind = np.dtype(dtype)
    if kind.kind == "V":
        return np.broadcast_to(np.zeros((), kind), shape).copy()
    if kind.kind == "O":
        array = bits.astype(object)
        if array.size:
            array.flat[0] = [None, np.nan, "x", [1], 7][seed % 5]
        return array
    factor = 257 if kind.kind == "u" and kind.itemsize == 2 else 1
    array = np.asarray(bits.astype(np.int64) * factor).astype(kind)
    if kind.kind in "fc" and array.size:
        array.flat[rng.integers(array.size)] = [np.nan, np.inf, -np.inf, 1.0][seed % 4]
    return array


def mapped(array):
    """The same, from a file."""
    if array.dtype.hasobject or array.size == 0:
        return array
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frame.npy")
        np.save(path, array)
        return np.load(path, mmap_mode="r")


def misaligned(array):
    """The same, at an odd address."""
    if array.dtype.hasobject or array.size == 0:
        return array
    return np.frombuffer(b"-" + array.tobytes(), array.dtype, offset=1).reshape(array.shape)


def read_only(array):
    array.flags.writeable = False
    return array


LAYOUTS = {
    "plain": lambda array: array,
    "fortran": np.asfortranarray,
    "reversed": lambda array: array[(slice(None, None, -1),) * array.ndim],
    "turned": lambda array: array.T,
    "every other": lambda array: array[::2, ::2] if array.ndim > 1 else array[::2] if array.ndim else array,
    "one for all": lambda array: np.broadcast_to(array.flat[0], array.shape) if array.size else array,
    "one row for all": lambda array: np.broadcast_to(array[:1], array.shape) if array.size and array.ndim else array,
    "three from one": lambda array: np.broadcast_to(array[..., np.newaxis], (*array.shape, 3)),
    "misaligned": misaligned,
    "read-only": read_only,
    "memory-mapped": mapped,
    "subclass": lambda array: array.view(Subclass),
    "matrix": lambda array: array.view(np.matrix) if array.ndim == 2 else array,
    "masked": np.ma.masked_array,
    "record array": lambda array: array.view(np.recarray),
    "list": lambda array: array.tolist(),
    "scalar": lambda array: array.flat[0] if array.size else array,
}


def judged(inspector, frame):
    """The Inspection of a frame, or None if it is refused; anything else is a fault."""
    before = frame.tobytes() if isinstance(frame, np.ndarray) and not frame.dtype.hasobject else None
    try:
        found = inspector.inspect(frame)
    except FrameError as error:
        assert "expected" in str(error)
        assert "\n" not in str(error)
        return None
    assert frame.tobytes() == before
    assert isinstance(found, Inspection)
    assert np.isfinite(found.score)
    assert np.isfinite(found.grid).all()
    assert np.isfinite(np.asarray(frame, np.float64)).all()
    assert (found.reason is not None) == (found.verdict is Verdict.UNKNOWN)
    assert (found.verdict is Verdict.GOOD) <= (found.score <= found.threshold)
    if (np.asarray(frame) == np.asarray(frame)[0, 0]).all():
        assert found.verdict is Verdict.UNKNOWN
    return found


def fits(frame, spec):
    """Whether a frame is what a bundle without a region of interest declares, in other words than `spec.py` has."""
    if not isinstance(frame, np.ndarray) or isinstance(frame, np.ma.MaskedArray):
        return False
    after = () if spec.channels is Channels.GRAY else (3,)
    bytes_each = {PixelType.UINT8: "u1", PixelType.UINT16: "=u2"}[spec.dtype]
    return (
        frame.ndim >= 2 and frame.shape[2:] == after and frame.size > 0 and frame.dtype.str == np.dtype(bytes_each).str
    )


@WILD
@given(
    which=st.integers(0, 2),
    fitting=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    shape=SHAPES,
    fill=st.sampled_from(FILLS),
    layout=st.sampled_from(sorted(LAYOUTS)),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_array_gives_an_inspection_or_a_frame_error(one_of_each, which, fitting, dtype, shape, fill, layout, seed):
    spec = one_of_each[which].backbone.spec.frame
    if fitting:
        dtype = spec.dtype.value
        shape = (*shape, 1, 1)[:2] if spec.channels is Channels.GRAY else (*(*shape, 1, 1)[:2], 3)
    frame = LAYOUTS[layout](filled(dtype, shape, fill, seed))
    found = judged(one_of_each[which], frame)
    # nothing that can be judged is refused
    assert (found is not None) == fits(frame, spec)
    event("refused" if found is None else found.verdict.value)


@WILD
@given(
    frame=arrays.arrays(
        dtype=arrays.array_dtypes() | arrays.scalar_dtypes(),
        shape=arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
    )
)
def test_any_array_that_hypothesis_thinks_of(one_of_each, frame):
    for inspector in one_of_each:
        found = judged(inspector, frame)
        assert (found is not None) == fits(frame, inspector.backbone.spec.frame)


@WILD
@given(
    value=st.sampled_from([np.nan, np.inf, -np.inf, complex(0, np.nan), complex(np.inf, 1)]),
    dtype=st.sampled_from(["<f2", ">f2", "<f4", "<f8", ">f8", "g", "<c8", "<c16", "O"]),
    pixel=st.tuples(st.integers(0, HEIGHT_PX - 1), st.integers(0, WIDTH_PX - 1)),
    which=st.integers(0, 2),
)
def test_one_pixel_that_is_no_number_is_never_judged(one_of_each, value, dtype, pixel, which):
    part = draw_small(100) if which == 0 else draw_small(100)[:, :, 1]
    frame = part.astype(dtype)
    if np.dtype(dtype).kind == "f":
        value = np.real(value) if not np.isfinite(np.real(value)) else np.nan
    frame[pixel] = value
    with pytest.raises(FrameError):
        one_of_each[which].inspect(frame)
