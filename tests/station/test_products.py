"""Products: loaded in the background, by number; what does not load says why, and the others judge on."""

import dataclasses
import queue
import threading

import pytest

from goodpart.bundle.device import DeviceSettings, write_device
from goodpart.store.store import Store
from goodpart_station.products import Products
from small_frames import draw_small
from small_network import small_bundle
from station_parts import small_store, until


@dataclasses.dataclass(frozen=True)
class Facts:
    number: int
    name: str
    preload: bool = False


class Line:
    """Products 1 to 3 of three stores, and what is told about them."""

    def __init__(self, folder, *, preload=()):
        self.told = queue.SimpleQueue()
        self.stores = {number: Store(folder / str(number)) for number in (1, 2, 3)}
        facts = {number: Facts(number, f"bar {number}", number in preload) for number in self.stores}
        self.products = Products(
            facts,
            self.stores.__getitem__,
            threads=1,
            ready=lambda number: self.told.put((number, None)),
            failed=lambda number, why: self.told.put((number, why)),
        )

    def after_prepare(self, number):
        self.products.prepare(number)
        return self.told.get(timeout=60)


@pytest.fixture
def line(tmp_path):
    for number in (1, 2, 3):
        small_store(tmp_path / str(number))
    line = Line(tmp_path)
    line.products.start()
    yield line
    line.products.close()


def test_a_product_is_loaded_when_it_is_prepared(line):
    assert line.products.get(1) is None
    assert line.after_prepare(1) == (1, None)
    assert line.products.get(1).inspect(draw_small(100)).verdict.value == "GOOD"
    assert (line.products.name(1), line.products.name(9), line.products.numbers) == ("bar 1", "", (1, 2, 3))
    assert line.products.numbers == (1, 2, 3)


def test_the_last_product_stays_for_its_parts_in_hand_and_no_other(line):
    for number in (1, 2, 3):
        line.after_prepare(number)
    assert [line.products.get(number) is not None for number in (1, 2, 3)] == [False, True, True]


def test_preloaded_products_stay(tmp_path):
    for number in (1, 2, 3):
        small_store(tmp_path / str(number))
    line = Line(tmp_path, preload=(1, 3))
    line.products.start()
    assert line.after_prepare(2) == (2, None)
    until(lambda: all(line.products.get(number) is not None for number in (1, 2, 3)))
    assert line.after_prepare(1) == (1, None)
    assert all(line.products.get(number) is not None for number in (1, 2, 3))
    line.products.close()


def test_a_product_that_cannot_be_loaded_says_why(line, tmp_path):
    assert "expected one with number 9" in line.after_prepare(9)[1]
    (state,) = (tmp_path / "2").glob("state.json")
    state.unlink()
    assert "expected an active bundle" in line.after_prepare(2)[1]
    path = line.stores[3].path(line.stores[3].state.active) / "backbone.onnx"
    path.chmod(0o644)
    path.write_bytes(b"rot")
    number, why = line.after_prepare(3)
    assert (number, "backbone.onnx" in why) == (3, True)
    assert line.after_prepare(1) == (1, None)


def test_a_refresh_takes_the_new_bundle_and_a_bad_one_changes_nothing(line, tmp_path, caplog):
    caplog.set_level("INFO")
    line.after_prepare(1)
    store = line.stores[1]
    before = line.products.get(1).inspector.bundle.digest
    newer = store.add(small_bundle(tmp_path / "from", tmp_path / "newer", serial=10)).digest
    store.activate(newer)
    line.products.refresh()
    line.after_prepare(2)  # the thread has done what was asked before
    assert line.products.get(1).inspector.bundle.digest == newer != before
    assert "product 1 (bar 1) switched to bundle" in caplog.text
    (store.folder / "state.json").write_text("rot")
    assert line.after_prepare(1) == (1, None)
    assert line.products.get(1).inspector.bundle.digest == newer
    assert "the bundle stays" in caplog.text


def test_a_refresh_takes_a_threshold_that_was_changed_on_the_device(line, caplog):
    caplog.set_level("INFO")
    line.after_prepare(1)
    bundle, frame = line.products.get(1).inspector.bundle, draw_small(102)
    assert line.products.get(1).inspect(frame).verdict.value == "GOOD"
    lowest = bundle.manifest.threshold_range.lowest
    write_device(bundle, DeviceSettings(bundle=bundle.digest, threshold=lowest, pixel_threshold=lowest))
    line.products.refresh()
    line.after_prepare(2)  # the thread has done what was asked before
    assert line.products.get(1).inspect(frame).verdict.value == "DEFECT"
    assert "has new settings for bundle" in caplog.text


def test_nothing_waits_for_a_bundle_that_is_being_loaded(line, monkeypatch):
    line.after_prepare(1)
    began, go_on = threading.Event(), threading.Event()
    load = Store.load

    def slow(self, **options):
        began.set()
        assert go_on.wait(60)
        return load(self, **options)

    monkeypatch.setattr(Store, "load", slow)
    line.products.prepare(2)
    assert began.wait(60)
    line.products.refresh()
    assert line.products.get(1).inspect(draw_small(100)).verdict.value == "GOOD"
    assert line.products.get(2) is None
    go_on.set()
    assert line.told.get(timeout=60) == (2, None)
