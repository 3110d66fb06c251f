"""What an export must not leave out of the draw: what comes after its end, and what the ring had no room for."""

import time
import types

import pytest

from goodpart_station.cli import export as command
from goodpart_station.ring.config import RingConfig
from goodpart_station.ring.ring import Ring
from goodpart_station.sinks import ring as ring_sink
from goodpart_station.sinks.ring import RingSink
from labelled_ring import CONFIG, draw, exported, label, main
from small_answers import AT, BOOT, good


@pytest.fixture
def ring(tmp_path):
    made = Ring(tmp_path / "ring", CONFIG, boot=BOOT)
    made.open()
    yield made
    made.close()


def test_what_is_drawn_after_it_still_counts_as_drawn(ring, tmp_path, monkeypatch):
    folder, now = ring.frames.folder, [AT + 10_000.0]
    monkeypatch.setattr(command, "time", types.SimpleNamespace(time=lambda: now[0], monotonic=time.monotonic))
    draw(ring, good(1))
    label(ring, 1, "good")
    assert main(folder, "--labels", "good", "--out", tmp_path / "a", "--until", "2999-01-01") == 0
    draw(ring, good(2, at=now[0] + 1))
    label(ring, 2, "good")
    now[0] += 10
    assert main(folder, "--labels", "good", "--out", tmp_path / "b") == 0
    assert exported(tmp_path / "b") == ((1, 1, 0, 0), {2: ("good", "random")})


def test_frames_of_the_draw_that_found_no_room_in_memory_count_as_drawn(tmp_path, monkeypatch):
    ring = Ring(tmp_path / "ring", RingConfig(random_rate=1.0), boot=BOOT)
    sink = RingSink(ring, size=2)
    # nothing is taken out before it starts: the second pushes the first one out, and one is too large
    for seq in (1, 2, 3):
        sink.put(good(seq))
    with monkeypatch.context() as small:
        small.setattr(ring_sink, "MOST_BYTES", 1)
        sink.put(good(4))
    sink.start()
    sink.close()
    ring.open()
    label(ring, 3, "good")
    ring.close()
    assert main(ring.frames.folder, "--labels", "good", "--out", tmp_path / "out") == 0
    assert exported(tmp_path / "out")[0] == (4, 1, 0, 3)
