"""An Inspector's life: many threads at once, closing in the midst of it, and nothing left afterwards."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from goodpart.bank.graph import Graph
from goodpart.bank.search import Bank
from goodpart.errors import FrameError, UsageError
from goodpart.facts.manifest import SearchMethod
from goodpart.inspector import Inspector
from goodpart.scoring.inspection import Verdict
from native_threads import native_threads, settled
from small_frames import draw_small

FRAMES = [draw_small(200 + number, defect=number % 3 == 0) for number in range(50)]
WAYS = [(search, threads) for search in SearchMethod for threads in (1, 2)]


class Held(np.ndarray):
    """A frame whose first reader waits until it is let go."""

    def __array_finalize__(self, _):
        self.entered, self.go_on = threading.Event(), threading.Event()

    @property
    def dtype(self):
        self.entered.set()
        assert self.go_on.wait(60)
        return super().dtype


class Broken(np.ndarray):
    """A frame that cannot be read, by no fault of goodpart's."""

    @property
    def dtype(self):
        raise LookupError("the camera's driver has unmapped it")


def load(bundle, search, threads) -> Inspector:
    """The bundle, searched the one way or the other."""
    made = Inspector.load(bundle, threads=threads)
    profile = made.backbone.spec.profile
    vectors, projection = made.bundle.read_bank()
    path = bundle / "bank.hnsw"
    graph = Graph.load(path, vectors=vectors, projection=projection, index=profile.index, threads=threads)
    bank = Bank(vectors, graph, neighbours=profile.neighbours, candidates=4, search=search, threads=threads)
    made.bank.close()
    made.bank = bank
    return made


def results(inspector, frames=FRAMES):
    """All that a frame gives, as bits."""
    found = map(inspector.inspect, frames)
    return [(one.verdict, one.score, one.p_value, one.grid.tobytes(), one.recomputed_patches) for one in found]


@pytest.mark.parametrize(("search", "threads"), WAYS)
def test_eight_threads_get_the_bits_of_one(older, search, threads):
    with load(older, search, threads) as inspector, ThreadPoolExecutor(8) as pool:
        alone = results(inspector)
        assert {verdict for verdict, *_ in alone} == {Verdict.GOOD, Verdict.DEFECT}
        start = threading.Barrier(8)

        def judge(turned: int):
            # each thread in an order of its own, so that different frames are under way together
            frames = FRAMES[turned:] + FRAMES[:turned]
            start.wait(60)
            return [results(inspector, frames) for _ in range(3)]

        for turned, found in enumerate(pool.map(judge, range(8))):
            assert found == [alone[turned:] + alone[:turned]] * 3


def test_an_exception_in_one_thread_does_not_disturb_the_others(older):
    broken = FRAMES[0].view(Broken)
    with load(older, SearchMethod.EXACT, 2) as inspector, ThreadPoolExecutor(4) as pool:
        alone = results(inspector)

        def fail(frame, error):
            for _ in range(100):
                with pytest.raises(error):
                    inspector.inspect(frame)

        judging = [pool.submit(results, inspector) for _ in range(2)]
        failing = [pool.submit(fail, broken, LookupError), pool.submit(fail, FRAMES[0][:0], FrameError)]
        assert [future.result() for future in judging] == [alone] * 2
        assert [future.result() for future in failing] == [None] * 2


def test_closing_twice_is_fine_and_no_frame_comes_in_afterwards(older):
    with Inspector.load(older, threads=2) as inspector:
        inspector.inspect(FRAMES[0])
        inspector.close()
        inspector.close()
        with pytest.raises(UsageError, match="found a closed one; load the bundle again"):
            inspector.inspect(FRAMES[0])
    with pytest.raises(UsageError, match="closed"):
        inspector.self_test()


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_closing_ends_all_threads_and_gives_the_memory_back(older, threads):
    with Inspector.load(older, threads=threads):
        pass  # what numpy and onnxruntime start once and keep
    gc.collect()
    python, native = set(threading.enumerate()), native_threads()
    with load(older, SearchMethod.EXACT, threads) as inspector:
        results(inspector)
        if threads > 1:
            assert set(threading.enumerate()) > python
            assert native_threads() > native
        vectors = weakref.ref(inspector.bank.vectors)
    assert set(threading.enumerate()) == python
    assert settled(native) <= native
    assert inspector.bank.vectors.shape == (0, 8)
    assert vectors() is None


def test_an_inspector_that_is_dropped_needs_no_garbage_collector(older):
    """A line that swaps bundles makes little garbage: the old bank would stay for long."""
    others = set(threading.enumerate())
    inspector = load(older, SearchMethod.EXACT, 2)
    results(inspector)
    vectors, own = weakref.ref(inspector.bank.vectors), set(threading.enumerate()) - others
    assert own
    gc.disable()
    try:
        del inspector
        for thread in own:
            thread.join(60)
            assert not thread.is_alive()
        assert vectors() is None
    finally:
        gc.enable()


def test_a_frame_in_hand_gets_its_verdict_while_another_thread_closes(older):
    inspector = Inspector.load(older, threads=2)
    expected = inspector.inspect(FRAMES[3])
    held = [FRAMES[3].view(Held), FRAMES[3].view(Held)]
    with ThreadPoolExecutor(2) as pool:
        judging = [pool.submit(inspector.inspect, frame) for frame in held]
        for frame in held:
            assert frame.entered.wait(60)
        inspector.close()
        with pytest.raises(UsageError, match="closed"):
            inspector.inspect(FRAMES[3])
        for frame, future in zip(held, judging, strict=True):
            assert len(inspector.bank.vectors) == 300
            frame.go_on.set()
            found = future.result()
            assert (found.verdict, found.score) == (expected.verdict, expected.score)
            np.testing.assert_array_equal(found.grid, expected.grid)
    assert len(inspector.bank.vectors) == 0  # the last one out has released it


def test_closed_by_many_while_many_inspect(older):
    """Every frame gets its verdict or hears that it is too late, and everything is released once, whoever was last."""
    expected = Inspector.load(older, threads=1).inspect(FRAMES[0]).score
    for _ in range(20):
        inspector = Inspector.load(older, threads=1)
        start = threading.Barrier(8)

        def judge(inspector=inspector, start=start):
            start.wait(60)
            scores = []
            try:
                for _ in range(20):
                    scores.append(inspector.inspect(FRAMES[0]).score)
            except UsageError as error:
                assert "closed" in str(error)
            return set(scores)

        def close(inspector=inspector, start=start):
            start.wait(60)
            inspector.close()
            return set()

        with ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(call) for call in [judge, close] * 4]
            assert set().union(*(future.result() for future in futures)) <= {expected}
        assert len(inspector.bank.vectors) == 0


def test_an_error_that_somebody_keeps_does_not_keep_the_inspector_open(older):
    inspector = Inspector.load(older)
    with pytest.raises(FrameError) as kept:
        inspector.inspect(None)
    with pytest.raises(LookupError) as kept_too:
        inspector.inspect(FRAMES[0].view(Broken))
    inspector.close()
    assert len(inspector.bank.vectors) == 0
    assert kept.value.__traceback__ is not None
    assert kept_too.value.__traceback__ is not None


def test_loading_and_closing_again_and_again_leaves_nothing_behind(older):
    with Inspector.load(older, threads=2) as inspector:
        inspector.inspect(FRAMES[0])
    before, handles = native_threads(), len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(30):
        with Inspector.load(older, threads=2) as inspector:
            inspector.inspect(FRAMES[0])
    assert settled(before) <= before
    assert len(list(Path("/proc/self/fd").iterdir())) <= handles
