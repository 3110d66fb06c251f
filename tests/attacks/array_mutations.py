"""Mutations of arrays and of the index file that leave them well-formed for the most part."""

import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from attacks.draft import Draft

HEADER = struct.Struct("<6QiI3QdQ")

_FIELDS = [
    *("level0_at", "capacity", "count", "element_bytes", "label_at", "data_at", "top", "entry", "upper", "level0"),
    *("links", "factor", "ef_construction"),
]
_COUNT, _LINKS, _DIMENSION = 300, 6, 6
_LIST = 4 + 4 * _LINKS
_LEVEL0 = 4 + 8 * _LINKS
_ELEMENT = _LEVEL0 + 4 * _DIMENSION + 8
_NUMBERS = [
    0,
    1,
    2,
    5,
    6,
    7,
    12,
    100,
    299,
    300,
    301,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**40,
    2**63,
    2**64 - 1,
]
_HEADS = [
    {"descr": "|O"}, {"descr": "<f8"}, {"descr": ">f4"}, {"descr": "<f2"}, {"descr": "|V4"}, {"descr": "<U1"},
    {"descr": "|b1"}, {"descr": [("a", "<f4")]}, {"descr": "<c8"}, {"descr": 3}, {"descr": "<m8[ns]"},
    {"descr": "x" * 500}, {"fortran_order": True}, {"fortran_order": 1}, {"fortran_order": None}, {"novelty": 1},
    {"shape": ()}, {"shape": (0,)}, {"shape": (0, 8)}, {"shape": (-1, 8)}, {"shape": (2**62, 4)},
    {"shape": (2**40, 2**40)}, {"shape": (10**30,)}, {"shape": (2400,)}, {"shape": (8, 300)}, {"shape": (300, 8, 1)},
    {"shape": (True, 8)}, {"shape": [300, 8]},
    {"shape": (3.0, 8)}, {"shape": "300"}, {"shape": (1,) * 70}, {"shape": (10**9, 10)}, {"shape": (299, 8)},
]  # fmt: skip


def array(draft: Draft) -> None:
    """An array's header, its values, or the order of its rows."""
    dice = draft.dice
    name = dice.choice([name for name in sorted(draft.entries) if name.endswith(".npy")])
    values = np.load(io.BytesIO(draft.data(name))).copy()
    chance = dice.random()
    if chance < 0.4:
        changed = dice.choice(_HEADS)
        draft.entries[name] = written(values, **changed)
        draft.words = f"{name}: {changed}"[:100]
        return
    flat = values.reshape(-1)
    position = dice.randrange(flat.size)
    if chance < 0.75:
        if values.dtype.kind == "f":
            near = [
                flat[position] * np.float32(1 + sign * tiny) for tiny in (1e-7, 1e-5, 1e-3, 0.1) for sign in (-1, 1)
            ]
            flat[position] = dice.choice([0.0, -0.0, np.nan, np.inf, 1e-40, 3e38, -flat[position], 0.004, *near, *near])
        else:
            flat[position] = dice.choice([0, 1, 7, 255])
        draft.words = f"{name}: [{position}] = {flat[position]}"
    elif chance < 0.85:
        scale = dice.choice([1 + 1e-7, 1 + 1e-5, 1 + 5e-4, 1.01, -1, 0])
        scaled = values.astype(np.float64) * scale
        values = (scaled if values.dtype.kind == "f" else np.clip(scaled, 0, 255)).astype(values.dtype)
        draft.words = f"{name}: times {scale}"
    else:
        values = np.roll(values, dice.choice([1, 2]), axis=dice.randrange(values.ndim))
        draft.words = f"{name}: rolled"
    draft.entries[name] = written(values)


