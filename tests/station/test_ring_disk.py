"""The ring on a disk that takes no more: the cap holds, nothing is raised, and it goes on when there is room."""

import contextlib
import dataclasses
import logging
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goodpart.errors import UsageError
from goodpart_station.codes import Bits
from goodpart_station.ring.config import LEAST_BYTES, RingConfig
from goodpart_station.ring.index import FRAMES, INDEX
from goodpart_station.ring.keeping import SHARES, KeptFor
from goodpart_station.ring.ring import Ring
from small_answers import AT, BOOT, good, near, pixels, refused, reject
from station_disk import consistent, largest_file, taken_bytes

CONFIG = RingConfig(random_rate=0.0, rejects_per_minute=1000, max_bytes=LEAST_BYTES)
MAKE = {KeptFor.REJECT: reject, KeptFor.NEAR: near, KeptFor.UNKNOWN: refused}


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def ring(tmp_path, now):
    made = Ring(tmp_path / "ring", CONFIG, boot=BOOT, clock=lambda: now[0])
    made.open()
    yield made
    made.close()


def test_the_oldest_frames_go_first_but_for_labelled_ones_that_were_not_exported(ring):
    big = pixels(0, 180, 200)  # some 110 kB; rejects have room for 8 of them
    assert all(ring.keep(reject(seq, picture=big)) for seq in range(1, 6))
    for seq in (1, 2):
        ring.label(ring.frames.frame_of(BOOT, seq).id, "good", who="anna", at=AT)
    with ring._index.writing() as connection:
        connection.execute("UPDATE frame SET exported = 1 WHERE seq = 2")
    gone = []
    for seq in range(6, 20):
        assert ring.keep(reject(seq, picture=big))
        there = {frame.seq for frame in ring.frames.newest(count=100)}
        gone += [old for old in range(1, seq) if old not in there and old not in gone]
    assert gone == list(range(2, 2 + len(gone)))
    assert len(gone) > 8
    assert {1, 19} <= there
    consistent(ring)


def test_the_index_is_asked_by_its_indexes(ring):
    with ring._index.writing() as connection:
        for condition, name in (
            ("(label IS NULL OR exported IS NOT NULL) ORDER BY id LIMIT 5", "frame_removable"),
            ("label IS NOT NULL AND exported IS NULL", "frame_protected"),
        ):
            asked = f"EXPLAIN QUERY PLAN SELECT id, file, bytes FROM frame WHERE kept_for = 'near' AND {condition}"
            steps = [row[3] for row in connection.execute(asked)]
            assert len(steps) == 1, steps
            assert f"USING INDEX {name}" in steps[0]


def test_labels_take_half_of_the_room_at_most(ring):
    big = pixels(0, 180, 200)
    ring.keep(near(100))
    for seq in range(1, 9):
        ring.keep(reject(seq, picture=big))
    labelled = 0
    with pytest.raises(UsageError, match="on at most half of the room for reject frames, found it taken; export them"):
        for frame in ring.frames.newest():
            ring.label(frame.id, "defect", who="anna", at=AT)
            labelled += 1
    assert labelled >= 3
    # a new word for a frame that is labelled already, and one of another reason
    first = next(frame for frame in ring.frames.newest() if frame.label)
    ring.label(first.id, "good", who="anna", at=AT)
    # an exported one that gets a new word is to be exported again, and so takes room
    with ring._index.writing() as connection:
        connection.execute("UPDATE frame SET label = 'good', label_at = 1, exported = 1 WHERE seq = 1")
    with pytest.raises(UsageError, match="found it taken; export them"):
        ring.label(ring.frames.frame_of(BOOT, 1).id, "defect", who="anna", at=AT)
    for seq in range(10, 40):
        assert ring.keep(reject(seq, picture=big))
    assert sum(frame.label is not None for frame in ring.frames.newest(count=100)) == labelled


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("keep"), st.sampled_from(sorted(MAKE, key=str)), st.integers(1, 260)),
        st.tuples(st.just("draw"), st.booleans(), st.integers(1, 260)),
        st.tuples(st.just("label"), st.integers(0, 30), st.sampled_from(["good", "defect"])),
        st.tuples(st.just("export"), st.integers(1, 5), st.none()),
        st.tuples(st.just("reopen"), st.none(), st.none()),
    ),
    min_size=20,
    max_size=60,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(operations=OPERATIONS)
def test_the_cap_holds_whatever_happens(operations):
    with tempfile.TemporaryDirectory() as folder:
        ring = Ring(Path(folder), CONFIG, boot=BOOT)
        ring.open()
        protected = set()
        for seq, (name, one, other) in enumerate(operations, start=1):
            if name == "keep":
                ring.keep(MAKE[one](seq, picture=pixels(seq, other, 300)))
            elif name == "draw":
                ring.config = dataclasses.replace(CONFIG, random_rate=1.0)
                ring.keep((good if one else reject)(seq, picture=pixels(seq, other, 300)))
                ring.config = CONFIG
            elif name == "label":
                frames = [frame for frame in ring.frames.newest() if frame.judged is not None]
                with contextlib.suppress(UsageError):
                    if frames:
                        protected.add(ring.label(frames[one % len(frames)].id, other, who="anna", at=AT).id)
            elif name == "export":
                exported = sorted(protected)[:one]
                protected -= set(exported)
                with ring._index.writing() as connection:
                    connection.executemany("UPDATE frame SET exported = 1 WHERE id = ?", [(each,) for each in exported])
            else:
                ring.close()
                ring.open()
            assert taken_bytes(ring.frames.folder) <= CONFIG.max_bytes
            assert protected <= {frame.id for frame in ring.frames.newest(count=1000)}
        consistent(ring)
        for kept, count in ring.frames.counts().items():
            assert count.bytes <= SHARES[KeptFor(kept)] * CONFIG.max_bytes
        ring.close()


