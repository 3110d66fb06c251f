"""Nothing outside the bundle is ever read, and nothing in it is ever run, whatever its files are called and hold.

Outside lie the very bytes with which the bundle would pass, so that only a reader that does not look there refuses it.
"""

import hashlib
import io
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from attacks.bases import FIXTURES
from broken_bundles import change_json, repair
from goodpart.bundle.names import OWN_FILES
from goodpart.errors import ContractError, ManifestError
from goodpart.inspector import Inspector

FORMAT_1 = FIXTURES / "format_1"
ARRAYS = ["bank.npy", "directions.npy", "ignore.npy", "golden/000.npy", "golden/001.npy", "golden/002.npy"]
FILES = sorted(path.relative_to(FORMAT_1).as_posix() for path in FORMAT_1.rglob("*") if path.is_file())

# what is opened below the folder that both bundle and bait lie in, by whoever inspects
_WATCH = """
import os, sys
from pathlib import Path
from goodpart.errors import BundleError
from goodpart.inspector import Inspector
opened = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append(os.fsdecode(arguments[0]))
sys.addaudithook(watch)
for folder in sys.argv[1:]:
    del opened[:]
    try:
        Inspector.load(folder, threads=1).self_test()
        print("accepted", end=" ")
    except BundleError as error:
        print(type(error).__name__, end=" ")
    # links are followed here as the system follows them
    print(*{os.path.realpath(path) for path in opened})
"""


