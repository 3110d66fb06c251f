"""Products: what nobody expected while a bundle is loaded is said, and the thread loads the next one."""

import queue

import pytest

from goodpart.store.live import LiveInspector
from goodpart.store.store import Store
from goodpart_station.products import Products
from station_parts import Bar, small_store


@pytest.fixture
def told():
    return queue.SimpleQueue()


@pytest.fixture
def products(tmp_path, told, monkeypatch):
    monkeypatch.setattr("goodpart.store.store.try_bundle", lambda folder, limits: None)
    for number in (1, 2):
        small_store(tmp_path / str(number))
    products = Products(
        {number: Bar(number) for number in (1, 2)},
        lambda number: Store(tmp_path / str(number)),
        threads=1,
        ready=lambda number: told.put((number, None)),
        failed=lambda number, why: told.put((number, why)),
    )
    products.start()
    yield products
    products.close()


def test_a_bundle_that_fails_in_an_unexpected_way_is_a_failed_product(products, told, monkeypatch, caplog):
    def fail(self, **options):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "load", fail)
        products.prepare(1)
        number, why = told.get(timeout=60)
    assert number == 1
    assert "Input/output error" in why
    products.prepare(1)
    assert told.get(timeout=60) == (1, None)
    assert "Traceback" in caplog.text


def test_a_refresh_that_fails_in_an_unexpected_way_keeps_the_bundle(products, told, monkeypatch, caplog):
    products.prepare(1)
    assert told.get(timeout=60) == (1, None)

    def fail(self):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(LiveInspector, "refresh", fail)
        products.prepare(1)
        assert told.get(timeout=60) == (1, None)
    assert "the bundle stays" in caplog.text
    products.prepare(2)
    assert told.get(timeout=60) == (2, None)


def test_a_bundle_that_is_loaded_while_all_are_closed_spoils_nothing(products, told, monkeypatch):
    products.prepare(1)
    assert told.get(timeout=60) == (1, None)
    live, close, closed = products.get(1), LiveInspector.close, []

    def slow(self):
        # as the thread that loads does, when its bundle comes just now
        products._loaded[2] = live
        closed.append(self)
        close(self)

    monkeypatch.setattr(LiveInspector, "close", slow)
    products.close()
    assert closed == [live]
