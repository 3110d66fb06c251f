"""A running Inspector goes over to another bundle, and no frame is dropped or judged by parts of both."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from goodpart.errors import BundleError, UsageError
from goodpart.inspector import Inspector
from goodpart.store.live import LiveInspector
from native_threads import native_threads, settled
from small_frames import draw_small


def test_it_goes_over_when_asked_and_only_if_there_is_another(store, newer):
    with LiveInspector(store) as live:
        before = live.inspect(draw_small(100)).score
        assert live.refresh() is False
        store.activate(store.add(newer).digest)
        assert live.inspect(draw_small(100)).score == before
        assert live.refresh() is True
        assert live.inspector.bundle.manifest.serial == 8
        assert live.inspect(draw_small(100)).score == Inspector.load(newer).inspect(draw_small(100)).score != before
    with pytest.raises(UsageError, match="closed"):
        live.inspect(draw_small(100))


@pytest.mark.parametrize("threads", [1, 2])
def test_no_frame_is_dropped_while_bundles_change(store, older, newer, threads):
    frame, digests = draw_small(100), [store.add(older).digest, store.add(newer).digest]
    possible = {Inspector.load(bundle).inspect(frame).score for bundle in (older, newer)}
    assert len(possible) == 2
    done, scores = threading.Event(), []

    def judge() -> None:
        while not done.is_set():
            scores.append(live.inspect(frame).score)

    with LiveInspector(store, threads=threads) as live, ThreadPoolExecutor(2) as pool:
        judging = [pool.submit(judge) for _ in range(2)]
        for change in range(2):
            store.activate(digests[(change + 1) % 2])
            assert live.refresh() is True
        done.set()
        for future in judging:
            future.result()
    assert set(scores) == possible


def test_a_bundle_that_fails_leaves_the_old_one_judging(store, newer):
    live = LiveInspector(store)
    digest = store.add(newer).digest
    store.activate(digest)
    path = Path(store.path(digest), "backbone.onnx")
    path.chmod(0o644)
    path.write_bytes(b"rot")
    before = live.inspector.bundle.digest
    assert live.refresh() is False  # the store went back to the one that judges
    assert live.inspector.bundle.digest == before
    assert "backbone.onnx" in store.state.fallback
    store.activate(store.add(newer).digest)
    (store.folder / "state.json").write_text("{}")
    with pytest.raises(BundleError):
        live.refresh()
    assert live.inspect(draw_small(100)).verdict.value == "GOOD"


def test_the_threads_of_an_old_bundle_end(store, newer):
    others = set(threading.enumerate())
    live = LiveInspector(store, threads=2)
    live.inspect(draw_small(100, defect=True))
    threads = native_threads()
    for digest in [store.add(newer).digest, store.state.active] * 3:
        old = set(threading.enumerate()) - others
        assert old
        store.activate(digest)
        assert live.refresh()
        for thread in old:
            thread.join(60)
            assert not thread.is_alive()
        live.inspect(draw_small(100, defect=True))
        assert settled(threads) <= threads
    live.close()
