"""Index files whose hashes are right and whose content lies: hnswlib would take them, or crash."""

import struct
import subprocess
import sys

import hnswlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broken_bundles import write_manifest_aware
from goodpart.bank.index_file import read_vectors
from goodpart.errors import ContractError

HEADER = struct.Struct("<6QiI3QdQ")
FIELDS = ["level0", "capacity", "count", "element", "label", "data", "top", "entry", "upper_links", "level0_links", "M"]
FACTS = {"vectors": 300, "dimension": 6, "links": 6}
LIST_BYTES = 4 + 4 * FACTS["links"]
ELEMENTS_END = HEADER.size + 300 * (4 + 4 * 12 + 4 * 6 + 8)


@pytest.fixture
def index(built_bundle):
    """The bytes of an index file, to be broken."""
    return bytearray((built_bundle / "bank.hnsw").read_bytes())


def refused(bundle, data, *words):
    """In a process of its own: what hnswlib must not see would end this one."""
    write_manifest_aware(bundle / "bank.hnsw", bytes(data))
    code = "import sys; from goodpart.cli.main import main; sys.exit(main(['selftest', sys.argv[1], '--threads', '1']))"
    done = subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=False)
    assert done.returncode == 3, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1
    for word in ("bank.hnsw: expected", *words):
        assert word in done.stderr


def upper_lists(data):
    """Of every vector that has them: its number, where its lists above level 0 begin, and its top level."""
    position = ELEMENTS_END
    for vector in range(300):
        (length,) = struct.unpack_from("<I", data, position)
        if length:
            yield vector, position + 4, length // LIST_BYTES
        position += 4 + length
    assert position == len(data)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"level0": 8}, "offset of level 0"),
        ({"level0": 1 << 40}, "offset of level 0"),
        ({"label": (1 << 40) + 24, "data": 1 << 40}, "offset of the values"),
        ({"label": 84, "data": 60}, "offset of the values"),
        ({"label": 24, "data": 0}, "offset of the values"),
        ({"upper_links": 9}, "links above level 0"),
        ({"level0_links": 8}, "links on level 0"),
        ({"capacity": 1 << 40}, "capacity"),
        ({"count": 0}, "vectors"),
        ({"top": 2**31 - 1}, "entry point"),
        ({"top": 0}, "entry point"),
        ({"top": -1}, "entry point"),
        ({"entry": 0}, "entry point"),
        ({"entry": 300}, "entry point"),
        ({"entry": 2**32 - 1}, "entry point"),
    ],
    ids=str,
)
def test_a_header_that_lies(bundle, index, fields, words):
    header = list(HEADER.unpack_from(index))
    for name, value in fields.items():
        header[FIELDS.index(name)] = value
    HEADER.pack_into(index, 0, *header)
    refused(bundle, index, words)


def test_a_link_list_that_is_too_long(bundle, index):
    struct.pack_into("<H", index, HEADER.size, 60_000)
    refused(bundle, index, "links between 300 vectors")


def test_a_vector_that_is_marked_as_deleted(bundle, index):
    index[HEADER.size + 2] |= 1
    refused(bundle, index, "links between 300 vectors")


def test_a_link_to_a_vector_that_is_not_there(bundle, index):
    struct.pack_into("<I", index, HEADER.size + 4, 300)
    refused(bundle, index, "links between 300 vectors")


def test_an_upper_link_to_a_vector_that_is_not_there(bundle, index):
    _, position, _ = next(upper_lists(index))
    struct.pack_into("<II", index, position, 1, 300)
    refused(bundle, index, "links between 300 vectors")


def test_an_upper_link_to_a_vector_that_does_not_reach_that_level(bundle, index):
    reaching = {vector for vector, _, _ in upper_lists(index)}
    low = next(vector for vector in range(300) if vector not in reaching)
    _, position, _ = next(upper_lists(index))
    struct.pack_into("<II", index, position, 1, low)
    refused(bundle, index, "links between 300 vectors")


