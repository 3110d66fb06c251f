"""The search of held-out patches: exact, in small pieces, on as many threads as asked for."""

import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodpart._host.parallel import Workers
from goodpart.bank import exact
from goodpart.frames.listing import find_images
from goodpart.model.backbone import Backbone
from goodpart_bank_builder.data.parts import group_parts, make_folds
from goodpart_bank_builder.data.settings import LearnSettings
from goodpart_bank_builder.learn.learn import learn
from small_parts import unit_vectors


@settings(derandomize=True, deadline=None, max_examples=40)
@given(count=st.integers(5, 400), patches=st.integers(1, 90), neighbours=st.integers(1, 5), seed=st.integers(0, 99))
def test_distances_are_those_of_brute_force(count, patches, neighbours, seed):
    vectors, embeddings = unit_vectors(1, count, 16, seed)[0], unit_vectors(1, patches, 16, seed + 1)[0]
    found = exact.exact_distances(vectors, embeddings, neighbours=neighbours)
    every = np.sort(1.0 - embeddings.astype(np.float64) @ vectors.astype(np.float64).T, axis=1)
    np.testing.assert_allclose(found, every[:, :neighbours].mean(axis=1), atol=1e-7)


def test_several_threads_give_the_same_distances():
    vectors, embeddings = unit_vectors(1, 300, 16, 0)[0], unit_vectors(1, 1000, 16, 1)[0]
    alone = exact.exact_distances(vectors, embeddings, neighbours=3)
    workers = Workers(3)
    together = exact.exact_distances(vectors, embeddings, neighbours=3, threads=3, workers=workers)
    workers.close()
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_build_multiplies_small_pieces_on_its_own_threads(good_dir, tiny_backbone, monkeypatch, threads):
    """numpy would multiply whole images, on all cores whatever `--threads` says."""
    pieces = []

    def watched(vectors, rows):
        pieces.append((len(rows), threading.current_thread().name))
        return multiply(vectors, rows)

    multiply = exact.inner_products
    monkeypatch.setattr(exact, "inner_products", watched)
    parts = group_parts(find_images(good_dir), good_dir, pattern=None)
    choices = LearnSettings(false_reject_rate=0.1, threads=threads)
    learn(Backbone.load(tiny_backbone), parts, make_folds(parts, choices), choices)
    assert sum(rows for rows, _ in pieces) == 24 * 192  # every patch of every held-out image
    assert max(rows for rows, _ in pieces) <= 64
    expected = {"MainThread"} if threads == 1 else {f"goodpart-{number}" for number in range(threads)}
    assert {name for _, name in pieces} <= expected


PEAK = """
import resource
import numpy as np
from goodpart.bank.exact import exact_distances
rng = np.random.default_rng(0)
vectors, rows = (rng.standard_normal((count, 16), np.float32) for count in (5000, 20_000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
exact_distances(vectors, rows, neighbours=3)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the unit of ru_maxrss is KiB on Linux only")
def test_memory_does_not_grow_with_the_patches():
    """All products together are 400 MB."""
    done = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40
