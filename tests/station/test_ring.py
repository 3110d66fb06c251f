"""The ring: what it keeps and why, labels, queries, and what a restart finds."""

import dataclasses
import logging

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.facts.spec import Channels, FrameSpec, PixelType
from goodpart.frames.images import read_image
from goodpart_station.codes import Bits, PartVerdict, Reason
from goodpart_station.part import Frame
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.index import FRAMES
from goodpart_station.ring.keeping import KeptFor, file_name, is_drawn, why_kept
from goodpart_station.ring.ring import Ring
from goodpart_station.sinks import ring as ring_sink
from goodpart_station.sinks.ring import RingSink
from small_answers import AT, BOOT, BUNDLE, answer, good, inspection, near, pixels, refused, reject

SELECTED = RingConfig(random_rate=0.0, rejects_per_minute=1000)
ALL = RingConfig(random_rate=1.0)


@pytest.fixture
def opened(tmp_path):
    made = []

    def make(config=SELECTED, *, boot=BOOT, **options):
        ring = Ring(tmp_path / "ring", config, boot=boot, **options)
        ring.open()
        made.append(ring)
        return ring

    yield make
    for ring in made:
        ring.close()


def files(ring):
    return sorted(path.name for path in (ring.frames.folder / FRAMES).iterdir())


def kept(result, config=SELECTED):
    return why_kept(result, BOOT, config)


def test_why_a_frame_is_kept():
    assert kept(good(1)) is None
    assert kept(near(1)) is KeptFor.NEAR
    assert kept(answer(1, 3.0)) is None
    assert kept(reject(1)) is KeptFor.REJECT
    assert kept(refused(1)) is KeptFor.UNKNOWN
    assert kept(good(1, verdict=PartVerdict.UNKNOWN)) is KeptFor.UNKNOWN
    assert kept(reject(1, verdict=PartVerdict.REFUSED, reason=Reason.OUT_OF_STEP)) is KeptFor.UNKNOWN
    # late, or in a simulation: what the inspection said counts
    assert kept(reject(1, verdict=PartVerdict.TIMEOUT, late=True)) is KeptFor.REJECT
    assert kept(reject(1, verdict=PartVerdict.SIMULATED, simulated=True)) is KeptFor.REJECT
    assert kept(good(1, verdict=PartVerdict.TIMEOUT, late=True)) is KeptFor.UNKNOWN
    # the judge still has it
    waiting = {"verdict": PartVerdict.TIMEOUT, "reason": Reason.DEADLINE, "inspection": None}
    assert kept(good(1, **waiting)) is None
    assert kept(good(1, **waiting), ALL) is None
    assert kept(good(1, **waiting, late=True), ALL) is KeptFor.RANDOM
    for result in (good(1), reject(1), refused(1)):
        assert kept(result, ALL) is KeptFor.RANDOM


def test_what_is_no_picture_is_not_kept():
    assert kept(refused(1, frame=None), ALL) is None
    unreadable = Frame(pixels=np.empty((0,), np.uint8), at_ns=1, unreadable="damaged")
    assert kept(refused(1, frame=unreadable), ALL) is None
    for odd in (np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8)):
        assert kept(refused(1, picture=odd), ALL) is None


def test_the_draw_depends_on_the_number_alone_and_has_its_rate():
    config = RingConfig(random_rate=0.1)
    drawn = {seq for seq in range(20_000) if is_drawn(BOOT, seq, 0.1)}
    # 2,000 expected, standard deviation 42
    assert 1_800 < len(drawn) < 2_200
    for make in (good, near, reject, refused):
        assert {seq for seq in range(500) if kept(make(seq), config) is KeptFor.RANDOM} == {
            seq for seq in drawn if seq < 500
        }
    other = {seq for seq in range(20_000) if is_drawn("another", seq, 0.1)}
    assert len(drawn & other) < 400
    assert not any(is_drawn(BOOT, seq, 0.0) for seq in range(1000))
    assert all(is_drawn(BOOT, seq, 1.0) for seq in range(1000))


@pytest.mark.parametrize("channels", list(Channels))
def test_pixels_come_back_as_they_were(opened, channels):
    spec = FrameSpec(channels=channels, dtype=PixelType.UINT8, value_range=None, roi=None)
    picture = pixels(1) if channels is not Channels.GRAY else pixels(1)[:, :, 0]
    ring = opened()
    assert ring.keep(reject(1, picture=picture, inspection=inspection(9.0, frame_spec=spec)))
    # a frame that nothing judged has the order of the frames before
    assert ring.keep(refused(2, picture=picture))
    for frame in ring.frames.newest():
        np.testing.assert_array_equal(read_image(ring.frames.path(frame), spec), picture)


