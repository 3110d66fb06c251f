"""Loading is one pass: every file is read, hashed and parsed once, and what is used are the bytes that were hashed."""

import gc
import hashlib
import json
import os
import shutil
import types
from collections import Counter
from pathlib import Path

import pytest

from goodpart.bundle.bundle import read_bundle
from goodpart.errors import IntegrityError
from goodpart.inspector import Inspector

FORMAT_1 = Path(__file__).parents[1] / "fixtures" / "format_1"


@pytest.fixture
def hashed(monkeypatch):
    """Bytes that sha256 has seen, as a list of one number."""
    total, sha256 = [0], hashlib.sha256

    class Counting:
        def __init__(self, data=b""):
            self._digest = sha256()
            self.update(data)

        def update(self, data):
            total[0] += len(data)
            self._digest.update(data)

        def hexdigest(self):
            return self._digest.hexdigest()

    monkeypatch.setattr(hashlib, "sha256", Counting)
    return total


@pytest.fixture
def opened(monkeypatch):
    """How often each file was opened by the bundle's reader."""
    count, real = Counter(), os.open

    def counting(path, *args, **kwargs):
        count[Path(os.fsdecode(path)).name] += 1
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", counting)
    return count


def sizes(folder, *without):
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in without]
    return {path.name: path.stat().st_size for path in paths}


@pytest.mark.parametrize("load", [Inspector.load, read_bundle])
def test_every_byte_is_hashed_once(load, hashed):
    load(FORMAT_1)
    # the manifest's own sha256 and the signature are compared, not hashed
    assert hashed == [sum(sizes(FORMAT_1, "manifest.sha256", "manifest.sig").values())]


@pytest.mark.parametrize("load", [Inspector.load, read_bundle])
def test_every_file_is_opened_once(load, opened):
    load(FORMAT_1)
    assert {name: opened[name] for name in sizes(FORMAT_1, "manifest.sig")} == dict.fromkeys(
        sizes(FORMAT_1, "manifest.sig"), 1
    )


def test_the_manifest_is_parsed_once(monkeypatch):
    texts, loads = [], json.loads
    monkeypatch.setattr(json, "loads", lambda text, **options: texts.append(text) or loads(text, **options))
    read_bundle(FORMAT_1)
    assert texts.count((FORMAT_1 / "manifest.json").read_text(encoding="utf-8")) == 1


def test_what_is_loaded_are_the_bytes_that_were_checked(tmp_path):
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "bar", copy_function=shutil.copyfile))
    whole, here = read_bundle(FORMAT_1), read_bundle(folder, keep=True)
    names = list(here.manifest.files)
    for name in names:
        (folder / name).write_bytes(b"another")
    assert here.read_backbone() == whole.read_backbone()
    for found, expected in zip(here.read_bank(), whole.read_bank(), strict=True):
        assert found.tobytes() == expected.tobytes()
    with here.open_index() as path:
        assert path.read_bytes() == (FORMAT_1 / "bank.hnsw").read_bytes()
    for golden in here.manifest.golden:
        assert here.read_golden(golden.file).tobytes() == whole.read_golden(golden.file).tobytes()
    # each is given once; from then on the disk is asked, and what lies there now is refused
    for read in (here.read_backbone, here.read_bank, here.open_index().__enter__):
        with pytest.raises(IntegrityError, match="expected"):
            read()
    with pytest.raises(IntegrityError, match="expected"):
        here.read_golden(here.manifest.golden[0].file)


def bytes_within(thing):
    """Lengths of all bytes that an object holds, directly or through others."""
    found, waiting, known = set(), [thing], set()
    while waiting:
        each = waiting.pop()
        if id(each) in known or isinstance(each, (type, types.ModuleType, types.FunctionType)):
            continue
        known.add(id(each))
        if type(each) is bytes:
            found.add(len(each))
        waiting += gc.get_referents(each)
    return found


def test_an_inspector_keeps_no_file_of_its_bundle_beside_what_it_made_of_it():
    # onnxruntime itself keeps the model's bytes, once
    large = {size for name, size in sizes(FORMAT_1).items() if name.endswith((".npy", ".hnsw"))}
    assert large <= bytes_within(read_bundle(FORMAT_1, keep=True))
    with Inspector.load(FORMAT_1) as inspector:
        assert not large & bytes_within(inspector)
