"""The folder source where nobody looked into the folder for a while: no file becomes another part's frame."""

import time

import numpy as np
import pytest

from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.config.tables import FolderTable
from goodpart_station.sources import folder as folder_module
from goodpart_station.sources.folder import FolderSource
from goodpart_station.station import source_of
from small_frames import draw_small
from station_parts import Wants, part_of

SOFTWARE, HARDWARE = TriggerKind.SOFTWARE, TriggerKind.HARDWARE


@pytest.fixture(scope="module")
def wants():
    return Wants()


@pytest.fixture
def frames(tmp_path):
    (tmp_path / "frames").mkdir()
    return tmp_path / "frames"


def put(folder, name):
    np.save(folder.parent / "whole.npy", draw_small(100))
    (folder.parent / "whole.npy").rename(folder / f"{name}.npy")


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def next_name(stream, *, looks=10):
    """The name of the next frame, None if none comes in so many looks."""
    return next((frame.name for frame, _ in zip(stream, range(looks), strict=False) if frame is not None), None)


def own_frame_only(source, stream, frames, wrong):
    """The file that is there is no frame; the next one is."""
    assert next_name(stream) is None
    put(frames, "own")
    assert next_name(stream) == "own.npy"
    assert names(frames / "unasked") == [wrong]


def test_a_file_that_came_after_the_last_look_and_before_the_trigger_is_nobodys(frames, wants, monkeypatch):
    source = FolderSource(frames, wanted=wants, trigger=SOFTWARE)
    take, parts = folder_module.taken, [part_of]

    def taken(box, timeout_s):
        if box is source._triggers and parts:
            put(frames, "stray")
            source.trigger(parts.pop()(1))
        return take(box, timeout_s)

    stream = source.frames()
    monkeypatch.setattr(folder_module, "taken", taken)
    own_frame_only(source, stream, frames, "stray.npy")


def test_a_late_file_is_not_that_of_the_part_after(frames, wants):
    source = FolderSource(frames, wanted=wants, trigger=SOFTWARE)
    stream = source.frames()
    source.trigger(part_of(1))
    assert next_name(stream) is None
    # now nobody looks for so long that the station has given up part 1, and takes part 2
    put(frames, "late")
    source.trigger(part_of(2))
    own_frame_only(source, stream, frames, "late.npy")


def test_a_trigger_from_before_the_source_was_lost_takes_no_old_file(frames, wants):
    source = FolderSource(frames, wanted=wants, trigger=SOFTWARE)
    source.trigger(part_of(1))
    put(frames, "old")
    own_frame_only(source, source.frames(), frames, "old.npy")


@pytest.mark.parametrize("trigger", [SOFTWARE, HARDWARE])
def test_a_frame_is_older_than_a_trigger_that_comes_while_it_is_read(frames, wants, trigger):
    """The conductor refuses it for the later part by that."""
    source = FolderSource(frames, wanted=wants, trigger=trigger)
    read, began_ns = source._files.read, []

    def slow(path, spec):
        began_ns.append(time.monotonic_ns())
        return read(path, spec)

    source._files.read = slow
    stream = source.frames()
    assert next(stream) is None
    source.trigger(part_of(1))
    assert next(stream) is None
    put(frames, "a")
    frame = next(frame for frame in stream if frame is not None)
    assert frame.at_ns <= began_ns[0]


def test_with_a_hardware_trigger_a_file_of_unknown_age_is_nobodys(frames, wants):
    source = FolderSource(frames, wanted=wants, trigger=HARDWARE, dated_within_s=0.0)
    stream = source.frames()
    assert next(stream) is None
    put(frames, "a")
    assert next_name(stream) is None
    assert names(frames / "unasked") == ["a.npy"]


def test_the_age_may_be_what_the_windows_leave_between_two_parts(frames, wants):
    for given, expected_s in (({}, 0.08), ({"pair_before_ms": 40.0}, 0.04), ({"pair_after_ms": 150.0}, 0.03)):
        table = FolderTable(path=frames, trigger=HARDWARE, min_spacing_ms=180.0, **given)
        assert source_of(table)(wants)._dated_within_s == pytest.approx(expected_s)
