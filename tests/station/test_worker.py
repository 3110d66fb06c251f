"""The thread of a sink: it ends in time whatever its work does."""

import threading

import pytest

from goodpart_station.sinks import worker
from goodpart_station.sinks.worker import Worker
from small_answers import good


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(worker, "_PATIENCE_S", 0.02)
    monkeypatch.setattr(worker, "_LAST_S", 0.02)


def test_results_come_in_order_and_the_end_is_told():
    seen = []
    made = Worker("test", 100, lambda result: seen.append(result.part.seq), finish=lambda: seen.append("end"))
    for seq in range(1, 6):
        made.put(good(seq))
    made.start()
    made.close()
    assert (seen, made.dropped) == ([1, 2, 3, 4, 5, "end"], 0)
    made.close()


def test_what_is_left_after_the_patience_is_dropped_and_a_call_that_hangs_is_left_behind(impatient):
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    seen = []

    def handle(result):
        seen.append(result.part.seq)
        begun.set()
        assert go_on.wait(30)

    made = Worker("test", 100, handle, finish=ended.set)
    made.start()
    for seq in range(1, 6):
        made.put(good(seq))
    assert begun.wait(30)
    made.close()
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(30)
    assert (seen, made.dropped) == ([1], 4)


def test_a_failure_is_told_once_and_ends_nothing(caplog):
    def handle(result):
        if result.part.seq < 4:
            raise ZeroDivisionError

    made = Worker("test", 100, handle)
    made.start()
    for seq in range(1, 6):
        made.put(good(seq))
    made.close()
    assert made.dropped == 3
    assert len(caplog.records) == 1