def test_frames_of_16_bits_lose_nothing(opened):
    spec = FrameSpec(channels=Channels.GRAY, dtype=PixelType.UINT16, value_range=(0, 65535), roi=None)
    picture = np.random.default_rng(1).integers(0, 65536, (16, 20), np.uint16)
    ring = opened()
    assert ring.keep(reject(1, picture=picture))
    np.testing.assert_array_equal(read_image(ring.frames.path(ring.frames.newest()[0]), spec), picture)


def test_what_the_index_says_of_a_frame(opened):
    ring = opened()
    assert not ring.keep(good(1))
    assert ring.keep(reject(2))
    assert ring.keep(refused(3, detail="file a\udcff.png"))
    last, first = ring.frames.newest()
    assert files(ring) == [first.file, last.file] == [file_name(BOOT, 2), file_name(BOOT, 3)]
    assert (first.verdict, first.judged, first.score, first.threshold, first.kept_for) == (
        "DEFECT", "DEFECT", 9.0, 3.5, "reject",
    )  # fmt: skip
    assert (first.boot, first.seq, first.plc_seq, first.part_id, first.at) == (BOOT, 2, 2, 884213, AT + 2)
    assert (first.label, first.exported, first.simulated) == (None, None, False)
    assert first.bytes == ring.frames.path(first).stat().st_size
    assert (last.verdict, last.judged, last.reason, last.score) == ("REFUSED", None, "FRAME_REFUSED", None)
    assert ring.frames.frame(first.id) == ring.frames.frame_of(BOOT, 2) == first
    assert ring.frames.frame(99) is None
    assert [frame.seq for frame in ring.frames.newest(before=last.id)] == [2]
    assert [frame.seq for frame in ring.frames.newest(count=1)] == [3]
    count = ring.frames.counts()["reject"]
    assert (count.frames, count.good, count.not_exported) == (1, 0, 0)


def test_a_part_that_is_answered_twice_is_kept_once(opened):
    ring = opened()
    waiting = reject(1, verdict=PartVerdict.TIMEOUT, inspection=None)
    late = reject(1, verdict=PartVerdict.TIMEOUT, late=True)
    assert [ring.keep(result) for result in (waiting, late, late)] == [False, True, True]
    (frame,) = ring.frames.newest()
    assert (frame.verdict, frame.judged, frame.kept_for) == ("TIMEOUT", "DEFECT", "reject")


def test_another_threshold_would_change_verdicts(opened):
    ring = opened(ALL)
    for seq, score in enumerate((1.0, 3.4, 3.6, 9.0), start=1):
        ring.keep(answer(seq, score))
    ring.keep(refused(5))
    ring.keep(reject(6, bundle="another"))
    for threshold, to_good, to_defect in ((3.5, 0, 0), (3.6, 1, 0), (9.0, 2, 0), (3.0, 0, 1), (0.5, 0, 2)):
        found = ring.frames.changes(threshold, bundle=BUNDLE)
        assert (found.frames, found.to_good, found.to_defect) == (4, to_good, to_defect)
    assert ring.frames.changes(1.0, bundle="none").frames == 0


def test_labels_are_noted_and_audited(opened):
    ring = opened()
    ring.keep(reject(1))
    ring.keep(refused(2))
    second, first = ring.frames.newest()
    found = ring.label(first.id, "good", who="anna", at=AT)
    assert found == ring.frames.frame(first.id)
    assert (found.label, found.label_by, found.label_at) == ("good", "anna", AT)
    assert ring.label(first.id, "defect", who="ben", at=AT + 1).label == "defect"
    ring.audit("ben", "threshold", "3.5", "3.6", at=AT + 2)
    notes = [(note.at, note.who, note.what, note.before, note.after) for note in ring.frames.audits()]
    assert notes == [
        (AT + 2, "ben", "threshold", "3.5", "3.6"),
        (AT + 1, "ben", "label of frame 1", "good", "defect"),
        (AT, "anna", "label of frame 1", None, "good"),
    ]
    for number, label, says in (
        (first.id, "fine", "label: expected one of good, defect, found 'fine'"),
        (99, "good", "frame 99: expected a frame of the ring, found none"),
        (second.id, "good", "expected a frame that was judged, found one that was REFUSED"),
    ):
        with pytest.raises(UsageError, match=says):
            ring.label(number, label, who="anna", at=AT)


