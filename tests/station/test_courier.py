"""The thread of a sink that leaves the PC: no pixels wait in it, nothing that fails ends it, and it ends in time."""

import gc
import threading
import weakref

import numpy as np
import pytest

from goodpart_station.message import Messages
from goodpart_station.part import Frame
from goodpart_station.ring.keeping import RingConfig, why_kept
from goodpart_station.sinks.courier import MAILBOX_RESULTS, Courier, without_pixels
from goodpart_station.sinks.jsonl import JsonlSink
from small_answers import BOOT, answer
from small_broker import await_that


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((90, 70, 3), np.uint8),
        np.zeros((90, 70), np.uint16),
        np.empty((0, 0), np.uint8),
        np.zeros((90, 70, 3), np.float32),
        np.zeros(5, np.uint8),
        np.array(3, np.uint8),
    ],
)
def test_one_pixel_tells_the_ring_what_all_of_them_would(pixels):
    result = answer(1, 9.0, frame=Frame(pixels, 5, camera_frame=7, name="a.png"))
    light = without_pixels(result)
    config = RingConfig(random_rate=0.0)
    assert why_kept(light, "boot", config) == why_kept(result, "boot", config)
    assert np.asarray(light.frame.pixels).nbytes <= 12
    assert (light.frame.at_ns, light.frame.camera_frame, light.frame.name) == (5, 7, "a.png")
    assert np.shares_memory(light.frame.pixels, pixels) is False
    for name in ("part", "verdict", "inspection", "late", "ms", "at", "bundle", "serial", "detail", "product"):
        assert getattr(light, name) is getattr(result, name)


def test_a_result_without_a_frame_stays_as_it_is():
    result = answer(1, None, frame=None)
    assert without_pixels(result) is result


def test_a_full_mailbox_drops_the_oldest():
    found = []
    courier = Courier("test", found.append)
    for seq in range(1, MAILBOX_RESULTS + 11):
        courier.put(answer(seq))
    assert courier.dropped == 10
    courier.start()
    await_that(lambda: not courier.waiting)
    assert courier.close()
    assert [each.part.seq for each in found] == list(range(11, MAILBOX_RESULTS + 11))


def test_what_fails_is_told_once_and_counts_as_a_drop(caplog):
    found = []

    def handle(result):
        if result.part.seq < 3:
            raise ValueError("no such thing")
        found.append(result.part.seq)

    courier = Courier("test", handle)
    courier.start()
    for seq in (1, 2, 3):
        courier.put(answer(seq))
    await_that(lambda: found == [3])
    assert courier.close()
    assert courier.dropped == 2
    assert caplog.text.count("could not be handled") == 1


def test_it_takes_what_waits_before_it_ends():
    found = []
    courier = Courier("test", found.append)
    for seq in range(1, 101):
        courier.put(answer(seq))
    courier.start()
    assert courier.close()
    assert len(found) == 100


def test_one_that_hangs_is_left_behind():
    hangs = threading.Event()
    courier = Courier("test", lambda result: hangs.wait())
    courier.put(answer(1))
    courier.start()
    assert not courier.close(within_s=0.01)
    hangs.set()
    assert courier.close()


def test_it_looks_up_also_when_nothing_comes():
    looked = threading.Event()
    courier = Courier("test", lambda result: None, idle=looked.set, every_s=0.001)
    courier.start()
    assert looked.wait(30)
    courier.close()


def test_one_that_was_not_started_can_be_closed():
    assert Courier("test", lambda result: None).close()


def test_the_log_keeps_no_pixels_while_the_disk_is_slow(tmp_path):
    log = JsonlSink(tmp_path / "log.jsonl", Messages("line1", BOOT, None))
    result = answer(1)
    pixels = weakref.ref(result.frame.pixels)
    log.put(result)
    del result
    gc.collect()
    assert pixels() is None
