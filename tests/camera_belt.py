"""A line with a camera, in a time of its own: parts pass, the PLC announces them, and the camera takes their pictures.

Each picture says which part it shows. Some pulses the camera misses, and some frames are lost on their way.
"""

import dataclasses
import heapq
import itertools
import random
import threading

from goodpart_station.codes import PartVerdict
from goodpart_station.conductor.rules import TriggerKind
from goodpart_station.running import Plugs
from goodpart_station.sources.camera import CameraSource
from goodpart_station.sources.camera_setup import CameraSetup
from small_camera import SmallDevice, grabbed
from small_frames import draw_small

MS = 1_000_000
BEFORE, AFTER, SPACING, RESYNC = 40, 100, 180, 160


class Belt(SmallDevice):
    """The camera, and all that happens around it. Time passes while the station waits for a frame, and only then."""

    def __init__(self, count, kind, *, seed, rate, begin_ns):
        super().__init__()
        self.now_ns, self.count_parts, self.kind, self.rate = begin_ns, count, kind, rate
        self.random = random.Random(seed)
        self.engine = None
        self.events, self.ready, self.order = [], [], itertools.count()
        self.frame_id = 0
        self.over = threading.Event()
        self.spoilt = dict.fromkeys(("missed", "lost", "late", "stalled"), 0)
        self.judging = threading.Condition()
        self.in_hand = 0
        self.exposed = 0

    # the line

    def begin(self, engine):
        """Lets the parts come: `plc_seq` is the number of the part from 1 on, which runs in a circle."""
        self.engine = engine
        at_ns = self.now_ns
        for part in range(1, self.count_parts + 1):
            at_ns += round(self.random.uniform(SPACING + 40, SPACING + 120) * MS)
            self.plan(at_ns + round(self.random.uniform(0, 30) * MS), "announced", part)
            if self.kind is TriggerKind.HARDWARE:
                self.expose(part, at_ns)
        self.plan(at_ns + 2_000 * MS, "over", 0)

    def plan(self, at_ns, what, part):
        heapq.heappush(self.events, (at_ns, next(self.order), what, part))

    def expose(self, part, at_ns):
        """The camera gets a pulse."""
        spoilt = self.random.choices((None, *self.spoilt), (1 - 3 * self.rate, self.rate, self.rate, self.rate, 0))[0]
        if self.kind is TriggerKind.HARDWARE and spoilt == "late":
            spoilt = "stalled"
        if spoilt is not None:
            self.spoilt[spoilt] += 1
        if spoilt == "missed":
            return
        self.frame_id += 1
        if spoilt == "stalled":
            # the PC is busy for longer than it is known when a frame came
            self.plan(at_ns, "stalled", part)
        if spoilt == "late":
            # at the worst moment: when the next part waits for its own frame
            after = [event[0] for event in self.events if event[2:] == ("announced", part + 1)]
            self.plan((after or [at_ns])[0] + 10 * MS, "frame", (part, self.frame_id))
        elif spoilt != "lost":
            self.plan(at_ns + round(self.random.uniform(20, 60) * MS), "frame", (part, self.frame_id))

    # the camera

    def execute(self, name):
        assert name == "TriggerSoftware"
        self.expose(self.exposed, self.now_ns)

    def stop(self):
        # what was exposed before never comes
        self.events = [event for event in self.events if event[2] != "frame"]
        heapq.heapify(self.events)
        self.ready.clear()
        self.frame_id = 0

    def fetch(self, timeout_s):
        if self.engine is None:
            threading.Event().wait(0.001)
            return None
        with self.judging:
            assert self.judging.wait_for(lambda: self.in_hand == 0, 60)
        until_ns = self.now_ns + max(round(timeout_s * 1e9), 2 * MS if self.kind is TriggerKind.SOFTWARE else 0)
        while not self.ready:
            next_ns = self.events[0][0] if self.events else until_ns + 1
            wakeup_ns = self.engine.wakeup_ns
            if wakeup_ns is not None and wakeup_ns <= min(next_ns, until_ns):
                self.now_ns = max(self.now_ns, wakeup_ns)
                self.engine.tick()
            elif next_ns > until_ns:
                self.now_ns = until_ns
                return None
            else:
                self.happen()
        part, frame_id = self.ready.pop(0)
        return grabbed(picture(part), frame_id)

    def happen(self):
        """The next event."""
        at_ns, _, what, part = heapq.heappop(self.events)
        self.now_ns = max(self.now_ns, at_ns)
        if what == "announced":
            self.exposed = part
            self.engine.trigger((part - 1) % 65535 + 1, part_id=part)
        elif what == "frame":
            self.ready.append(part)
        elif what == "stalled":
            end_ns = self.now_ns + round(self.random.uniform(60, 400) * MS)
            while self.events and self.events[0][0] < end_ns:
                self.happen()
            self.now_ns = max(self.now_ns, end_ns)
        else:
            self.over.set()

    # what the station tells of the judge: see `Watcher`

    def taken(self, part):
        pass

    def acquired(self, part):
        with self.judging:
            self.in_hand += 1

    def judged(self):
        with self.judging:
            self.in_hand -= 1
            self.judging.notify_all()


def picture(part):
    """`(24, 18, 3) uint8` a picture that says which part it shows."""
    frame = draw_small(part % 50)
    frame[0, 0] = part >> 16, part >> 8 & 255, part & 255
    return frame


def part_in(pixels):
    """Which part a picture shows."""
    high, middle, low = (int(value) for value in pixels[0, 0])
    return high << 16 | middle << 8 | low


class BeltSource(CameraSource):
    """A source that tells the belt when the judge has done a frame."""

    def __init__(self, belt, setup):
        super().__init__(lambda: belt, setup)
        self._belt = belt

    def done(self, frame):
        if threading.current_thread().name == "judge":
            self._belt.judged()


def run(site, belt):
    """How many parts got a verdict by their own picture, none, and one by another part's."""
    spare_s = (SPACING - BEFORE - AFTER) / 1e3
    setup = CameraSetup(pixel_format="RGB8", trigger=belt.kind, exposure_s=AFTER / 1e3, dated_within_s=spare_s)
    site.camera = BeltSource(belt, setup)
    site.plan = dataclasses.replace(
        site.plan, plugs=lambda engine: Plugs(plc=[site.slots], sinks=[site.records], watchers=[belt])
    )
    counts = {"right": 0, "refused": 0, "wrong": 0, "good": 0}
    with site.running() as engine:
        belt.begin(engine)
        for _ in range(belt.count_parts):
            result = site.records.next()
            if result.inspection is None:
                counts["refused"] += 1
            else:
                counts["right" if part_in(result.frame.pixels) == result.part.part_id else "wrong"] += 1
            counts["good"] += result.verdict is PartVerdict.GOOD
        assert belt.over.wait(60)
    assert site.failure is None
    assert site.records.told.empty()
    return counts
