"""The file that hnswlib 0.8 writes, checked before hnswlib reads it: it accepts a wrong one silently, or crashes.

It holds a header (see _HEADER), N elements (level 0: count and 2M links as uint32; D float32 values; uint64 label) and
N lists (uint32 length in bytes; then per level from 1 up: count and M links as uint32).
"""

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodpart.errors import ContractError

# level-0 offset, capacity, count, bytes per element, label offset, data offset, top level, entry point, most links,
# most links on level 0, M, level factor, ef_construction
_HEADER = struct.Struct("<6QiI3QdQ")


def read_vectors(
    path: Path, *, vectors: int, dimension: int, links: int, where: str | None = None
) -> npt.NDArray[np.float32]:
    """Checks every fact and every link of an index file, and gives its vectors.

    hnswlib's own `get_items` makes a Python list of lists on the way: 300 ms and 200 MB for 20,000 vectors instead of
    20 ms.

    Args:
        path: written by hnswlib, space `cosine`.
        vectors, dimension, links: N, D and M, which it must have.
        where: how messages call the file; None for its path.

    Returns:
        `(N, D) float32` what it holds, by label.

    Raises:
        ContractError: it is not such a file.
    """
    where = str(path) if where is None else where
    try:
        with path.open("rb") as file:
            head = file.read(_HEADER.size)
            body = np.fromfile(file, np.uint8)
    except OSError as error:
        raise ContractError(f"{where}: expected an HNSW index, found none ({error.strerror})") from error
    if len(head) < _HEADER.size:
        raise ContractError(f"{where}: expected an HNSW index, found {len(head)} bytes")
    element_bytes = 8 * links + 4 + 4 * dimension + 8
    top, entry = _check_header(where, head, vectors=vectors, dimension=dimension, links=links)
    if len(body) < vectors * element_bytes or len(body) % 4 != 0:
        raise ContractError(f"{where}: expected a whole HNSW index, found {len(head) + len(body)} bytes")
    elements = body[: vectors * element_bytes].reshape(vectors, element_bytes)
    near = np.ascontiguousarray(elements[:, : 8 * links + 4]).view("<u4")
    levels, far = _upper_lists(where, body[vectors * element_bytes :].view("<u4"), vectors, links)
    if entry >= vectors or levels[entry] != top or levels.max() != top:
        raise ContractError(f"{where}: expected an entry point on the top level, found vector {entry} and level {top}")
    _check_links(where, near, levels, np.zeros(vectors, np.int64))
    _check_links(where, far, levels, _level_of_lists(levels))
    labels = np.ascontiguousarray(elements[:, -8:]).view("<u8").ravel()
    if not np.array_equal(np.sort(labels), np.arange(vectors)):
        raise ContractError(f"{where}: expected the labels 0 to {vectors - 1}, found others; rebuild the bundle")
    found = np.empty((vectors, dimension), np.float32)
    found[labels] = np.ascontiguousarray(elements[:, 8 * links + 4 : -8]).view("<f4")
    return found


def _check_header(where: str, head: bytes, *, vectors: int, dimension: int, links: int) -> tuple[int, int]:
    """Compares the header with the manifest; gives the top level and the entry point."""
    level0_at, capacity, count, element_bytes, label_at, data_at, top, entry, upper, level0, found_links, _, _ = (
        _HEADER.unpack(head)
    )
    wanted = {
        "vectors": (vectors, count),
        "capacity": (vectors, capacity),
        "values per vector": (dimension, (label_at - data_at) / 4),
        "links": (links, found_links),
        "links above level 0": (links, upper),
        "links on level 0": (2 * links, level0),
        "bytes per vector": (8 * links + 4 + 4 * dimension + 8, element_bytes),
        "offset of level 0": (0, level0_at),
        "offset of the values": (8 * links + 4, data_at),
    }
    for fact, (expected, found) in wanted.items():
        if expected != found:
            raise ContractError(
                f"{where}: expected {fact} {expected} as in manifest.json, found {found}; rebuild the bundle"
            )
    return top, entry


def _upper_lists(
    where: str, words: npt.NDArray[np.uint32], vectors: int, links: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
    """`(N,) int64` top level of every vector, and `(L, 1 + M) uint32` all link lists above level 0."""
    plain, position = words.tolist(), 0
    heads: list[int] = []
    while len(heads) < vectors and position < len(plain):
        heads.append(position)
        position += 1 + plain[position] // 4
    lengths = words[heads].astype(np.int64)
    if len(heads) != vectors or position != len(plain) or (lengths % (4 * (1 + links))).any():
        raise ContractError(f"{where}: expected the link lists of {vectors} vectors, found others; rebuild the bundle")
    return lengths // (4 * (1 + links)), np.delete(words, heads).reshape(-1, 1 + links)


def _level_of_lists(levels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """`(L,) int64` the level of every list above level 0: 1, 2, ... up to the top level of each vector in turn."""
    first = np.cumsum(levels) - levels
    return np.arange(levels.sum()) - np.repeat(first, levels) + 1


def _check_links(
    where: str, lists: npt.NDArray[np.uint32], levels: npt.NDArray[np.int64], own: npt.NDArray[np.int64]
) -> None:
    """Every link leads to a vector that is there and reaches the level `own` of its list."""
    counts, targets = lists[:, :1], lists[:, 1:]
    used = np.arange(targets.shape[1]) < counts
    reached = levels[np.minimum(targets, len(levels) - 1)] >= own[:, np.newaxis]
    if (counts > targets.shape[1]).any() or (used & ((targets >= len(levels)) | ~reached)).any():
        raise ContractError(f"{where}: expected links between {len(levels)} vectors, found others; rebuild the bundle")
