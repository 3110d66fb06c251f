"""A station put together: when it is ready, what its bits say, and what ends it."""

import dataclasses
import gc
import threading

import pytest

from goodpart import UsageError
from goodpart.bundle.device import DeviceSettings, write_device
from goodpart.store.store import Store
from goodpart_station import clock, io_loop
from goodpart_station.clock import Clock, is_synced
from goodpart_station.codes import Bits, Command, State
from goodpart_station.engine import Engine
from goodpart_station.feed import Feed
from goodpart_station.life import Life
from goodpart_station.running import Plugs, run
from small_frames import draw_small
from station_parts import Bar, Camera, Site, Slots, until


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Loading without the child process of the self-test, which `test_products` has."""
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)


def held(monkeypatch):
    """Loading waits for the first event; the second says that it has begun."""
    go_on, began, load = threading.Event(), threading.Event(), Store.load

    def slow(self, **options):
        began.set()
        assert go_on.wait(60)
        return load(self, **options)

    monkeypatch.setattr(Store, "load", slow)
    return go_on, began


def test_it_is_ready_when_its_bundle_is_loaded_and_not_before(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(io_loop, "notify", told.append)
    go_on, began = held(monkeypatch)
    site = Site(tmp_path)

    def let_go():
        assert began.wait(60)
        until(lambda: any(text.startswith("STATUS=INITIALIZED") for text in told))
        assert "READY=1" not in told
        go_on.set()

    letting = threading.Thread(target=let_go)
    letting.start()
    with site.running():
        letting.join()
        until(lambda: "READY=1" in told)


def test_a_station_that_waits_for_its_product_is_ready_without_one(tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(io_loop, "notify", told.append)
    site = Site(tmp_path, products=2)
    site.plan = dataclasses.replace(site.plan, product=0)
    with site.running(State.INITIALIZED):
        until(lambda: "READY=1" in told)


def test_a_product_that_is_asked_for_is_loaded_before_those_that_may_be(tmp_path, monkeypatch):
    order, load = [], Store.load

    def noted(self, **options):
        order.append(self.folder.name)
        return load(self, **options)

    monkeypatch.setattr(Store, "load", noted)
    site = Site(tmp_path, products=3)
    products = [Bar(number, preload=True) for number in (1, 2, 3)]
    site.plan = dataclasses.replace(site.plan, products=products, product=3)
    with site.running() as engine:
        until(lambda: len(order) == 3)
        assert sorted(order) == ["store1", "store2", "store3"]
        assert engine.status().product == 3
        # change-over to a product in memory loads nothing
        engine.command(Command.PREPARE, product=1, who="plc")
        until(lambda: engine.status().state is State.READY and engine.status().product == 1)
        assert len(order) == 3


def test_a_moved_threshold_is_a_bit(tmp_path):
    site = Site(tmp_path)
    with site.running() as engine:
        assert not engine.status().bits & Bits.THRESHOLD_CHANGED
        bundle = engine.products.get(1).inspector.bundle
        lowest = bundle.manifest.threshold_range.lowest
        write_device(bundle, DeviceSettings(bundle=bundle.digest, threshold=lowest, pixel_threshold=lowest))
        engine.products.refresh()
        until(lambda: engine.status().bits & Bits.THRESHOLD_CHANGED)


def test_a_clock_that_nobody_keeps_is_a_bit(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(clock, "is_synced", lambda: asked.append(1))
    kept = Clock()
    assert (kept.bits, kept.bits, len(asked)) == (Bits(0), Bits(0), 1)
    monkeypatch.setattr(clock, "is_synced", lambda: False)
    assert Clock().bits is Bits.CLOCK_UNSYNCED
    with Site(tmp_path).running() as engine:
        until(lambda: engine.status().bits & Bits.CLOCK_UNSYNCED)
    assert is_synced() in (True, False, None)


class Flagging(Slots):
    """A link with something to say."""

    bits = Bits.RING_DROPS


def test_links_and_sinks_have_bits(tmp_path):
    site = Site(tmp_path)
    site.plan = dataclasses.replace(site.plan, plugs=lambda engine: Plugs(links=[Flagging()]))
    with site.running() as engine:
        until(lambda: engine.status().bits & Bits.RING_DROPS)


class Broken(Slots):
    """A link that cannot be opened, or fails later."""

    bits = Bits(0)
    failing = False

    async def open(self):
        if self.failing:
            raise UsageError("page: expected a free address, found a taken one")


def test_a_link_that_cannot_be_opened_is_an_error_at_the_start(tmp_path):
    site, broken, before = Site(tmp_path), Broken(), Slots()
    broken.failing = True
    site.plan = dataclasses.replace(site.plan, plugs=lambda engine: Plugs(links=[before, broken]))
    with pytest.raises(UsageError, match="expected a free address"), site.running():
        pass
    assert not before.is_open  # it was opened, and closed again


def test_what_ends_the_loop_ends_the_station(tmp_path, monkeypatch):
    site = Site(tmp_path)
    with site.running():

        def fail(self, status):
            raise ZeroDivisionError

        monkeypatch.setattr(io_loop.IoLoop, "_tell", fail)
        until(lambda: site.failure is not None)
    assert isinstance(site.failure, ZeroDivisionError)


def test_a_source_that_hangs_is_lost_until_it_shows_life(tmp_path):
    site = Site(tmp_path)
    site.plan = dataclasses.replace(site.plan, source_timeout_s=0.3)
    with site.running() as engine:
        hang = threading.Event()
        site.camera.box.put(lambda: hang.wait(60))
        until(lambda: engine.status().state is State.FAULT)
        assert "expected life from the source, found none for 0.3 s" in engine.status().why
        hang.set()
        until(lambda: engine.status().state is State.READY)


class Told:
    """What a feed tells."""

    def __init__(self):
        self.words = []

    def source_ready(self):
        self.words.append("ready")

    def source_lost(self, why):
        self.words.append("lost")

    def frame(self, frame):
        return False

    def is_over(self):
        return "stop" in self.words

    def stop(self, failure=None):
        self.words.append("stop")


def test_a_frame_that_nobody_judges_is_done_with(tmp_path):
    camera, told = Camera(), Told()
    feed = Feed(camera, told, Life(("source",)))
    frame = camera.show(draw_small(1))
    feed.start()
    assert camera.finished.get(timeout=60) is frame
    told.stop()
    feed.join(60)
    assert told.words == ["ready", "stop"]


def test_what_the_start_has_made_is_no_work_for_the_garbage_collector(tmp_path, monkeypatch):
    before, kept = gc.get_freeze_count(), []
    monkeypatch.setattr(Engine, "run", lambda self: kept.append(gc.get_freeze_count()))
    run(Site(tmp_path).plan)
    assert kept[0] > before
    assert gc.get_freeze_count() == 0
