"""Models that were made to do harm, in bundles whose hashes are right: refused in one line before they do it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from attacks.malicious_models import BOMBS, REFUSED, bomb, field, long_key, weight_of
from broken_bundles import write_manifest_aware
from goodpart.errors import ContractError, SelfTestError, TrialError
from goodpart.inspector import Inspector
from goodpart.store.trial import TrialLimits, try_bundle

MODEL_GRAPH, GRAPH_NODE, GRAPH_WEIGHT = 7, 1, 5


@pytest.fixture
def model(bar):
    return onnx.load(bar / "backbone.onnx")


def refused(bar, data, *words):
    """Refused before onnxruntime sees it, which says so itself: these messages are none of its own."""
    write_manifest_aware(bar / "backbone.onnx", data)
    with pytest.raises(ContractError) as caught:
        Inspector.load(bar, threads=1)
    text = str(caught.value)
    assert text.isprintable()
    assert "onnxruntime" not in text
    assert "export the backbone again" in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_is_no_plain_graph(bar, model, name):
    change, words = REFUSED[name]
    weights = weight_of(model).raw_data
    for place in (bar, bar.parent, Path.cwd()):
        # what external data would find, and pass with
        if place != Path.cwd():
            (place / "outside.bin").write_bytes(weights)
    change(model)
    refused(bar, model.SerializeToString(), "backbone.onnx: expected", words)


BAD_NODE = helper.make_node("RandomNormal", [], ["side"], shape=[1]).SerializeToString()


def graph_bytes(model):
    """The graph, and the model without it."""
    graph = model.graph.SerializeToString()
    model.ClearField("graph")
    return graph, model.SerializeToString()


@pytest.mark.parametrize(
    "second", [b"", field(GRAPH_NODE, BAD_NODE), field(10, b"documentation")], ids=["empty", "node", "text"]
)
@pytest.mark.parametrize("first", [True, False])
def test_a_graph_that_stands_twice(bar, model, second, first):
    """Protobuf merges the two: each alone may be fine, or the second hide what the first does not have."""
    graph, rest = graph_bytes(model)
    graphs = [field(MODEL_GRAPH, graph), field(MODEL_GRAPH, second)]
    refused(bar, rest + b"".join(graphs if first else reversed(graphs)), "backbone.onnx: expected")


@pytest.mark.parametrize("bits", [0x00, 0x10, 0x20, 0x40, 0x70])
@pytest.mark.parametrize("what", ["node", "graph", "function", "weights elsewhere"])
def test_what_is_hidden_behind_a_key_that_other_readers_cut_to_32_bits(bar, model, bits, what):
    """Such a key names no field that a strict reader knows; onnxruntime takes it for the field of its lower bits."""
    if what in ("node", "weights elsewhere"):
        weight = onnx.TensorProto(name="side", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
        weight.external_data.add(key="location", value="/etc/passwd")
        hidden = field(GRAPH_NODE, BAD_NODE, key=long_key(GRAPH_NODE, bits))
        if what == "weights elsewhere":
            hidden = field(GRAPH_WEIGHT, weight.SerializeToString(), key=long_key(GRAPH_WEIGHT, bits))
        graph, rest = graph_bytes(model)
        data = rest + field(MODEL_GRAPH, graph + hidden)
    elif what == "graph":
        data = model.SerializeToString() + field(
            MODEL_GRAPH, field(GRAPH_NODE, BAD_NODE), key=long_key(MODEL_GRAPH, bits)
        )
    else:
        # 25 needs two bytes
        key = bytes([25 << 3 & 0x7F | 2 | 0x80, 25 >> 4 | 0x80, 0x80, 0x80, bits])
        data = model.SerializeToString() + field(25, b"", key=key)
    refused(bar, data, "another file")


@pytest.mark.parametrize(
    "tail",
    [
        b"\x80" * 100 + b"\x01",
        b"\xff" * 1_000_000,
        b"\x08" + b"\x80" * 10 + b"\x01",
        b"\x08" + b"\xff" * 1_000_000,
        b"\x3a" + b"\xff" * 9 + b"\x01",
        b"\x3a" + b"\xff" * 9 + b"\x7f",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\x02\x00",
        b"\x88\x00\x01",
        b"\x3b\x3c",
        b"\x3c",
        b"\x3e",
        b"\x39" + bytes(7),
        b"\x38\x01",
        b"\x40\x01",
    ],
    ids=lambda tail: tail[:12].hex(),
)
def test_bytes_that_are_no_protobuf_behind_a_model(bar, model, tail):
    refused(bar, model.SerializeToString() + tail, "ONNX model")


@pytest.mark.parametrize("depth", [50, 200, 20_000])
def test_messages_in_messages_in_messages(bar, model, depth):
    """A type of a sequence of a sequence ..., and a graph in a node in a graph ...: not too deep for us."""
    kind = b""
    for _ in range(depth):
        kind = field(4, field(1, kind))
    graph, rest = graph_bytes(model)
    write_manifest_aware(bar / "backbone.onnx", rest + field(MODEL_GRAPH, graph + field(13, field(2, kind))))
    with pytest.raises(ContractError) as caught:
        Inspector.load(bar, threads=1)
    assert str(caught.value).isprintable()
    inner = b""
    for _ in range(depth):
        inner = field(GRAPH_NODE, field(4, b"Relu") + field(5, field(6, inner)))
    refused(bar, rest + field(MODEL_GRAPH, graph + inner), "a graph within it")


@pytest.mark.parametrize("name", BOMBS)
def test_a_model_that_wants_all_memory(bar, model, name):
    """In a child of limited memory, as `goodpart store activate` does it: refused in one line, nothing else happens."""
    BOMBS[name](model)
    write_manifest_aware(bar / "backbone.onnx", model.SerializeToString())
    # a lack of memory proves nothing about a bundle, so that a store that is short of it stays as it is
    lacks_memory = "TB" in name or "GB" in name or "long rows" in name
    with pytest.raises(TrialError if lacks_memory else SelfTestError) as caught:
        try_bundle(bar, TrialLimits(memory_mb=1500, time_s=100))
    assert str(caught.value).isprintable()
    # it ended by an error of ours, not by a crash
    assert ("ended by exit code 2 (" if lacks_memory else "in its trial: ") in str(caught.value)


def test_what_passes_these_checks_still_passes(bar, model):
    """So that the others are refused for what is wrong with them: the same detours, all harmless."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("Shape", ["frame"], ["sides"]),
        helper.make_node("Div", ["sides", "two"], ["half"]),
        helper.make_node("Max", ["half", "two"], ["two_or_more"]),
        helper.make_node("Div", ["sides", "two_or_more"], ["side"]),
        helper.make_node("Clip", ["bias", "", "nil"], ["other_side"]),
    ]
    bomb(*nodes, shape=np.int64([3]), two=np.int64([2]))(model)
    write_manifest_aware(bar / "backbone.onnx", model.SerializeToString())
    with Inspector.load(bar, threads=1) as inspector:
        assert max(inspector.self_test().values()) < 1e-6


def test_facts_that_are_no_text_print_nothing(bar, model):
    """onnxruntime's own retry would write a banner to stdout, where a program expects JSON."""
    data = model.SerializeToString().replace(b'"small"', b'"sm\xe4ll'[:6] + b'"')
    write_manifest_aware(bar / "backbone.onnx", data)
    command = [sys.executable, "-m", "goodpart.cli.main", "selftest", str(bar)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.count("\n") == 1
    assert "UTF-8" in done.stderr
