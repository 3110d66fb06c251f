"""What the ring must not do: wait for the disk in the loop, or take whole frames for strays."""

import sqlite3

import pytest

from goodpart_station.codes import Bits
from goodpart_station.ring import index
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.index import FRAMES, INDEX
from goodpart_station.ring.ring import Ring
from small_answers import AT, BOOT, good


@pytest.fixture
def ring(tmp_path):
    made = Ring(tmp_path / "ring", RingConfig(random_rate=1.0), boot=BOOT)
    made.open()
    yield made
    made.close()


def test_what_it_takes_is_told_without_the_disk(ring, monkeypatch):
    """Page and metrics ask in the loop of the PLC's link, where a disk that hangs would hold up everything."""
    before = ring.used_bytes
    ring.keep(good(1))

    def hangs(path):
        raise AssertionError(path)

    monkeypatch.setattr(index, "_size", hangs)
    assert ring.used_bytes > before


@pytest.mark.parametrize("is_there", [True, False])
def test_an_empty_index_beside_images_takes_none_of_them_away(ring, caplog, is_there):
    ring.keep(good(1))
    ring.label(1, "good", who="anna", at=AT)
    ring.close()
    folder = ring.frames.folder
    for path in folder.glob(f"{INDEX}*"):
        path.unlink()
    if is_there:
        # as a power cut may leave it
        (folder / INDEX).touch()
    ring.open()
    assert len(list((folder / FRAMES).iterdir())) == 1
    assert ring.bits is Bits.DISK_FULL and "move the folder away" in caplog.text
    # tried again, it is no other
    ring.open()
    assert len(list((folder / FRAMES).iterdir())) == 1 and ring.bits is Bits.DISK_FULL
    with sqlite3.connect(folder / INDEX) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 0
    connection.close()


def test_a_ring_that_was_killed_while_it_was_made_begins(tmp_path):
    folder = tmp_path / "ring"
    (folder / FRAMES).mkdir(parents=True)
    (folder / INDEX).touch()
    ring = Ring(folder, RingConfig(), boot=BOOT)
    ring.open()
    assert ring.bits is Bits(0)
    ring.close()
