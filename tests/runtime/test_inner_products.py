"""Products beside numpy's, and the model that computes them."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart._host import inner_products as module
from goodpart._host.inner_products import inner_products
from goodpart.bank.exact import ROUNDING
from goodpart.errors import InferenceError


@settings(derandomize=True, deadline=None, max_examples=40)
@given(count=st.integers(1, 500), rows=st.integers(1, 40), dimension=st.sampled_from([1, 3, 64, 700]))
def test_products_are_those_of_numpy(count, rows, dimension):
    rng = np.random.default_rng(count)
    vectors, queries = (rng.normal(size=(n, dimension)).astype(np.float32) for n in (count, rows))
    np.testing.assert_allclose(inner_products(vectors, queries), vectors @ queries.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("spread", [1.0, 1e-2, 3e-5])
@pytest.mark.parametrize("dimension", [64, 256, 448, 960])
def test_rounding_stays_within_what_certified_search_allows_for(dimension, spread):
    rng = np.random.default_rng(dimension)
    middle = np.abs(rng.normal(size=dimension))
    near = middle + spread * rng.normal(size=(2000 + 100, dimension))
    both = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    vectors, queries = both[:2000], both[2000:]
    true = vectors.astype(np.float64) @ queries.astype(np.float64).T
    assert np.abs(inner_products(vectors, queries) - true).max() < ROUNDING / 2


def test_sides_may_be_views_and_read_only():
    rng = np.random.default_rng(0)
    vectors, queries = (rng.normal(size=(n, 20)).astype(np.float32) for n in (50, 8))
    vectors.flags.writeable = False
    found = inner_products(vectors[::2, ::-1], queries.T[::-1].T)
    np.testing.assert_allclose(found, vectors[::2, ::-1] @ queries[:, ::-1].T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("count", "rows"), [(0, 3), (3, 0)])
def test_nothing_times_something(count, rows):
    found = inner_products(np.ones((count, 4), np.float32), np.ones((rows, 4), np.float32))
    assert (found.shape, found.dtype) == ((count, rows), np.float32)


def test_results_are_the_callers_own():
    vectors, queries = np.eye(3, dtype=np.float32), np.ones((2, 3), np.float32)
    first = inner_products(vectors, queries)
    first[:] = -np.inf
    assert (inner_products(vectors, queries) == 1.0).all()
    assert (first == -np.inf).all()


def test_sides_that_do_not_fit():
    with pytest.raises(InferenceError, match=r"^products: expected those of \(3, 4\) and \(2, 5\), found .+$"):
        inner_products(np.ones((3, 4), np.float32), np.ones((2, 5), np.float32))


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads as Linux lists them")
def test_a_large_product_starts_no_threads():
    vectors = np.ones((3000, 64), np.float32)
    module._session.cache_clear()
    before = len(os.listdir("/proc/self/task"))
    assert (inner_products(vectors, vectors) == 64.0).all()
    assert len(os.listdir("/proc/self/task")) <= before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")
def test_a_forked_child_takes_a_session_of_its_own():
    code = """if True:
        import os, numpy as np
        from goodpart._host import inner_products as module
        ones = np.ones((2, 3), np.float32)
        module.inner_products(ones, ones)
        before = module._session()
        if (child := os.fork()) == 0:
            os._exit(0 if (module.inner_products(ones, ones) == 3.0).all() and module._session() is not before else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert module._session() is before
    """
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_model_is_the_node_that_its_docstring_names():
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper

    def values(name, *shape):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    node = helper.make_node("Gemm", ["a", "b"], ["c"], transB=1)
    graph = helper.make_graph([node], "p", [values("a", "n", "k"), values("b", "r", "k")], [values("c", "n", "r")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    assert onnx.load_from_string(module._MODEL) == model