def test_frames_of_the_draw_that_are_gone_are_counted(tmp_path):
    ring = Ring(tmp_path / "ring", dataclasses.replace(CONFIG, random_rate=1.0), boot=BOOT)
    ring.open()
    for seq in range(1, 41):
        ring.keep((good if seq % 2 else refused)(seq, picture=pixels(seq, 180, 200)))
    left = sum(frame.judged is not None for frame in ring.frames.newest(count=100))
    with ring._index.writing() as connection:
        assert connection.execute("SELECT sum(frames) FROM lost").fetchone()[0] == 20 - left > 5
    ring.close()


def test_a_file_limit_stops_the_ring_and_not_the_station(ring, now, caplog):
    assert ring.keep(reject(1))
    with caplog.at_level(logging.WARNING), largest_file(10_000):
        assert not ring.keep(reject(2, picture=pixels(2, 100, 100)))
        assert ring.bits == Bits.DISK_FULL
        assert not ring.keep(reject(3))  # not tried
        now[0] = CONFIG.retry_s
        assert not ring.keep(reject(4))  # tried again: the index is larger
        with pytest.raises(UsageError, match="expected a ring that takes changes, found a full or failing disk"):
            ring.label(1, "good", who="anna", at=AT)
    assert ring.lost == 3
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert not ring.keep(reject(5))
    now[0] = 2 * CONFIG.retry_s
    assert ring.keep(reject(6))
    assert (ring.bits, ring.lost) == (Bits(0), 4)
    assert "images are kept again" in caplog.text
    assert [frame.seq for frame in ring.frames.newest()] == [6, 1]
    consistent(ring)


@pytest.mark.parametrize("step", ["replace", "fsync", "unlink", "row"])
def test_an_input_output_error_at_any_step(ring, now, monkeypatch, step):
    big = pixels(0, 180, 200)
    for seq in range(1, 9):
        assert ring.keep(reject(seq, picture=big))
    with monkeypatch.context() as broken:

        def fail(*_, **__):
            raise OSError(5, "Input/output error")

        def row(*_, **__):
            raise sqlite3.OperationalError("disk I/O error")

        if step == "row":
            broken.setattr(ring._losses, "write", row)
        else:
            place = "goodpart_station.ring.pictures.os" if step == "fsync" else "pathlib.Path"
            broken.setattr(f"{place}.{step}", fail)
        # the ring is full: an old frame goes for the new one
        for seq in range(9, 12):
            ring.keep(reject(seq, picture=big))
        assert ring.bits == Bits.DISK_FULL
    assert not list(ring.frames.folder.rglob("*.tmp"))
    now[0] = CONFIG.retry_s
    assert ring.keep(reject(20, picture=big))
    assert ring.bits == Bits(0)
    consistent(ring)


def test_a_damaged_index_stops_the_ring_and_not_the_station(ring, now, caplog):
    for seq in range(1, 30):
        ring.keep(reject(seq))
    ring.close()
    index = ring.frames.folder / INDEX
    whole = index.read_bytes()
    index.write_bytes(whole[:4096] + b"\xff" * 8192 + whole[12288:])
    ring.open()
    assert ring.bits == Bits.DISK_FULL
    assert not ring.keep(reject(50))
    assert "move the folder away" in caplog.text
    shutil.move(ring.frames.folder, ring.frames.folder.with_name("damaged"))
    now[0] = CONFIG.retry_s
    assert ring.keep(reject(51))
    assert len(list((ring.frames.folder.with_name("damaged") / FRAMES).iterdir())) == 29


TMPFS = """
import errno, os, sys
from pathlib import Path
from goodpart_station.codes import Bits
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from small_answers import BOOT, pixels, reject
from station_disk import consistent

disk, now = Path(sys.argv[1]), [0.0]
config = RingConfig(random_rate=0.0, rejects_per_minute=1000, max_bytes=100_000_000)
ring = Ring(disk / "ring", config, boot=BOOT, clock=lambda: now[0])
ring.open()
seq = 0
while ring.bits == Bits(0):
    seq += 1
    ring.keep(reject(seq, picture=pixels(seq, 180, 200)))
    assert seq < 200
assert seq > 30, seq
for _ in range(20):
    now[0] += config.retry_s
    seq += 1
    ring.keep(reject(seq, picture=pixels(seq, 180, 200)))
frames = ring.frames.newest(count=1000)
assert ring.lost + len(frames) == seq
for frame in frames[:10]:
    ring.frames.path(frame).unlink()
(disk / "filler").unlink(missing_ok=True)
now[0] += config.retry_s
assert ring.keep(reject(seq + 1, picture=pixels(seq, 180, 200)))
assert ring.bits == Bits(0)
consistent(ring)
ring.close()
print("went on after", len(frames), "frames")
"""


def test_a_full_disk_of_8_mb(tmp_path):
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode != 0:
        pytest.skip("this system gives no mount namespace (unshare -rm)")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = 'mount -t tmpfs -o size=8m tmpfs "$1" && shift && exec "$@"'
    found = subprocess.run(
        ["unshare", "-rm", "sh", "-c", mount, "sh", str(disk), sys.executable, "-c", TMPFS, str(disk)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("went on after")
