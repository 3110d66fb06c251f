"""Parallel: the same work on many items, several at a time, results in the items' order."""

import collections
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    call: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Generator[tuple[Item, Result], None, None]:
    """Calls on `workers` threads and gives every item with its result, in order, as soon as it is there.

    Decoding, onnxruntime and hnswlib let other threads go on meanwhile, so that as many frames as there are cores, one
    thread each, go faster through than one frame on all cores. At most two items per worker are under way or
    waiting to be taken, so memory stays bounded.

    Args:
        call: what to do; must be safe on several threads. What it raises comes out where its item's turn is.
        items: what to do it to.
        workers: threads, at least 1. One means: no threads at all.
    """
    if workers == 1:
        for item in items:
            yield item, call(item)
        return
    waiting: collections.deque[tuple[Item, Future[Result]]] = collections.deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="goodpart")
    try:
        for item in items:
            waiting.append((item, pool.submit(call, item)))
            if len(waiting) >= 2 * workers:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        # interrupted, failed or closed: what has not begun never does
        pool.shutdown(cancel_futures=True)
