"""The example station and frames that end it: each of them ends it once."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from goodpart.store.store import Store
from small_network import draw_small, small_bundle

LINE = Path(__file__).parents[2] / "docs" / "deploy" / "line.py"

_WHERE_SOME_FRAMES_KILL = """
import os, runpy, signal, sys
from goodpart.frames.images import ImageReader
real = ImageReader.read
def read(self, path, spec):
    if "killer" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "memory" in path.name:
        raise MemoryError
    return real(self, path, spec)
ImageReader.read = read
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("poison")
    store = Store(folder / "store")
    store.activate(store.add(small_bundle(folder / "from", folder / "one", serial=1)).digest)
    return store.folder


@pytest.fixture
def frames(tmp_path):
    """The folder of frames."""
    (tmp_path / "frames").mkdir()
    return tmp_path / "frames"


@pytest.fixture
def start(store, frames):
    """Starts the station; what is left running is killed in the end."""
    started = []

    def run(*options):
        command = [sys.executable, "-c", _WHERE_SOME_FRAMES_KILL, str(LINE), str(store), str(frames), "--threads", "1"]
        started.append(
            subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def line_of(process):
    return json.loads(process.stdout.readline())


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_frame_that_kills_is_not_tried_again(start, frames):
    for name in ("a-killer", "b", "c-killer", "d"):
        np.save(frames / f"{name}.npy", draw_small(100))
    first = start()
    assert first.wait(timeout=60) == -signal.SIGKILL
    assert first.stdout.read() == ""
    assert (names(frames / "judging"), names(frames)) == (["a-killer.npy"], ["b.npy", "c-killer.npy", "d.npy"])

    second = start()
    refused, good = line_of(second), line_of(second)
    assert (refused["file"], refused["verdict"]) == ("a-killer.npy", "REFUSED")
    assert "not tried again" in refused["reason"]
    assert (good["file"], good["verdict"]) == ("b.npy", "GOOD")
    assert second.wait(timeout=60) == -signal.SIGKILL

    third = start()
    assert [line_of(third)["file"] for _ in range(2)] == ["c-killer.npy", "d.npy"]
    third.send_signal(signal.SIGTERM)
    assert third.wait(timeout=60) == 0
    assert (names(frames), names(frames / "judging")) == ([], [])
    assert names(frames / "poison") == ["a-killer.npy", "c-killer.npy"]
    assert names(frames / "judged") == ["b.npy", "d.npy"]


def test_poison_does_not_fill_the_memory_that_it_lies_in(start, frames):
    (frames / "judging").mkdir()
    for number in range(5):
        (frames / "judging" / f"{number}.npy").write_bytes(b"")
    process = start("--keep", "2")
    assert [line_of(process)["file"] for _ in range(5)] == [f"{number}.npy" for number in range(5)]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert len(names(frames / "poison")) == 2


def test_what_is_too_large_is_refused_by_its_header(start, frames):
    """The pixels of neither file, which are holes in it, are ever read."""
    with (frames / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (8000, 8000, 3)})
        file.truncate(file.tell() + 192_000_000)
    with (frames / "b.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (9, 9, 3)})
        file.truncate(432_000_000)
    np.save(frames / "c-memory.npy", draw_small(100))
    np.save(frames / "d.npy", draw_small(100))
    process = start()
    for words in ("8000x8000", "file of at most 301 MB, found 432 MB", "found none left"):
        refused = line_of(process)
        assert refused["verdict"] == "REFUSED"
        assert words in refused["reason"]
    assert line_of(process)["verdict"] == "GOOD"


def test_the_limit_is_an_option(start, frames):
    np.save(frames / "a.npy", draw_small(100))
    assert "megapixels" in line_of(start("--max-megapixels", "0.0001"))["reason"]
