"""Every fact of a bundle at and beyond its limits: taken and read again, or refused in code and JSON alike."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attacks.bases import FIXTURES
from goodpart._host.strict_json import decode, encode, to_plain
from goodpart.errors import ManifestError, UsageError
from goodpart.facts.calibration import Calibration, CalibrationMethod, quantile_rank, threshold_for
from goodpart.facts.manifest import BankSpec, Manifest, SearchMethod
from goodpart.facts.profile import STAGES, CoresetMethod, IndexSpec, Profile
from goodpart.facts.spec import Channels, FrameSpec, GridSpec, PixelType, Roi


def taken(kind, **facts):
    """Whether a dataclass takes these facts; JSON says the same, and round trips if so."""
    text = json.dumps({name: to_plain(value) for name, value in facts.items()}).encode()
    try:
        value = kind(**facts)
    except UsageError:
        with pytest.raises(ManifestError):
            decode(kind, text, where="x")
        return False
    assert decode(kind, text, where="x") == value
    assert decode(kind, encode(value), where="x") == value
    return True


around = (
    st.integers(-2, 3)
    | st.sampled_from([1023, 1024, 1025, 4095, 4096, 4097, 65535, 65536, 10**7, 10**7 + 1])
    | st.integers()
)
specs = settings(derandomize=True, deadline=None, max_examples=400)


@specs
@given(around, around, around, around)
def test_regions_of_interest(y_px, x_px, height_px, width_px):
    right = y_px >= 0 and x_px >= 0 and height_px >= 1 and width_px >= 1
    assert taken(Roi, y_px=y_px, x_px=x_px, height_px=height_px, width_px=width_px) == right


@specs
@given(st.sampled_from(Channels), st.sampled_from(PixelType), st.none() | st.tuples(around, around))
def test_frames(channels, dtype, value_range):
    if dtype is PixelType.UINT16:
        right = channels is Channels.GRAY and value_range is not None and 0 <= value_range[0] < value_range[1] <= 65535
    else:
        right = value_range is None
    assert taken(FrameSpec, channels=channels, dtype=dtype, value_range=value_range, roi=None) == right


@specs
@given(around, around, around)
def test_grids(rows, columns, dimension):
    right = 1 <= rows <= 1024 and 1 <= columns <= 1024 and 1 <= dimension <= 4096
    assert taken(GridSpec, rows=rows, columns=columns, dimension=dimension) == right


@specs
@given(around, around, st.sampled_from(SearchMethod), st.floats(-0.1, 1.1) | st.sampled_from([0.0, 1.0]))
def test_banks(vectors, directions, search, recall):
    right = 2 <= vectors <= 10**7 and 1 <= directions <= 4096 and 0 <= recall <= 1
    assert taken(BankSpec, vectors=vectors, directions=directions, search=search, recall=recall) == right


PROFILE = {
    "name": "x",
    "stages": ("layer1", "layer2"),
    "grid": "layer1",
    "neighbourhood": 3,
    "input_height_px": 64,
    "input_width_px": 64,
    "neighbours": 3,
    "top_share": 0.1,
    "coreset": CoresetMethod.GREEDY,
    "bank_vectors": 300,
    "smoothing": 1.0,
    "index": IndexSpec(directions=6, links=6, ef_construction=24, ef_search=8, candidates=4),
}
RIGHT = {
    "name": lambda name: 1 <= len(name) <= 64 and name.isprintable(),
    "stages": lambda stages: "layer1" in stages and list(stages) == sorted(set(stages), key=STAGES.index),
    "grid": lambda grid: grid in ("layer1", "layer2"),
    "neighbourhood": lambda side: side in (1, 3, 5, 7),
    "input_height_px": lambda side: 32 <= side <= 4096 and side % 16 == 0,
    "input_width_px": lambda side: 32 <= side <= 4096 and side % 16 == 0,
    "neighbours": lambda count: 1 <= count <= 100,
    "top_share": lambda share: 0 < share <= 1,
    "bank_vectors": lambda count: 3 < count <= 10**7,
    "smoothing": lambda std: 0 <= std <= 16,
}
ANY = {
    "name": st.text(max_size=70),
    "stages": st.lists(st.sampled_from(STAGES), max_size=4).map(tuple),
    "grid": st.sampled_from([*STAGES, "layer4", ""]),
    "top_share": st.floats(-0.1, 1.1) | st.sampled_from([0.0, 1.0, 5e-324]),
    "smoothing": st.floats(-0.1, 17) | st.sampled_from([0.0, 16.0]),
}


@pytest.mark.parametrize("fact", RIGHT)
def test_profiles(fact):
    @settings(derandomize=True, deadline=None, max_examples=120)
    @given(ANY.get(fact, around | st.integers(0, 300).map(lambda value: value * 16) | st.integers(1, 100)))
    def run(value):
        assert taken(Profile, **{**PROFILE, fact: value}) == RIGHT[fact](value)

    run()


@pytest.mark.parametrize(
    ("tolerance", "right"),
    [
        (5e-324, True),
        (0.02, True),
        (1.0, True),
        (0.0, False),
        (-0.02, False),
        (1.0000000000000002, False),
        (1e9, False),
    ],
)
def test_golden_tolerances(tolerance, right):
    manifest = decode(Manifest, (FIXTURES / "format_1" / "manifest.json").read_bytes(), where="x")
    stated = {field.name: getattr(manifest, field.name) for field in dataclasses.fields(manifest)}
    facts = {name: value for name, value in stated.items() if value is not None}
    assert taken(Manifest, **{**facts, "golden_tolerance": tolerance}) == right


finite = st.floats(-1e6, 1e6)


@specs
@given(st.data(), st.lists(st.tuples(finite, finite), max_size=12), st.floats(-0.1, 1.1), finite, st.floats(0, 1))
def test_calibrations(data, pairs, rate, mean, std):
    scores, peaks = (tuple(sorted(pair[number] for pair in pairs)) for number in (0, 1))
    facts = {
        "method": CalibrationMethod.SPLIT,
        "promise": "",
        "mean": mean,
        "std": std,
        "scores": scores,
        "peaks": peaks,
    }
    try:
        rank = quantile_rank(len(pairs), rate)
    except UsageError:
        assert not taken(Calibration, **facts, false_reject_rate=rate, threshold=0.0, pixel_threshold=0.0)
        return
    threshold, pixel_threshold = threshold_for(scores, rate), threshold_for(peaks, rate)
    assert (threshold, pixel_threshold) == (scores[rank - 1], peaks[rank - 1])
    other = data.draw(st.sampled_from([0.0, 0.0, 1e-9, -1.0]))
    right = std >= 1e-4 and threshold + other == threshold
    stated = {"threshold": threshold + other, "pixel_threshold": pixel_threshold}
    assert taken(Calibration, **facts, false_reject_rate=rate, **stated) == right
    if scores[:1] != scores[-1:]:
        assert not taken(Calibration, **{**facts, "scores": scores[::-1]}, false_reject_rate=rate, **stated)
