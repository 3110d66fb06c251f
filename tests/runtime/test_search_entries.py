"""Every public way into the bank refuses another width and non-finite values before they can do harm."""

from pathlib import Path

import numpy as np
import pytest

from goodpart.bundle.bank import load_bank
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import InferenceError
from goodpart.facts.manifest import SearchMethod

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


@pytest.fixture
def bank():
    return load_bank(read_bundle(FORMAT_1), threads=1)


def ways(bank):
    return {
        "search": lambda embeddings: bank.search(embeddings, top_k=1),
        "exact": bank.exact_distances,
        "bounds": bank.upper_bounds,
        "candidates": lambda embeddings: bank._graph.candidates(embeddings, 3),
    }


@pytest.mark.parametrize("way", ["search", "exact", "bounds", "candidates"])
@pytest.mark.parametrize("shape", [(2, 7), (2, 9), (2, 0), (8,), (2, 8, 1)])
def test_another_width_never_reaches_hnswlib(bank, way, shape):
    with pytest.raises(InferenceError, match="expected"):
        ways(bank)[way](np.ones(shape, np.float32))


@pytest.mark.parametrize("way", ["search", "exact"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", list(SearchMethod))
def test_a_value_that_is_not_finite_is_an_error(bank, way, value, method):
    bank._method = method
    embeddings = bank.vectors[:20].copy()
    embeddings[7, 3] = value
    with pytest.raises(InferenceError, match=r"expected finite .+, found NaN or infinity"):
        ways(bank)[way](embeddings)


@pytest.mark.parametrize("count", [1, 3, 8, 40, 300])
def test_as_many_candidates_as_are_asked_for_whatever_ef_is(bank, count):
    found = bank._graph.candidates(bank.vectors[:20], count)
    assert found.shape == (20, count)
    assert (found[:, 0] == np.arange(20)).all()
