"""An export whose end was given as a time that has not come yet."""

import time
import types

import pytest

from goodpart_station.cli import export as command
from goodpart_station.ring.ring import Ring
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
