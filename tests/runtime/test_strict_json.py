"""Strict JSON: round trips, and one test per way of being wrong."""

import dataclasses
import enum
import functools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart._host.strict_json import decode, encode
from goodpart.errors import ManifestError
from goodpart.facts.calibration import Calibration, CalibrationMethod, threshold_for
from goodpart.facts.manifest import Manifest
from goodpart.facts.profile import STAGES, CoresetMethod, IndexSpec, Profile
from goodpart.facts.spec import Channels, FrameSpec, PixelType, Roi


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inner:
    ratio: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    count: int
    name: str | None
    colour: Colour
    inner: Inner
    numbers: tuple[int, ...]
    pair: tuple[float, float]
    table: dict[str, Inner]
    flag: bool


GOOD = {
    "count": 3,
    "name": "x",
    "colour": "red",
    "inner": {"ratio": 0.5},
    "numbers": [1, 2],
    "pair": [0.0, 1.5],
    "table": {"a": {"ratio": 1}},
    "flag": True,
}


def read(facts):
    return decode(Facts, json.dumps(facts).encode(), where="facts.json")


def test_what_is_right_is_read():
    facts = read(GOOD)
    assert facts == Facts(
        count=3,
        name="x",
        colour=Colour.RED,
        inner=Inner(ratio=0.5),
        numbers=(1, 2),
        pair=(0.0, 1.5),
        table={"a": Inner(ratio=1.0)},
        flag=True,
    )
    assert decode(Facts, encode(facts), where="facts.json") == facts
    assert isinstance(facts.table["a"].ratio, float)  # a whole number may stand for a float


WRONG = {
    "unknown key": ({"novelty": 1}, "unknown ['novelty']"),
    "bool for int": ({"count": True}, "count: expected a whole number, found True"),
    "float for int": ({"count": 1.0}, "count: expected a whole number"),
    "text for int": ({"count": "3"}, "count: expected a whole number"),
    "int for text": ({"name": 3}, "name: expected a text"),
    "null for int": ({"count": None}, "count: expected a whole number, found None"),
    "int for bool": ({"flag": 1}, "flag: expected true/false"),
    "bool for float": ({"inner": {"ratio": False}}, "inner: ratio: expected a number"),
    "unknown enum": ({"colour": "blue"}, "colour: expected one of ['red']"),
    "list for enum": ({"colour": ["red"]}, "colour: expected one of"),
    "list for object": ({"inner": []}, "inner: expected an object"),
    "object for list": ({"numbers": {}}, "numbers: expected a list"),
    "wrong item": ({"numbers": [1, "2"]}, "numbers[1]: expected a whole number"),
    "list length": ({"pair": [1.0]}, "pair: expected a list of 2, found 1"),
    "wrong value in a table": ({"table": {"a": {}}}, "table: a: expected the keys ['ratio']"),
    "integer beyond floats": ({"pair": [10**400, 1]}, "pair[0]: expected a number within float range"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named_with_its_place(name):
    change, words = WRONG[name]
    with pytest.raises(ManifestError) as caught:
        read({**GOOD, **change})
    assert str(caught.value).startswith("facts.json: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key):
    with pytest.raises(ManifestError, match=f"missing \\['{key}'\\]"):
        read({name: value for name, value in GOOD.items() if name != key})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"count": 1, "count": 2}', "'count' stands twice"),
        (b'{"inner": {"ratio": 1, "ratio": 1}}', "'ratio' stands twice"),
        (b'{"count": NaN}', "finite"),
        (b'{"count": Infinity}', "finite"),
        (b'{"count": -Infinity}', "finite"),
        (b'{"count": 1e999}', "finite"),
        (b"\xff\xfe", "UTF-8 JSON"),
        (b"", "UTF-8 JSON"),
        (b"{", "UTF-8 JSON"),
        (b"{} {}", "UTF-8 JSON"),
        (b"[" * 100_000, "UTF-8 JSON"),
        (b'{"count": ' + b"9" * 5000 + b"}", "UTF-8 JSON"),
        (b'\xef\xbb\xbf{"count": 1}', "UTF-8 JSON"),
        (b"null", "expected an object"),
        (b"[]", "expected an object"),
    ],
)
def test_text_that_is_not_strict_json(text, words):
    with pytest.raises(ManifestError, match=r"^facts\.json: ") as caught:
        decode(Facts, text, where="facts.json")
    assert words in str(caught.value)