@pytest.mark.parametrize("length", [4, LIST_BYTES - 4, 4 * LIST_BYTES, 2**32 - 4])
def test_a_length_that_lies(bundle, index, length):
    struct.pack_into("<I", index, ELEMENTS_END, length)
    refused(bundle, index, "link lists of 300 vectors")


@pytest.mark.parametrize("cut", [1, 4, 1000, 10_000])
def test_a_file_without_its_end(bundle, index, cut):
    refused(bundle, index[:-cut])


@pytest.mark.parametrize("extra", [1, 4])
def test_a_file_with_something_behind_its_end(bundle, index, extra):
    refused(bundle, index + bytes(extra))


def test_random_damage_never_crashes_the_process(bundle, index):
    """Damage that is not noticed may change answers, but it cannot take the inspection down."""
    code = """
import random, sys
from pathlib import Path
import numpy as np
from goodpart.bank.search import Bank
from goodpart.bundle.bundle import read_bundle
from goodpart.errors import ContractError
from goodpart.bank.graph import Graph
bundle = read_bundle(Path(sys.argv[1]))
vectors, projection = bundle.read_bank()
path, spec = bundle.folder / "bank.hnsw", bundle.manifest.backbone.profile.index
whole, dice = path.read_bytes(), random.Random(0)
queries = np.eye(8, dtype=np.float32)
loaded = refused = 0
for round in range(600):
    data = bytearray(whole)
    for _ in range(dice.choice([1, 1, 3, 30])):
        end = dice.choice([96, 96 + 84 * 4, len(data)])
        data[dice.randrange(96 + 84 * 300 if end == len(data) else 0, end)] = dice.randrange(256)
    path.write_bytes(data)
    try:
        graph = Graph.load(path, vectors=vectors, projection=projection, index=spec)
        Bank(vectors, graph, neighbours=3, candidates=4).search(queries, top_k=4)
        loaded += 1
    except ContractError:
        refused += 1
print(loaded, refused)
"""
    done = subprocess.run([sys.executable, "-c", code, str(bundle)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stderr)
    loaded, refusals = map(int, done.stdout.split())
    assert loaded > 10
    assert refusals > 100


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    count=st.integers(2, 200),
    dimension=st.integers(1, 70),
    links=st.integers(2, 20),
    threads=st.integers(1, 4),
    seed=st.integers(0, 999),
)
def test_whatever_hnswlib_writes_is_read_by_label(tmp_path_factory, count, dimension, links, threads, seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, dimension)).astype(np.float32)
    graph = hnswlib.Index("cosine", dimension)
    graph.init_index(count, M=links, ef_construction=20, random_seed=seed)
    graph.add_items(vectors, rng.permutation(count), num_threads=threads)
    path = tmp_path_factory.getbasetemp() / "written.hnsw"
    graph.save_index(str(path))
    found = read_vectors(path, vectors=count, dimension=dimension, links=links)
    np.testing.assert_array_equal(found, np.asarray(graph.get_items(np.arange(count)), np.float32))
    for wrong in ({"vectors": count + 1}, {"dimension": dimension + 1}, {"links": links + 1}):
        with pytest.raises(ContractError, match=r"written\.hnsw"):
            read_vectors(path, **{"vectors": count, "dimension": dimension, "links": links, **wrong})


@pytest.mark.parametrize("data", [b"", b"an index, honestly", bytes(96), bytes(5000)])
def test_a_file_that_is_no_index(tmp_path, data):
    (tmp_path / "bank.hnsw").write_bytes(data)
    with pytest.raises(ContractError, match=r"bank\.hnsw: expected"):
        read_vectors(tmp_path / "bank.hnsw", **FACTS)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ContractError, match=r"bank\.hnsw: expected an HNSW index, found none"):
        read_vectors(tmp_path / "bank.hnsw", **FACTS)
