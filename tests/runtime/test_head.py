"""The head: its weights lie flat in one array, and a built-in model runs them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart.errors import InferenceError, UsageError
from goodpart.facts.head import HeadSpec, head_values
from goodpart.model import head as module
from goodpart.model.head import Head


def flat_of(rng, hidden, dimension):
    return rng.normal(0, 0.3, head_values(hidden, dimension)).astype(np.float32)


def by_hand(flat, vectors, hidden):
    """The head in float64 numpy."""
    dimension, values, start = vectors.shape[1], vectors.astype(np.float64), 0
    for layer, (rows, columns) in enumerate([(hidden, dimension), (hidden, hidden), (1, hidden)]):
        matrix = flat[start : start + rows * columns].reshape(rows, columns).astype(np.float64)
        bias = flat[start + rows * columns : start + rows * columns + rows]
        values = values @ matrix.T + bias
        start += rows * columns + rows
        if layer < 2:
            values = np.maximum(values, 0)
    return values[:, 0]


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 99),
    hidden=st.sampled_from([1, 7, 128]),
    dimension=st.sampled_from([1, 8, 448]),
    patches=st.integers(1, 70),
)
def test_logits_are_those_of_the_network(seed, hidden, dimension, patches):
    rng = np.random.default_rng(seed)
    flat, vectors = flat_of(rng, hidden, dimension), rng.normal(size=(patches, dimension)).astype(np.float32)
    logits = Head(flat, hidden=hidden, dimension=dimension).logits(vectors)
    assert (logits.shape, logits.dtype) == ((patches,), np.float64)
    np.testing.assert_allclose(logits, by_hand(flat, vectors, hidden), rtol=1e-3, atol=1e-3)


def test_a_patch_gets_the_same_logit_alone_and_among_others():
    rng = np.random.default_rng(0)
    head = Head(flat_of(rng, 16, 8), hidden=16, dimension=8)
    vectors = rng.normal(size=(64, 8)).astype(np.float32)
    np.testing.assert_allclose(head.logits(vectors)[10:11], head.logits(vectors[10:11]), rtol=1e-5, atol=1e-6)


FACTS = {"hidden": 8, "alpha": 1.0, "offset": -3.0, "weight": 0.01, "lowest": -0.02}


@pytest.mark.parametrize(
    "wrong",
    [
        *({"hidden": hidden} for hidden in (0, -1, 1025)),
        *({"alpha": alpha} for alpha in (0.0, -1.0, 4.1, float("nan"), float("inf"))),
        *({"offset": offset} for offset in (float("nan"), float("inf"))),
        *({"lowest": lowest} for lowest in (0.1, -2.1, float("nan"), float("-inf"))),
        *({"weight": weight} for weight in (0.0, -1.0, float("nan"), float("inf"))),
    ],
)
def test_impossible_facts_are_refused(wrong):
    with pytest.raises(UsageError, match=r"^head: expected .+, found .+"):
        HeadSpec(**FACTS | wrong)


@pytest.mark.parametrize(
    "damage",
    [
        lambda flat: flat[:-1],
        lambda flat: np.append(flat, np.float32(0)),
        lambda flat: flat.astype(np.float64),
        lambda flat: flat.reshape(1, -1),
        lambda flat: np.where(np.arange(len(flat)) == 3, np.float32("nan"), flat),
        lambda flat: np.where(np.arange(len(flat)) == 3, np.float32("inf"), flat),
    ],
)
def test_weights_that_do_not_fit_are_refused(damage):
    flat = damage(flat_of(np.random.default_rng(0), 4, 8))
    with pytest.raises(UsageError, match=r"^head: expected 61 finite float32 weights, found float"):
        Head(flat, hidden=4, dimension=8)


def test_an_overflow_is_an_error_and_never_a_low_score():
    flat = np.full(head_values(4, 8), -3e38, np.float32)
    with pytest.raises(InferenceError, match="expected finite numbers"):
        Head(-flat, hidden=4, dimension=8).logits(np.ones((3, 8), np.float32))


def test_embeddings_of_another_length_are_an_error():
    head = Head(flat_of(np.random.default_rng(0), 4, 8), hidden=4, dimension=8)
    with pytest.raises(InferenceError, match=r"^head: expected its output for \(3, 9\) embeddings, found "):
        head.logits(np.ones((3, 9), np.float32))


def test_the_model_is_the_graph_that_its_docstring_names():
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper

    def values(name, *shape):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["a1"], transB=1),
        helper.make_node("Relu", ["a1"], ["r1"]),
        helper.make_node("Gemm", ["r1", "w2", "b2"], ["a2"], transB=1),
        helper.make_node("Relu", ["a2"], ["r2"]),
        helper.make_node("Gemm", ["r2", "w3", "b3"], ["z"], transB=1),
    ]
    weights = [
        *(values("w1", "h", "d"), values("b1", "h"), values("w2", "h", "h")),
        *(values("b2", "h"), values("w3", 1, "h"), values("b3", 1)),
    ]
    graph = helper.make_graph(nodes, "h", [values("x", "n", "d"), *weights], [values("z", "n", 1)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    assert onnx.load_from_string(module._MODEL) == model