def test_a_value_that_the_dataclass_refuses_is_a_manifest_error():
    with pytest.raises(ManifestError, match=r"^facts\.json: .*roi"):
        decode(Roi, b'{"y_px": -1, "x_px": 0, "height_px": 1, "width_px": 1}', where="facts.json")


rois = st.none() | st.builds(
    Roi, y_px=st.integers(0, 99), x_px=st.integers(0, 99), height_px=st.integers(1, 99), width_px=st.integers(1, 99)
)
frames = st.builds(
    FrameSpec, channels=st.sampled_from(Channels), dtype=st.just(PixelType.UINT8), value_range=st.none(), roi=rois
) | st.builds(
    FrameSpec,
    channels=st.just(Channels.GRAY),
    dtype=st.just(PixelType.UINT16),
    value_range=st.tuples(st.integers(0, 999), st.integers(1000, 65535)),
    roi=rois,
)
stages = st.sets(st.sampled_from(STAGES), min_size=1).map(lambda chosen: tuple(s for s in STAGES if s in chosen))
profiles = stages.flatmap(lambda chosen: profiles_of(stages=st.just(chosen), grid=st.sampled_from(chosen)))
profiles_of = functools.partial(
    st.builds,
    Profile,
    name=st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20),
    neighbourhood=st.sampled_from([1, 3, 5, 7]),
    input_height_px=st.integers(2, 256).map(lambda side: side * 16),
    input_width_px=st.integers(2, 256).map(lambda side: side * 16),
    neighbours=st.integers(1, 100),
    top_share=st.floats(0.0, 1.0, exclude_min=True),
    coreset=st.sampled_from(CoresetMethod),
    bank_vectors=st.integers(101, 10_000_000),
    smoothing=st.floats(0.0, 16.0),
    index=st.builds(
        IndexSpec,
        directions=st.integers(1, 4096),
        links=st.integers(2, 128),
        ef_construction=st.integers(128, 10_000),
        ef_search=st.integers(1, 10_000),
        candidates=st.integers(1, 1000),
    ),
)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def calibrations(draw):
    pairs = draw(st.lists(st.tuples(finite, finite), min_size=9, max_size=30))
    scores, peaks = (tuple(sorted(numbers)) for numbers in zip(*pairs, strict=True))
    rate = draw(st.floats(0.1, 0.99))
    return Calibration(
        method=draw(st.sampled_from(CalibrationMethod)),
        promise=draw(st.text(max_size=9)),
        mean=draw(finite),
        std=draw(st.floats(1e-4, 1e9)),
        scores=scores,
        peaks=peaks,
        false_reject_rate=rate,
        threshold=threshold_for(scores, rate),
        pixel_threshold=threshold_for(peaks, rate),
    )


@settings(derandomize=True, deadline=None, max_examples=150)
@given(frames | profiles | calibrations())
def test_facts_survive_the_round_trip_bit_for_bit(facts):
    assert decode(type(facts), encode(facts), where="x") == facts
    assert encode(decode(type(facts), encode(facts), where="x")) == encode(facts)


def test_a_real_bundle_survives_the_round_trip_byte_for_byte(built_bundle):
    for kind, name in ((Manifest, "manifest.json"), (Calibration, "calibration.json")):
        text = (built_bundle / name).read_bytes()
        assert encode(decode(kind, text, where=name)) == text


@pytest.mark.parametrize("kind", [list, dict])
def test_a_value_too_deep_to_be_shown_is_named_all_the_same(kind):
    for depth in (*range(5, 50), *range(900, 1001)):
        deep = "[" * depth + "]" * depth if kind is list else '{"a":' * depth + "1" + "}" * depth
        with pytest.raises(ManifestError, match=r"^facts\.json: ") as caught:
            decode(Facts, json.dumps({**GOOD, "count": "HERE"}).replace('"HERE"', deep).encode(), where="facts.json")
        assert len(str(caught.value)) < 300


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.binary(max_size=60) | plain.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_a_manifest_error(text):
    for kind in (Facts, FrameSpec, Profile, Calibration):
        with pytest.raises(ManifestError):
            decode(kind, text, where="facts.json")