def pickled(draft: Draft) -> None:
    """Something else than a plain array that numpy has a format for."""
    dice = draft.dice
    name = dice.choice([name for name in sorted(draft.entries) if name.endswith(".npy")])
    values, out = np.load(io.BytesIO(draft.data(name))), io.BytesIO()
    how = dice.choice(["pickle", "npz", "raw pickle", "version 2", "version 3", "twice"])
    if how == "pickle":
        np.save(out, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif how == "npz":
        np.savez(out, values)
    elif how == "raw pickle":
        out.write(values.dumps())
    elif how == "twice":
        out.write(draft.data(name) * 2)
    else:
        np.lib.format.write_array(out, values, version=(int(how[-1]), 0))
    draft.entries[name] = out.getvalue()
    draft.words = f"{name}: {how}"


def written(values: npt.NDArray[Any], **header: Any) -> bytes:
    """A `.npy` file whose header says something else than the array."""
    facts = {"descr": values.dtype.str, "fortran_order": False, "shape": values.shape} | header
    text = repr(facts).encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + np.ascontiguousarray(values).tobytes()


def index_header(draft: Draft) -> None:
    """One or two other facts in the head of the index file."""
    data, dice = bytearray(draft.data("bank.hnsw")), draft.dice
    header: list[Any] = list(HEADER.unpack_from(data))
    names = dice.choices(_FIELDS, k=dice.choice([1, 1, 2]))
    for name in names:
        position = _FIELDS.index(name)
        value = dice.choice([*_NUMBERS, header[position] + 1, abs(header[position] - 1)])
        if name == "factor":
            value = dice.choice([0.0, -1.0, float("nan"), float("inf"), 1e308])
        elif name == "top":
            value = dice.choice([-(2**31), -1, 0, 1, 2, 3, 4, 5, 100, 2**31 - 1])
        header[position] = value % 2**32 if name == "entry" else min(value, 2**64 - 1)
        draft.words += f"{name} = {header[position]} "
    HEADER.pack_into(data, 0, *header)
    draft.entries["bank.hnsw"] = bytes(data)


def index_links(draft: Draft) -> None:
    """Links, counts, labels and vectors of the index file: some impossible, some possible but useless."""
    data, dice = bytearray(draft.data("bank.hnsw")), draft.dice
    elements = np.frombuffer(data, np.uint8, _COUNT * _ELEMENT, HEADER.size).reshape(_COUNT, _ELEMENT)
    near = elements[:, :_LEVEL0].view("<u4")
    how = dice.choice(["one", "one", "count", "cut", "hub", "all", "self", "shuffle", "label", "labels", "value"])
    vector, link = dice.randrange(_COUNT), dice.randrange(1, 1 + 2 * _LINKS)
    if how == "one":
        near[vector, link] = dice.choice([dice.randrange(_COUNT), vector, *(n % 2**32 for n in _NUMBERS)])
    elif how == "count":
        near[vector, 0] = dice.choice(_NUMBERS) % 2**32
    elif how == "cut":
        near[dice.sample(range(_COUNT), dice.choice([1, 30, 300])), 0] = 0
    elif how == "hub":
        near[:, 1:] = vector
    elif how == "all":
        near[:, 1:] = np.random.default_rng(dice.randrange(2**32)).integers(0, _COUNT, near[:, 1:].shape)
        near[:, 0] = 2 * _LINKS
    elif how == "self":
        near[:, 1:] = np.arange(_COUNT)[:, np.newaxis]
    elif how == "shuffle":
        near[:] = near[dice.sample(range(_COUNT), _COUNT)]
    elif how in ("label", "labels"):
        first, second = dice.sample(range(_COUNT), 2)
        labels = elements[:, -8:]
        labels[first], kept = labels[second].copy(), labels[first].copy()
        if how == "labels":
            labels[second] = kept
            values = elements[:, _LEVEL0:-8]
            values[first], values[second] = values[second].copy(), values[first].copy()
    else:
        values = elements[vector, _LEVEL0:-8].view("<f4")
        position = dice.randrange(_DIMENSION)
        values[position] = dice.choice(
            [0, np.nan, np.inf, 1e30, values[position] + 1e-4, values[position] + 9e-4, values[position] + 2e-3]
        )
    draft.words = f"{how} (vector {vector}, link {link})"
    draft.entries["bank.hnsw"] = bytes(data)


def index_lists(draft: Draft) -> None:
    """The link lists above level 0: words of them, one more or one less."""
    data, dice = bytearray(draft.data("bank.hnsw")), draft.dice
    start = HEADER.size + _COUNT * _ELEMENT
    lists = [position for position in _list_heads(data, start) if struct.unpack_from("<I", data, position)[0]]
    position = dice.choice(lists)
    how = dice.choice(["word", "word", "word", "gone", "level more", "level less", "any word"])
    if how == "word":
        place = position + 4 * dice.randrange(_LIST // 4 + 1)
        struct.pack_into("<I", data, place, dice.choice([*lists, *_NUMBERS, dice.randrange(_COUNT)]) % 2**32)
    elif how == "any word":
        place = start + 4 * dice.randrange((len(data) - start) // 4)
        struct.pack_into("<I", data, place, dice.choice([*_NUMBERS, _LIST, 2 * _LIST]) % 2**32)
    else:
        (length,) = struct.unpack_from("<I", data, position)
        level = {"gone": -length, "level more": _LIST, "level less": -_LIST}[how]
        rest = bytes(level) if level > 0 else b""
        data[position : position + 4 + max(0, -level)] = struct.pack("<I", length + level) + rest
    draft.words = f"{how} at {position}"
    draft.entries["bank.hnsw"] = bytes(data)


def _list_heads(data: bytearray, position: int) -> list[int]:
    heads = []
    for _ in range(_COUNT):
        heads.append(position)
        position += 4 + struct.unpack_from("<I", data, position)[0]
    return heads
