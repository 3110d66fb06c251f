"""Mutations that know nothing of what a file holds."""

import os

from attacks.draft import Draft, Link, Special


def flip(draft: Draft) -> None:
    """Some bits the other way."""
    name = _file(draft)
    data = bytearray(draft.data(name))
    bits = [draft.dice.randrange(8 * len(data)) for _ in range(draft.dice.choice([1, 1, 2, 8]))]
    for bit in bits:
        data[bit // 8] ^= 1 << bit % 8
    _put(draft, name, bytes(data), f"bits {bits}")


def recipe(draft: Draft) -> None:
    """Other text in `recipe.toml`, or one in a bundle without it."""
    odd = draft.dice.choice(
        [b"\x1b[31m", b"\xff\xfe", b"\0", "\u202e".encode(), b"key = 1\n", b"/etc/passwd", b"[" * 9000]
    )
    before = draft.entries.get("recipe.toml", b"")
    data = before if isinstance(before, bytes) else b""
    place = draft.dice.randrange(len(data) + 1)
    draft.entries["recipe.toml"] = data[:place] + odd + data[place:]
    draft.words = f"recipe.toml: {odd[:20]!r} at {place}"


def truncate(draft: Draft) -> None:
    """Without its end."""
    name = _file(draft)
    data = draft.data(name)
    keep = draft.dice.choice([0, len(data) - 1, draft.dice.randrange(len(data))])
    _put(draft, name, data[:keep], f"first {keep} bytes")


def extend(draft: Draft) -> None:
    """With something behind its end: zeros, noise or itself."""
    name = _file(draft)
    data, more = draft.data(name), draft.dice.choice([1, 2, 4, 8, 100, 4096])
    tail = draft.dice.choice([bytes(more), b"\n" * more, draft.dice.randbytes(more), data])
    _put(draft, name, data + tail, f"{len(tail)} bytes more")


def block(draft: Draft) -> None:
    """A block of zeros, ones or noise, as from a bad sector."""
    name = _file(draft)
    data = bytearray(draft.data(name))
    size = min(len(data), draft.dice.choice([1, 2, 4, 8, 64, 512, 4096]))
    position = draft.dice.randrange(len(data) - size + 1)
    filling = draft.dice.choice([bytes(size), b"\xff" * size, draft.dice.randbytes(size)])
    data[position : position + size] = filling
    _put(draft, name, bytes(data), f"{size} bytes at {position}: {filling[:4].hex()}...")


def resize(draft: Draft) -> None:
    """Another length, with zeros where there was nothing: a copy that was cut off on a preallocated file."""
    name = _file(draft)
    data = draft.data(name)
    keep, size = draft.dice.randrange(len(data) + 1), draft.dice.randrange(2 * len(data) + 1)
    _put(draft, name, data[:keep].ljust(size, b"\0")[:size], f"first {keep} bytes, then zeros up to {size}")


def swap(draft: Draft) -> None:
    """Two files in each other's place."""
    first, second = draft.dice.sample(sorted(draft.entries), 2)
    draft.entries[first], draft.entries[second] = draft.data(second), draft.data(first)
    draft.words = f"{first} <-> {second}"


def splice(draft: Draft) -> None:
    """A part of one file in the middle of another, or of the same."""
    name, other = _file(draft), draft.some_file()
    data, source = draft.data(name), draft.data(other)
    size = draft.dice.randrange(1, min(len(data), len(source)) + 1)
    position, start = draft.dice.randrange(len(data) - size + 1), draft.dice.randrange(len(source) - size + 1)
    inserted = draft.dice.random() < 0.3
    rest = data[position:] if inserted else data[position + size :]
    _put(
        draft,
        name,
        data[:position] + source[start : start + size] + rest,
        f"{size} bytes at {position} from {other} at {start}",
    )


def delete(draft: Draft) -> None:
    """Not there."""
    name = draft.some_file()
    del draft.entries[name]
    draft.words = name


def rename(draft: Draft) -> None:
    """Under another name, alone or as well. Names that lead out of it stand in the manifest only."""
    name = draft.some_file()
    folder, _, last = name.rpartition("/")
    upper = f"{folder}/{last.upper()}".lstrip("/")
    other = draft.dice.choice([name + "~", upper, "golden/003.npy", "golden/0.npy", "golden/00a.npy", "ignore.npy"])
    if other in draft.entries:
        return truncate(draft)
    both = draft.dice.random() < 0.5
    draft.entries[other] = draft.data(name)
    if not both:
        del draft.entries[name]
    if draft.repaired:
        text = draft.entries.get("manifest.json")
        if isinstance(text, bytes):
            draft.entries["manifest.json"] = text.replace(f'"{name}"'.encode(), f'"{other}"'.encode())
    draft.words = f"{name} {'also' if both else 'now'} {other}"
    return None


def replace(draft: Draft) -> None:
    """A link, folder or pipe in a file's or the frames' place. The link may lead to the very same bytes elsewhere."""
    if draft.dice.random() < 0.1:
        for name in [name for name in draft.entries if name.startswith("golden/")]:
            del draft.entries[name]
        draft.entries["golden"] = Link("../../bases/plain/golden")
        draft.words, draft.repaired = "golden: a link to such a folder", False
        return
    name = draft.some_file()
    up = "../" * (name.count("/") + 1)
    what = draft.dice.choice(
        [
            Special.FOLDER,
            Special.FIFO,
            Link(f"{up}../bases/plain/{name}"),
            Link(up + "outside.npy"),
            Link(draft.some_file()),
            Link(os.path.basename(name)),  # itself
            Link("/dev/zero"),
            Link("nowhere"),
        ]
    )
    draft.entries[name] = what
    draft.words = f"{name}: {what}"


def _file(draft: Draft) -> str:
    """A file to be changed; the larger ones more often."""
    names = sorted(draft.entries)
    if draft.dice.random() < 0.5:
        return draft.dice.choice(names)
    return draft.dice.choices(names, [len(draft.data(name)) for name in names])[0]


def _put(draft: Draft, name: str, data: bytes, words: str) -> None:
    draft.entries[name] = data
    draft.words = f"{name}: {words}"
