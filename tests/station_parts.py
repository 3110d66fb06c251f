"""What tests of the station share: the small real bundle, parts, and a station with a camera and a PLC for tests."""

import contextlib
import dataclasses
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from goodpart import Inspector, Store, read_bundle
from goodpart.facts.spec import FrameSpec
from goodpart_station.codes import PartVerdict, State
from goodpart_station.conductor.rules import Rules, TriggerKind
from goodpart_station.engine import Engine
from goodpart_station.part import Frame, Part, Result, Slot
from goodpart_station.running import Plan, Plugs, started
from goodpart_station.sources.source import taken

FIXTURES = Path(__file__).parent / "fixtures"
BUNDLE = FIXTURES / "format_2"
"""A real bundle for frames of `small_frames.draw_small`."""


_LONG_NS = 60_000_000_000
"""Longer than any thread of a busy machine waits."""

_PATIENT = {"deadline_ns": _LONG_NS, "pair_after_ns": _LONG_NS, "resync_ns": _LONG_NS + 1, "auto_reset": True}


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
    """A store whose active bundle is the small one, made without a self-test, which takes a second."""
    place = folder / "bundles" / read_bundle(BUNDLE).digest
    shutil.copytree(BUNDLE, place)
    (folder / "lock").touch()
    store = Store(folder)
    store.change(lambda state: state.forward(place.name, 9, "bar"))
    return store


def part_of(seq: int, *, plc_seq: int | None = None, product: int = 1, deadline_s: float = 60.0) -> Part:
    """A part that is triggered now."""
    now_ns = time.monotonic_ns()
    return Part(seq, plc_seq, 0, product, now_ns, now_ns + int(deadline_s * 1e9))


@dataclasses.dataclass(frozen=True)
class Bar:
    """The product of the small bundle."""

    number: int = 1
    name: str = "bar"
    preload: bool = False


class Camera:
    """A source that gives what a test puts into it."""

    repeats = False
    simulated = False

    def __init__(self) -> None:
        self.box: queue.SimpleQueue[Frame | Exception | Callable[[], None]] = queue.SimpleQueue()
        self.triggers: queue.SimpleQueue[Part] = queue.SimpleQueue()
        self.finished: queue.SimpleQueue[Frame] = queue.SimpleQueue()

    def frames(self) -> Iterator[Frame | None]:
        while True:
            found = taken(self.box, 0.01)
            if isinstance(found, Exception):
                raise found
            if callable(found):
                found()
            else:
                yield found

    def check(self) -> str:
        return "a camera of the test"

    def trigger(self, part: Part) -> None:
        self.triggers.put(part)

    def done(self, frame: Frame) -> None:
        self.finished.put(frame)

    def show(self, pixels: np.ndarray, **facts: object) -> Frame:
        """Gives a frame that is taken now."""
        frame = Frame(pixels=pixels, at_ns=time.monotonic_ns(), **facts)
        self.box.put(frame)
        return frame


class Slots:
    """A PLC link: what a PLC would read."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        self.is_open = False

    async def open(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    def publish(self, slot: Slot) -> None:
        self.told.put(slot)

    def next(self) -> Slot:
        """The next answer."""
        while (slot := self.told.get(timeout=300)).verdict is PartVerdict.NONE:
            pass
        return slot


class Records:
    """A sink that keeps what it gets."""

    name = "records"
    dropped = 0

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Result] = queue.SimpleQueue()

    def start(self) -> None:
        pass

    def put(self, result: Result) -> None:
        self.told.put(result)

    def close(self) -> None:
        pass

    def next(self) -> Result:
        return self.told.get(timeout=300)


class Site:
    """A station in this process, with a camera, a PLC and records that a test holds in its hands."""

    def __init__(
        self, folder: Path, *, trigger: TriggerKind = TriggerKind.SOFTWARE, products: int = 1, **rules: object
    ):
        self.camera, self.slots, self.records = Camera(), Slots(), Records()
        self.failure: Exception | None = None
        self.stores = {number: small_store(folder / f"store{number}") for number in range(1, products + 1)}
        self.rules = Rules(
            trigger=trigger,
            products=frozenset(self.stores),
            **{
                "deadline_ns": _LONG_NS,
                "pair_after_ns": _LONG_NS,
                "resync_ns": _LONG_NS + 1,
                "auto_reset": True,
                **rules,
            },  # type: ignore[arg-type]
        )
        self.plan = Plan(
            data=folder / "data",
            products=tuple(Bar(number) for number in self.stores),
            store_of=self.stores.__getitem__,
            threads=1,
            rules=self.rules,
            source=lambda wanted: self.camera,
            source_timeout_s=60.0,
            plugs=lambda engine: Plugs(plc=[self.slots], sinks=[self.records]),
            product=1,
        )

    def _judge(self, engine: Engine) -> None:
        try:
            engine.run()
        except Exception as error:  # noqa: BLE001 - for the test
            self.failure = error

    @contextlib.contextmanager
    def running(self, *states: State) -> Iterator[Engine]:
        """The station, judging in a thread of its own, as soon as it is in one of these states (READY or FAULT)."""
        with started(self.plan) as engine:
            judging = threading.Thread(target=self._judge, args=(engine,), name="judge")
            judging.start()
            try:
                until(lambda: engine.status().state in (states or (State.READY, State.FAULT)))
                yield engine
            finally:
                engine.stop()
                judging.join(300)
                assert not judging.is_alive()


def until(holds: Callable[[], bool], *, within_s: float = 300.0) -> None:
    """Waits until something holds."""
    end_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end_s
        threading.Event().wait(0.005)
