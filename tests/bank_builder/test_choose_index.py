"""The index of a bank: the cheapest of three that finds enough of the nearest neighbours."""

import dataclasses

import numpy as np
import pytest

from broken_bundles import change_json
from goodpart.bundle.bank import load_bank
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import UsageError
from goodpart.facts.manifest import BankSpec, SearchMethod
from goodpart.facts.profile import IndexSpec
from goodpart_bank_builder.build.index import RECALL, choose_index, measure_recall
from small_parts import TINY, unit_vectors

SPREAD = np.linspace(3, 0.3, 32, dtype=np.float32)
"""Some directions hold more than others, as in real banks."""


def chosen(directions, candidates):
    index = IndexSpec(directions=directions, links=8, ef_construction=200, ef_search=60, candidates=candidates)
    profile = dataclasses.replace(TINY, neighbours=1, index=index)
    return choose_index(*drawn(), profile, seed=0, threads=1)


def drawn():
    rows = [unit_vectors(1, count, 32, seed=seed)[0] * SPREAD for count, seed in ((1500, 0), (200, 1))]
    return [each / np.linalg.norm(each, axis=1, keepdims=True) for each in rows]


@pytest.mark.parametrize(("asked", "directions", "candidates"), [((24, 8), 24, 8), ((17, 4), 17, 8), ((8, 8), 16, 16)])
def test_the_first_of_three_steps_that_finds_enough(asked, directions, candidates):
    found = chosen(*asked)
    assert (found.graph.projection.shape[1], found.candidates) == (directions, candidates)
    assert found.recall >= RECALL
    vectors, queries = drawn()
    assert found.recall == measure_recall(found.graph, vectors, queries, neighbours=1, candidates=candidates)


def test_the_best_step_where_none_finds_enough():
    found = chosen(2, 1)
    assert (found.graph.projection.shape[1], found.candidates) == (4, 2)
    assert 0 < found.recall < RECALL


def test_a_bank_without_more_directions_keeps_those_it_has():
    found = chosen(32, 1)
    assert found.graph.projection.shape[1] == 32


def test_a_bundle_searches_with_the_candidates_it_states(bundle):
    facts = read_bundle(bundle).manifest
    assert facts.bank.candidates is not None
    other = facts.backbone.profile.index.candidates + 3
    change_json(bundle / "manifest.json", lambda stated: stated["bank"].update(candidates=other))
    assert load_bank(read_bundle(bundle), threads=1)._candidates == other


@pytest.mark.parametrize("candidates", [0, 1001])
def test_impossible_candidates_are_refused(candidates):
    with pytest.raises(UsageError, match=f"1 to 1000 candidates, found {candidates}"):
        BankSpec(vectors=10, directions=2, search=SearchMethod.GRAPH, recall=1.0, candidates=candidates)
