"""Signal handlers that raise, or close, in the midst of a frame: the Inspector goes on as if nothing had been."""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from goodpart.errors import UsageError
from goodpart.inspector import Inspector
from small_frames import draw_small

FRAME = draw_small(100, defect=True)


class Interrupt(BaseException):
    """Raised by a signal handler; as KeyboardInterrupt, it is no Exception."""


class Alarmed(np.ndarray):
    """A frame at whose reading a signal arrives."""

    number: signal.Signals

    @property
    def dtype(self):
        signal.raise_signal(self.number)
        return super().dtype


def alarmed(number) -> Alarmed:
    frame = FRAME.view(Alarmed)
    frame.number = number
    return frame


@pytest.fixture
def handle(request):
    """Sets signal handlers for the time of a test."""

    def set_handler(number, handler):
        before = signal.signal(number, handler)
        request.addfinalizer(lambda: signal.signal(number, before))

    return set_handler


def raise_interrupt(number, _):
    raise Interrupt


def interrupted_after(seconds, call):
    """What `call` returns, or None if the alarm was earlier; the alarm may come anywhere, also in this function."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        result = call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Interrupt:
        return None
    return result


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted_anywhere_it_goes_on_with_the_same_scores(older, handle, threads):
    handle(signal.SIGALRM, raise_interrupt)
    inspector = Inspector.load(older, threads=threads)
    expected = inspector.inspect(FRAME)
    interrupts = 0
    while interrupts < 300:
        # from the first steps of a frame to beyond its end
        for seconds in np.geomspace(2e-6, 3e-3, 100):
            found = interrupted_after(seconds, lambda: inspector.inspect(FRAME))
            interrupts += found is None
            if found is not None:
                assert found.score == expected.score
    again = inspector.inspect(FRAME)
    assert again.score == expected.score
    np.testing.assert_array_equal(again.grid, expected.grid)
    # no frame that was thrown out counts as one that is still in
    inspector.close()
    assert len(inspector.bank.vectors) == 0


def test_interrupted_while_other_threads_inspect(older, handle):
    handle(signal.SIGALRM, raise_interrupt)
    inspector = Inspector.load(older, threads=2)
    expected = inspector.inspect(FRAME).score
    done = threading.Event()

    def judge():
        scores = set()
        while not done.is_set():
            scores.add(inspector.inspect(FRAME).score)
        return scores

    with ThreadPoolExecutor(3) as pool:
        judging = [pool.submit(judge) for _ in range(3)]
        for seconds in np.geomspace(2e-6, 1e-2, 100):
            assert interrupted_after(seconds, lambda: inspector.inspect(FRAME).score) in (None, expected)
        done.set()
        assert [future.result() for future in judging] == [{expected}] * 3
    inspector.close()
    assert len(inspector.bank.vectors) == 0


@pytest.mark.parametrize(
    ("number", "handler", "error"),
    [
        (signal.SIGINT, signal.default_int_handler, KeyboardInterrupt),
        (signal.SIGTERM, lambda *_: sys.exit(3), SystemExit),
        (signal.SIGUSR1, raise_interrupt, Interrupt),
    ],
)
def test_what_a_handler_raises_comes_out(older, handle, number, handler, error):
    handle(number, handler)
    with Inspector.load(older, threads=2) as inspector:
        expected = inspector.inspect(FRAME).score
        for _ in range(20):
            with pytest.raises(error):
                inspector.inspect(alarmed(number))
            assert inspector.inspect(FRAME).score == expected
    assert len(inspector.bank.vectors) == 0


def test_a_signal_that_another_thread_sends(older, handle):
    handle(signal.SIGINT, signal.default_int_handler)
    with Inspector.load(older, threads=2) as inspector:
        expected = inspector.inspect(FRAME).score
        for _ in range(20):
            sender = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
            with pytest.raises(KeyboardInterrupt):
                sender.start()
                while True:
                    assert inspector.inspect(FRAME).score == expected
            sender.join()
        assert inspector.inspect(FRAME).score == expected


def test_a_handler_that_only_looks_disturbs_nothing(older, handle):
    seen = []
    handle(signal.SIGALRM, lambda *_: seen.append(inspector.inspect(FRAME).score))
    with Inspector.load(older, threads=2) as inspector:
        expected = inspector.inspect(FRAME).score
        found = []
        while len(seen) < 50:
            signal.setitimer(signal.ITIMER_REAL, 2e-4)
            found.append(inspector.inspect(FRAME).score)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert set(seen) == set(found) == {expected}


def test_a_handler_that_closes_lets_the_frame_in_hand_have_its_verdict(older, handle):
    """As on SIGTERM, in a line's own handler: it runs in the midst of `inspect`, on the same thread."""
    inspector = Inspector.load(older, threads=2)
    expected = inspector.inspect(FRAME).score
    handle(signal.SIGTERM, lambda *_: inspector.close())
    assert inspector.inspect(alarmed(signal.SIGTERM)).score == expected
    assert len(inspector.bank.vectors) == 0
    with pytest.raises(UsageError, match="closed"):
        inspector.inspect(FRAME)


def test_a_handler_that_closes_at_any_moment_never_waits_for_itself(older, handle):
    loaded = []
    handle(signal.SIGALRM, lambda *_: loaded[-1].close())
    expected = Inspector.load(older, threads=1).inspect(FRAME).score
    for seconds in np.geomspace(2e-6, 2e-3, 60):
        loaded.append(Inspector.load(older, threads=1))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            while True:
                assert loaded[-1].inspect(FRAME).score == expected
        except UsageError as error:
            assert "closed" in str(error)
        assert len(loaded[-1].bank.vectors) == 0
