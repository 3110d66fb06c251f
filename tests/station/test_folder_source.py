"""The folder source: every file is judged once, whatever ends the program."""

import numpy as np
import pytest

from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.sources import folder as folder_module
from goodpart_station.sources.folder import FolderSource
from goodpart_station.sources.source import SourceLostError
from small_frames import draw_small
from station_parts import Wants, part_of

NONE, SOFTWARE, HARDWARE = TriggerKind.NONE, TriggerKind.SOFTWARE, TriggerKind.HARDWARE


@pytest.fixture(scope="module")
def wants():
    return Wants()


@pytest.fixture
def frames(tmp_path):
    (tmp_path / "frames").mkdir()
    return tmp_path / "frames"


def put(folder, name, frame=None):
    """Renames a whole file into the folder, as a camera program does."""
    np.save(folder.parent / "whole.npy", draw_small(100) if frame is None else frame)
    (folder.parent / "whole.npy").rename(folder / f"{name}.npy")


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def next_frame(source, stream):
    """The next frame; the one before it is done with."""
    frame = next(frame for frame in stream if frame is not None)
    source.done(frame)
    return frame


def test_each_file_is_a_frame_in_the_order_of_names(frames, wants):
    for name in ("b", "a"):
        put(frames, name)
    source = FolderSource(frames, wanted=wants, trigger=NONE)
    stream = source.frames()
    first = next(stream)
    assert (first.name, first.unreadable) == ("a.npy", None)
    assert np.array_equal(first.pixels, draw_small(100))
    assert (names(frames), names(frames / "judging")) == (["b.npy"], ["a.npy"])
    # the next one waits until it is done with
    assert next(stream) is None
    source.done(first)
    second = next(stream)
    assert (second.name, names(frames / "judged")) == ("b.npy", ["a.npy"])
    source.done(second)
    assert next(stream) is None
    assert names(frames / "judged") == ["a.npy", "b.npy"]


def test_it_waits_while_the_station_takes_no_parts(frames):
    wants = Wants()
    put(frames, "a")
    source = FolderSource(frames, wanted=wants, trigger=NONE)
    stream = source.frames()
    wants.room = False
    assert next(stream) is None
    wants.room, spec, wants.frame_spec = True, wants.frame_spec, None
    assert next(stream) is None
    assert names(frames) == ["a.npy"]
    wants.frame_spec = spec
    assert next(stream).name == "a.npy"


def test_what_ended_the_program_is_refused_once(frames, wants):
    for name in ("a", "b"):
        put(frames, name)
    next(FolderSource(frames, wanted=wants, trigger=NONE).frames())  # and the program ends here
    source = FolderSource(frames, wanted=wants, trigger=NONE)
    stream = source.frames()
    poisoned, good = next_frame(source, stream), next_frame(source, stream)
    assert (poisoned.name, good.name) == ("a.npy", "b.npy")
    assert "not tried again" in poisoned.unreadable
    assert poisoned.pixels.size == 0
    assert (names(frames / "judging"), names(frames / "poison")) == (["b.npy"], ["a.npy"])


def test_folders_do_not_fill_the_memory_that_they_lie_in(frames, wants):
    (frames / "judging").mkdir()
    for number in range(5):
        (frames / "judging" / f"{number}.npy").write_bytes(b"")
        put(frames, f"b{number}")
    source = FolderSource(frames, wanted=wants, trigger=NONE, keep=2)
    stream = source.frames()
    assert [next_frame(source, stream).name for _ in range(10)][5:] == [f"b{number}.npy" for number in range(5)]
    assert next(stream) is None
    assert names(frames / "poison") == ["3.npy", "4.npy"]
    assert names(frames / "judged") == ["b3.npy", "b4.npy"]


def test_what_is_too_large_is_refused_by_its_header(frames, wants, monkeypatch):
    """The pixels of neither file, which are holes in it, are ever read."""
    with (frames / "a.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (8000, 8000, 3)})
        file.truncate(file.tell() + 192_000_000)
    with (frames / "b.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": (9, 9, 3)})
        file.truncate(432_000_000)
    put(frames, "c", draw_small(1).astype(np.float32))
    source = FolderSource(frames, wanted=wants, trigger=NONE)
    stream = source.frames()
    for words in ("8000x8000", "file of at most 301 MB, found 432 MB", "float32"):
        assert words in next_frame(source, stream).unreadable


