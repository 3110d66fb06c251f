"""What a station may still write, counted while another station writes."""

import types
from pathlib import Path

from goodpart_station import station
from goodpart_station.ring.config import LEAST_BYTES, RingConfig


class Gone(type(Path())):
    """A file that the ring removes just after somebody has seen it."""

    def is_file(self):
        return True


def test_a_frame_that_goes_meanwhile_takes_nothing(tmp_path, monkeypatch):
    (tmp_path / station.RING).mkdir()
    there = tmp_path / station.RING / "frame"
    there.write_bytes(bytes(1000))
    monkeypatch.setattr(Path, "rglob", lambda *_: iter([there, Gone(tmp_path / "gone")]))
    config = types.SimpleNamespace(ring=RingConfig(max_bytes=LEAST_BYTES), station=types.SimpleNamespace(data=tmp_path))
    assert station._room_bytes(config) == LEAST_BYTES - 1000
