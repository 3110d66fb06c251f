"""What docs/station.md shows works as it stands there."""

import re
from pathlib import Path

from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.station import plan_of
from small_frames import draw_small

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "station.md").read_text()


def block(begins):
    """The indented block of the page that begins so, without its indentation."""
    blocks = re.findall(r"(?m)(?:^    .*\n|^\n(?=    ))+", PAGE)
    (found,) = [one for one in blocks if one.strip().startswith(begins)]
    return re.sub(r"(?m)^    ", "", found)


def test_the_short_file_is_a_plan(read_text, tmp_path):
    text = block("[station]").replace("/etc/goodpart/key.pub", "key.pub").replace("/run/goodpart/frames", "frames")
    plan = plan_of(read_text(text))
    assert (plan.product, plan.rules.trigger, plan.rules.deadline_ns) == (1, TriggerKind.NONE, 120_000_000)
    assert plan.store_of(1).folder == Path("/var/lib/goodpart/stores/bracket")


def test_the_camera_of_ones_own_gives_frames(read_text, tmp_path, monkeypatch):
    class Picture:
        array, id, whole = draw_small(1), 7, True

    class Sdk:
        lost = False
        waiting = iter((None, Picture))

        def wait(self, timeout_ms):
            return next(self.waiting)

    plans = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("goodpart_station.running.run", plans.append)
    read_text(block("[station]").replace("/etc/goodpart/key.pub", "key.pub").replace("/run/goodpart/frames", "frames"))
    exec(block("import dataclasses"), {"sdk": Sdk()})
    frames = plans[0].source(None).frames()
    assert next(frames) is None
    frame = next(frames)
    assert (frame.camera_frame, frame.complete) == (7, True)
    assert frame.pixels is Picture.array