def opened_by(*folders):
    """For each bundle: the error's name or `accepted`, and which files were opened while it was loaded and tested."""
    command = [sys.executable, "-c", _WATCH, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == len(folders)
    return [(outcome, [Path(name) for name in names]) for outcome, *names in lines]


def outside(folder, names):
    """Those of the files that lie beside the bundle, not in it. Elsewhere lie Python and what it imports."""
    return [name for name in names if name.is_relative_to(folder.parent) and not name.is_relative_to(folder)]


class Payload:
    """Whoever unpickles this makes a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def pickles(mark):
    """Files that numpy or pickle would run."""
    saved, archived = io.BytesIO(), io.BytesIO()
    np.save(saved, np.array([Payload(mark)], object), allow_pickle=True)
    np.savez(archived, a=np.array([Payload(mark)], object))
    return {"npy": saved.getvalue(), "npz": archived.getvalue(), "pickle": pickle.dumps(Payload(mark))}


@pytest.mark.parametrize("how", ["npy", "npz", "pickle"])
@pytest.mark.parametrize("name", ARRAYS)
def test_a_pickle_in_an_arrays_place_is_never_run(bar, tmp_path, name, how):
    mark = tmp_path / "run"
    data = pickles(mark)[how]
    (bar / name).write_bytes(data)
    change_json(bar / "manifest.json", lambda facts: facts["files"].update({name: {"size_bytes": 0, "sha256": ""}}))
    repair(bar)
    with pytest.raises(ContractError, match=name):
        Inspector.load(bar, threads=1).self_test()
    assert not mark.exists()
    # and it was a real one
    if how == "pickle":
        pickle.loads(data)
    else:
        found = np.load(io.BytesIO(data), allow_pickle=True)
        found["a"] if how == "npz" else None
    assert mark.exists()


@pytest.mark.parametrize("how", ["absolute", "relative", "hop"])
def test_links_to_the_right_bytes_outside(tmp_path, how):
    bars = [Path(shutil.copytree(FORMAT_1, tmp_path / str(index) / "bar")) for index in range(len(FILES))]
    for bar, name in zip(bars, FILES, strict=True):
        bait = bar.parent / "bait"
        shutil.move(bar / name, bait)
        up = "../" * (name.count("/") + 1)
        if how == "hop":
            (bar.parent / "hop").symlink_to(bait)
        (bar / name).symlink_to({"absolute": bait, "relative": f"{up}bait", "hop": f"{up}hop"}[how])
        assert (bar / name).read_bytes() == (FORMAT_1 / name).read_bytes()
        # without a key, nobody looks at the signature
        key = FIXTURES / "format_1.pub" if name == "manifest.sig" else None
        with pytest.raises(ContractError, match="expected a plain file"):
            Inspector.load(bar, threads=1, public_key=key)
    for bar, name, (outcome, names) in zip(bars, FILES, opened_by(*bars), strict=True):
        assert outcome == ("accepted" if name == "manifest.sig" else "ContractError")
        assert outside(bar, names) == []


def test_frames_in_a_linked_folder(bar):
    shutil.move(bar / "golden", bar.parent / "bait")
    (bar / "golden").symlink_to("../bait")
    with pytest.raises(ContractError, match="golden: expected a plain folder, found a link"):
        Inspector.load(bar, threads=1)
    [(outcome, names)] = opened_by(bar)
    assert outcome == "ContractError"
    assert outside(bar, names) == []


def test_a_linked_bundle_is_fine(bar):
    """The name that the caller gives may be a link; a store's always is."""
    (bar.parent / "current").symlink_to("bar")
    [(outcome, names)] = opened_by(bar.parent / "current")
    assert outcome == "accepted"
    # which also shows that the watch sees what is read
    assert {bar / "bank.npy", bar / "golden/002.npy"} <= set(names)
    assert outside(bar, names) == []


NAMES = [
    "../bait.npy",
    "golden/../../bait.npy",
    "golden/../../bait/000.npy",
    "golden/000.npy/../../../bait.npy",
    "./golden/000.npy",
    "golden//000.npy",
    "golden/000.npy/",
    "golden/./000.npy",
    "/golden/000.npy",
    "ABSOLUTE",
    "~/bait.npy",
    "$HOME/bait.npy",
    "..\\bait.npy",
    "golden\\000.npy",
    "golden/..\\..\\bait.npy",
    "C:\\bait.npy",
    "C:bait.npy",
    "\\\\server\\share\\bait.npy",
    "file:///bait.npy",
    "golden/000.npy\x00",
    "golden/000.npy\x00.txt",
    "golden/000.npy\n",
    " golden/000.npy",
    "golden/\uff10\uff10\uff10.npy",
    "golden/\u0660\u0660\u0660.npy",
    "golden\uff0f000.npy",
    "golden/000.npy%00",
    "%2e%2e/bait.npy",
    "golden/000.NPY",
    "golden/0000.npy",
    "golden/-01.npy",
    "golden/x/000.npy",
    "manifest.json",
    "manifest.sha256",
    "manifest.sig",
    "bank.npy",
    "golden",
    ".",
    "..",
    "",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/environ",
]


def baited(bar, name):
    """A bundle whose first golden frame has this name, wherever it leads; the frame's bytes lie there, too."""
    bait = (bar / "golden/000.npy").read_bytes()
    (bar.parent / "bait").mkdir()
    for path in (bar.parent / "bait.npy", bar.parent / "bait/000.npy"):
        path.write_bytes(bait)
    real = str(bar.parent / "bait.npy") if name == "ABSOLUTE" else name

    def change(facts):
        facts["files"][real] = facts["files"].pop("golden/000.npy")
        facts["golden"][0]["file"] = real

    change_json(bar / "manifest.json", change)
    return real


def test_frames_of_other_names(tmp_path):
    bars = [Path(shutil.copytree(FORMAT_1, tmp_path / str(index) / "bar")) for index in range(len(NAMES))]
    for bar, name in zip(bars, NAMES, strict=True):
        real = baited(bar, name)
        if "bait" in real and real.startswith(("../", "/", "golden/../")):
            assert (bar / real).read_bytes() == (FORMAT_1 / "golden/000.npy").read_bytes()
        with pytest.raises((ManifestError, ContractError)) as caught:
            Inspector.load(bar, threads=1)
        assert str(caught.value).isprintable()
    for bar, (_, names) in zip(bars, opened_by(*bars), strict=True):
        assert {path.name for path in names if path.is_relative_to(bar)} == {"manifest.json", "manifest.sha256"}
        assert outside(bar, names) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_further_file_of_another_name(bar, name):
    real = str(bar.parent / "bait.npy") if name == "ABSOLUTE" else name
    if OWN_FILES.fullmatch(real) and real not in ("manifest.json", "manifest.sha256", "manifest.sig"):
        return
    facts = {"size_bytes": 1424, "sha256": hashlib.sha256((bar / "golden/000.npy").read_bytes()).hexdigest()}
    change_json(bar / "manifest.json", lambda manifest: manifest["files"].update({real: facts}))
    with pytest.raises(ContractError, match="foreign") as caught:
        Inspector.load(bar, threads=1)
    assert str(caught.value).isprintable()
