"""A bundle in the making: files by name, most of them those of a good bundle, some of them broken."""

import dataclasses
import enum
import hashlib
import json
import os
import random
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


class Special(enum.Enum):
    """What stands where a file should."""

    FOLDER = "folder"
    FIFO = "fifo"


Entry = bytes | Link | Special


@dataclasses.dataclass
class Draft:
    """What mutations change.

    Attributes:
        dice: decides everything.
        repaired: whether hashes will be made to fit, so that the checks behind them are reached.
        entries: by relative name.
        device: the file beside the bundle, or None.
        words: what was done, for people.
    """

    dice: random.Random
    repaired: bool
    entries: dict[str, Entry]
    device: Entry | None = None
    words: str = ""

    def data(self, name: str) -> bytes:
        """The bytes of a file that no mutation has replaced by something else."""
        entry = self.entries[name]
        assert isinstance(entry, bytes)
        return entry

    def some_file(self) -> str:
        """The name of any file of the bundle."""
        return self.dice.choice(sorted(self.entries))


def repair(entries: dict[str, Entry], before: dict[str, bytes]) -> None:
    """Makes the manifest's sizes and hashes fit changed files, drops those that are gone, and its own sha256."""
    text = entries.get("manifest.json")
    if not isinstance(text, bytes):
        return
    changed = {name for name in {*before, *entries} if entries.get(name) != before.get(name)}
    if changed - {"manifest.json", "manifest.sha256", "manifest.sig"}:
        text = entries["manifest.json"] = _with_facts(text, entries, changed)
    if isinstance(entries.get("manifest.sha256"), bytes):
        entries["manifest.sha256"] = hashlib.sha256(text).hexdigest().encode() + b"\n"


def _with_facts(text: bytes, entries: dict[str, Entry], changed: set[str]) -> bytes:
    try:
        manifest = json.loads(text)
        files = manifest["files"]
        for name in sorted(changed & set(files)):
            entry = entries.get(name)
            if entry is None:
                del files[name]
            elif isinstance(entry, bytes):
                files[name] = {"size_bytes": len(entry), "sha256": hashlib.sha256(entry).hexdigest()}
        return json.dumps(manifest).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return text


def write_out(
    entries: dict[str, Entry], device: Entry | None, folder: Path, base: Path, before: dict[str, bytes]
) -> None:
    """Makes a new folder of the entries; those that are the base's own become hard links to its files.

    Nothing is ever written to a file that was there before, so no hard link is written through.

    Args:
        entries: by relative name.
        device: goes beside the folder.
        folder: must not be there yet.
        base: the folder of the good bundle.
        before: its files.
    """
    folder.mkdir()
    for inner in ("golden", "atlas"):
        if any(name.startswith(f"{inner}/") for name in entries):
            (folder / inner).mkdir()
    for name, entry in entries.items():
        if name in before and entry is before[name]:
            os.link(base / name, folder / name)
        else:
            _write(folder / name, entry)
    if device is not None:
        _write(folder.with_name(folder.name + ".device.json"), device)


def _write(path: Path, entry: Entry) -> None:
    if entry is Special.FOLDER:
        path.mkdir()
    elif entry is Special.FIFO:
        os.mkfifo(path)
    elif isinstance(entry, Link):
        path.symlink_to(entry.target)
    else:
        with path.open("xb") as file:
            file.write(entry)