def test_without_memory_a_frame_is_refused(frames, wants, monkeypatch):
    def read(self, path, spec):
        raise MemoryError

    monkeypatch.setattr("goodpart.frames.images.ImageReader.read", read)
    put(frames, "a")
    source = FolderSource(frames, wanted=wants, trigger=NONE)
    assert "found none left" in next_frame(source, source.frames()).unreadable


def test_the_limit_of_megapixels_holds(frames, wants):
    put(frames, "a")
    source = FolderSource(frames, wanted=wants, trigger=NONE, max_megapixels=0.0001)
    assert "megapixels" in next_frame(source, source.frames()).unreadable


def test_a_file_that_goes_away_is_no_frame(frames, wants, monkeypatch):
    put(frames, "a")
    put(frames, "b")
    source = FolderSource(frames, wanted=wants, trigger=NONE)
    stream = source.frames()
    waiting = source._waiting

    def gone():
        found = waiting()
        (frames / "a.npy").unlink(missing_ok=True)
        return found

    monkeypatch.setattr(source, "_waiting", gone)
    assert next_frame(source, stream).name == "b.npy"


def test_without_its_folder_the_source_is_lost_and_comes_back(frames, wants):
    source = FolderSource(frames / "later", wanted=wants, trigger=NONE)
    with pytest.raises(SourceLostError, match="expected a folder"):
        next(source.frames())
    (frames / "later").mkdir()
    put(frames / "later", "a")
    assert next_frame(source, source.frames()).name == "a.npy"


def test_a_trigger_gets_the_file_that_appears_after_it(frames, wants):
    put(frames, "a")
    source = FolderSource(frames, wanted=wants, trigger=SOFTWARE)
    stream = source.frames()
    # no trigger: a file that lies there is nobody's
    assert next(stream) is None
    source.trigger(part_of(1))
    assert next(stream) is None
    assert next(stream) is None
    put(frames, "b")
    frame = next(frame for frame in stream if frame is not None)
    assert frame.name == "b.npy"
    assert (names(frames), names(frames / "unasked")) == ([], ["a.npy"])
    source.done(frame)
    next(stream)
    assert names(frames / "judged") == ["b.npy"]


def test_a_file_after_its_parts_deadline_is_nobodys(frames, wants):
    source = FolderSource(frames, wanted=wants, trigger=SOFTWARE)
    stream = source.frames()
    source.trigger(part_of(1, deadline_s=0.0))
    assert [next(stream) for _ in range(3)] == [None] * 3
    put(frames, "late")
    assert [next(stream) for _ in range(2)] == [None] * 2
    source.trigger(part_of(2))
    assert next(stream) is None
    put(frames, "own")
    assert next(frame for frame in stream if frame is not None).name == "own.npy"
    assert names(frames / "unasked") == ["late.npy"]


def test_with_triggers_poison_is_no_frame(frames, wants):
    """Its part has got no answer, and its PLC has rejected it; a frame now would be taken for another part's."""
    (frames / "judging").mkdir()
    (frames / "judging" / "a.npy").write_bytes(b"")
    stream = FolderSource(frames, wanted=wants, trigger=SOFTWARE).frames()
    assert next(stream) is None
    assert names(frames / folder_module.POISON) == ["a.npy"]


def test_with_a_hardware_trigger_each_file_counts_when_it_comes(frames, wants):
    put(frames, "old")
    source = FolderSource(frames, wanted=wants, trigger=HARDWARE)
    stream = source.frames()
    assert next(stream) is None
    put(frames, "a")
    put(frames, "b")
    found = [next(stream), next(stream)]
    assert [frame.name for frame in found] == ["a.npy", "b.npy"]
    # seen in one look, so nobody knows which came first: the conductor believes neither
    assert found[0].at_ns == found[1].at_ns
    for frame in found:
        source.done(frame)
    next(stream)
    next(stream)
    assert (names(frames / "judged"), names(frames / "unasked")) == (["a.npy", "b.npy"], ["old.npy"])
