"""JSON files made from the dataclasses that read them, and bent: read as they are, or refused in one line."""

import copy
import dataclasses
import enum
import functools
import json
import shutil
import types
import typing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attacks.bases import FIXTURES
from attacks.reference import says
from broken_bundles import write_manifest_aware
from goodpart._host.strict_json import decode, encode, to_plain
from goodpart.bundle.bundle import read_bundle
from goodpart.bundle.device import DeviceSettings
from goodpart.errors import (
    BundleError,
    BundleMissingError,
    ContractError,
    IntegrityError,
    ManifestError,
    VersionError,
)
from goodpart.facts.calibration import Calibration
from goodpart.facts.learned import ImageList
from goodpart.facts.manifest import Manifest

FORMAT_1 = FIXTURES / "format_1"
FORMAT_2, THERMAL = FIXTURES / "format_2", FIXTURES / "format_2_thermal"
KINDS = {"manifest.json": Manifest, "calibration.json": Calibration, "images.json": ImageList}
DOCUMENTS = [
    (FORMAT_1, "manifest.json"),
    (FORMAT_1, "calibration.json"),
    (FORMAT_2, "manifest.json"),
    (FORMAT_2, "images.json"),
    (THERMAL, "manifest.json"),
]

tricks = st.sampled_from(
    [
        "../../x",
        "/etc/passwd",
        "golden/../../x.npy",
        "golden/003.npy",
        "a\nb",
        "\x1b[2J",
        "\ud800",
        "\0",
        "",
        "x" * 2000,
    ]
)
numbers = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**31, 2**53, 2**64, 10**400, -0.0, 1e308, 5e-324])
junk = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=8) | tricks,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | tricks, inner, max_size=3),
    max_leaves=6,
)


hints_of = functools.cache(typing.get_type_hints)


@functools.cache  # thousands of examples draw from them, and making one takes longer than drawing from it
def plain_of(kind):
    """JSON values of a type, of the right form but of any content."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.none() | plain_of(inner[0])
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(plain_of(inner[0]), max_size=4)
    if origin is tuple:
        return st.tuples(*map(plain_of, inner)).map(list)
    if origin is dict:
        return st.dictionaries(st.text(max_size=8) | tricks, plain_of(inner[1]), max_size=4)
    if dataclasses.is_dataclass(kind):
        hints = hints_of(kind)
        return st.fixed_dictionaries({field.name: plain_of(hints[field.name]) for field in dataclasses.fields(kind)})
    if issubclass(kind, enum.Enum):
        return st.sampled_from([member.value for member in kind])
    return {int: st.integers(), float: numbers, str: st.text(max_size=8) | tricks, bool: st.booleans()}[kind]


def spots(document):
    """Every value below a JSON value: what holds it, and under which key."""
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in list(items):
        yield document, key
        yield from spots(value)


@st.composite
def near(draw, folder, name):
    """The bytes of a right document with a few things wrong, or the right form with any content."""
    document = json.loads((folder / name).read_text())
    if draw(st.booleans()):
        part = draw(st.sampled_from([field.name for field in dataclasses.fields(KINDS[name])]))
        document[part] = draw(plain_of(hints_of(KINDS[name])[part]))
    for _ in range(draw(st.integers(0, 3))):
        part = draw(st.sampled_from(list(document)))
        holder, key = draw(st.sampled_from([(document, part), *spots(document[part])]))
        what = draw(st.sampled_from(["replace", "replace", "drop", "add", "copy"]))
        if what == "replace":
            holder[key] = draw(junk)
        elif what == "drop":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8) | tricks)] = draw(junk) if what == "add" else copy.deepcopy(holder[key])
        else:
            holder.append(draw(junk) if what == "add" else copy.deepcopy(holder[key]))
        if not document:
            break
    text = json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 4)) == 0:
        position = draw(st.integers(0, len(text)))
        text = text[:position] + draw(st.binary(max_size=3)) + text[position + draw(st.integers(0, 3)) :]
    return text


def one_line(error):
    assert str(error).isprintable()
    assert len(str(error)) < 2000


@pytest.mark.parametrize(("base", "name"), DOCUMENTS)
def test_documents_are_read_as_they_are_or_refused(base, name):
    counts = {"read": 0, "refused": 0}

    @settings(derandomize=True, deadline=None, max_examples=250, suppress_health_check=list(HealthCheck))
    @given(near(base, name))
    def run(text):
        try:
            facts = decode(KINDS[name], text, where=name)
        except ManifestError as error:
            one_line(error)
            counts["refused"] += 1
            return
        counts["read"] += 1
        assert decode(KINDS[name], encode(facts), where=name) == facts
        # nothing was dropped, added or taken for something else on the way
        assert says(json.loads(text), to_plain(facts))

    run()
    assert counts["read"] > 10, counts
    assert counts["refused"] > 100, counts


@pytest.mark.parametrize(("base", "name"), DOCUMENTS)
def test_bundles_with_such_documents_are_read_or_refused(base, name, tmp_path):
    folder = shutil.copytree(base, tmp_path / "bar")
    kinds = set()

    @settings(derandomize=True, deadline=None, max_examples=125, suppress_health_check=list(HealthCheck))
    @given(near(base, name))
    def run(text):
        shutil.copy(base / "manifest.json", folder)
        write_manifest_aware(folder / name, text)
        try:
            bundle = read_bundle(folder)
            bundle.read_origins()
        except BundleError as error:
            one_line(error)
            kinds.add(type(error))
            return
        kinds.add(type(None))
        assert says(json.loads((folder / "manifest.json").read_bytes()), to_plain(bundle.manifest))

    run()
    seldom = {IntegrityError, BundleMissingError}  # another size or hash, a golden frame that is not there
    often = {type(None), ManifestError} | ({VersionError} if name == "manifest.json" else set())
    # foreign files; more or fewer images than the manifest says
    seldom |= {ContractError} if base == FORMAT_2 or name == "manifest.json" else set()
    assert often <= kinds <= often | seldom


@settings(derandomize=True, deadline=None, max_examples=600)
@given(st.binary(max_size=200) | junk.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
def test_anything_else_is_refused(text):
    for kind in (Manifest, Calibration, ImageList, DeviceSettings):
        with pytest.raises(ManifestError) as caught:
            decode(kind, text, where="x.json")
        one_line(caught.value)
