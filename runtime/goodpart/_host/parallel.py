"""Parallel: the same work on many items, several at a time, results in the items' order.

`in_order` is for images, one after the other as they come, and `Workers` for the pieces of one frame.
"""

import collections
import queue
import threading
import weakref
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

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


class Workers:
    """Threads for pieces of work.

    Not those of concurrent.futures: a signal handler that raises where a caller waits may leave a lock taken, and its
    threads then wait for it for ever. With a SimpleQueue that cannot happen.
    """

    def __init__(self, count: int) -> None:
        """Starts `count` threads."""
        self._todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # without `close` they end with this object, and the interpreter's end waits for none of them
        self._end = weakref.finalize(self, self._todo.put, None)
        named = [f"goodpart-{number}" for number in range(count)]
        self._threads = [threading.Thread(target=_work, args=(self._todo,), name=name, daemon=True) for name in named]
        for thread in self._threads:
            thread.start()

    def map(self, call: Callable[[Any], Any], pieces: list[Any]) -> list[Any]:
        """What `call` returns for each piece, in order. The first error that it raises is raised here."""
        done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        found: list[Any] = [None] * len(pieces)
        for index, piece in enumerate(pieces):
            self._todo.put((call, piece, index, found, done))
        for _ in pieces:
            if (error := done.get()) is not None:
                raise error
        return found

    def close(self) -> None:
        """Ends the threads and waits for them; nothing can be called any more."""
        self._end()
        for thread in self._threads:
            thread.join()


def _work(todo: "queue.SimpleQueue[Any]") -> None:
    while (task := todo.get()) is not None:
        _do(*task)
        del task  # while it waits, a thread keeps nothing alive
    todo.put(None)  # for the next one


def _do(call: Callable[[Any], Any], piece: Any, index: int, found: list[Any], done: "queue.SimpleQueue[Any]") -> None:
    try:
        found[index] = call(piece)
        done.put(None)
    except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
        done.put(error)