def test_when_everything_is_red_the_disk_is_spared(opened):
    ring = opened(dataclasses.replace(SELECTED, rejects_per_minute=3))
    # ten seconds apart: 3 of the first 6, 3 of the next 6; near frames have no limit
    written = [seq for seq in range(1, 13) if ring.keep(reject(seq, answered_ns=seq * 10_000_000_000))]
    assert written == [1, 2, 3, 7, 8, 9]
    assert [ring.keep(refused(seq, answered_ns=seq)) for seq in range(20, 25)] == [True] * 3 + [False] * 2
    assert all(ring.keep(near(seq)) for seq in range(30, 40))
    assert ring.lost == 0


def test_a_restart_mends_what_a_kill_left(opened, caplog):
    ring = opened()
    for seq in range(1, 6):
        ring.keep(reject(seq))
    frames = list(reversed(ring.frames.newest()))
    ring.label(frames[0].id, "good", who="anna", at=AT)
    ring.close()
    folder = ring.frames.folder / FRAMES
    for frame in frames[:2]:
        (folder / frame.file).unlink()
    with (folder / frames[2].file).open("ab") as file:
        file.write(b"x")
    (folder / file_name(BOOT, 77)).write_bytes(b"x")
    (folder / f"{file_name(BOOT, 78)}.tmp").write_bytes(b"x")
    (folder / "notes.txt").write_text("mine")
    with caplog.at_level(logging.WARNING):
        again = opened()
    assert [frame.seq for frame in again.frames.newest()] == [5, 4]
    assert files(again) == [file_name(BOOT, 4), file_name(BOOT, 5), "notes.txt"]
    assert "3 images without an entry and 3 entries without their image are gone, 1 of them labelled" in caplog.text
    assert again.keep(reject(6))


def test_two_stations_do_not_share_a_ring(opened, tmp_path):
    opened()
    with pytest.raises(UsageError, match="expected a ring of its own, found one that another process writes"):
        Ring(tmp_path / "ring", SELECTED, boot="other").open()


def test_a_ring_of_a_newer_goodpart_is_refused(opened):
    ring = opened()
    with ring._index.writing() as connection:
        connection.execute("PRAGMA user_version = 2")
    ring.close()
    with pytest.raises(UsageError, match="expected version 1 of the ring, found 2; update goodpart"):
        ring.open()


def test_a_ring_without_an_index_is_empty(tmp_path):
    frames = Ring(tmp_path / "none", SELECTED, boot=BOOT).frames
    assert (frames.newest(), frames.frame(1), frames.counts(), frames.audits()) == ([], None, {}, [])
    assert frames.changes(1.0, bundle=BUNDLE).frames == 0


@pytest.mark.parametrize(
    "wrong",
    [{"max_bytes": 1000}, {"random_rate": 1.1}, {"random_rate": float("nan")}, {"near_sigmas": -1.0},
     {"rejects_per_minute": -1}, {"retry_s": 0.0}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(UsageError, match=f"{next(iter(wrong))}: expected"):
        RingConfig(**wrong)


def test_the_sink_hands_over_only_what_the_ring_wants(tmp_path):
    sink = RingSink(Ring(tmp_path / "ring", SELECTED, boot=BOOT))
    sink.start()
    for seq in range(1, 40):
        sink.put(good(seq))
    sink.put(reject(40))
    sink.close()
    assert [frame.seq for frame in sink.ring.frames.newest()] == [40]
    assert (sink.dropped, sink.ring.bits) == (0, Bits.DISK_FULL)  # closed


def test_a_full_mailbox_is_told_for_a_minute(tmp_path):
    now = [0.0]
    ring = Ring(tmp_path / "ring", SELECTED, boot=BOOT)
    sink = RingSink(ring, size=2, clock=lambda: now[0])
    ring.open()
    for seq in range(1, 4):
        sink.put(reject(seq))
    assert (sink.dropped, sink.bits) == (1, Bits.RING_DROPS)
    now[0] = 61.0
    assert sink.bits == Bits(0)
    ring.close()


def test_large_frames_that_wait_do_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(ring_sink, "MOST_BYTES", 3 * pixels(1).nbytes)
    sink = RingSink(Ring(tmp_path / "ring", SELECTED, boot=BOOT), clock=lambda: 0.0)
    for seq in range(1, 6):
        sink.put(reject(seq))
    assert sink.dropped == 2
    assert sink.bits & Bits.RING_DROPS
    sink.start()
    sink.close()
    assert [frame.seq for frame in sink.ring.frames.newest()] == [3, 2, 1]
    # a single one may be as large as it likes
    sink.put(reject(7, picture=pixels(7, 90, 90)))
    assert sink.dropped == 2
