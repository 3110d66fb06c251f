"""What tests of the station share: the small real bundle, parts, and a station that runs in a process of its own."""

import time
from pathlib import Path

from goodpart import Inspector, Store
from goodpart.facts.spec import FrameSpec
from goodpart_station.part import Part

FIXTURES = Path(__file__).parent / "fixtures"
BUNDLE = FIXTURES / "format_2"
"""A real bundle for frames of `small_frames.draw_small`."""


class Wants:
    """What a source asks of a station that judges, or does not."""

    def __init__(self) -> None:
        self.room = True
        self.frame_spec: FrameSpec | None = Inspector.load(BUNDLE, threads=1).backbone.spec.frame

    def spec(self, product: int = 0) -> FrameSpec | None:
        return self.frame_spec

    def has_room(self) -> bool:
        return self.room


def small_store(folder: Path) -> Store:
    """A store whose active bundle is the small one."""
    store = Store(folder)
    store.activate(store.add(BUNDLE).digest)
    return store


def part_of(seq: int, *, plc_seq: int | None = None, product: int = 1, deadline_s: float = 60.0) -> Part:
    """A part that is triggered now."""
    now_ns = time.monotonic_ns()
    return Part(seq, plc_seq, 0, product, now_ns, now_ns + int(deadline_s * 1e9))
