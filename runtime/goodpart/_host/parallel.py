"""Parallel work on many items, with results in the order of the items.

`in_order` is for a stream of images, `Workers` for the pieces of one frame.
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
    """Calls a function on `workers` threads and yields every item with its result, in order.

    Decoding, onnxruntime and hnswlib release the interpreter lock. Several frames at a time on one thread each are
    therefore faster than one frame on all cores. At most two items per worker are under way or waiting to be taken, so
    memory stays bounded.

    Args:
        call: the function; must be safe on several threads. Its error is raised in place of the item's result.
        items: the arguments of the calls.
        workers: threads, at least 1. With 1, the calling thread does the work.
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
        # after an interrupt, an error or an early end, calls that have not begun are cancelled
        pool.shutdown(cancel_futures=True)


class Workers:
    """Threads for pieces of work.

    concurrent.futures is not used: an exception of a signal handler in a waiting caller may leave its lock taken, and
    its threads then wait for ever. A SimpleQueue has no such lock.
    """

    def __init__(self, count: int) -> None:
        """Starts `count` threads."""
        self._todo: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # without `close`, the threads end with this object; the exit of the interpreter does not wait for them
        self._end = weakref.finalize(self, self._todo.put, None)
        named = [f"goodpart-{number}" for number in range(count)]
        self._threads = [threading.Thread(target=_work, args=(self._todo,), name=name, daemon=True) for name in named]
        for thread in self._threads:
            thread.start()

    def map(self, call: Callable[[Any], Any], pieces: list[Any]) -> list[Any]:
        """Returns the results of `call` for all pieces, in order; raises the first error of a call."""
        done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        found: list[Any] = [None] * len(pieces)
        for index, piece in enumerate(pieces):
            self._todo.put((call, piece, index, found, done))
        for _ in pieces:
            if (error := done.get()) is not None:
                raise error
        return found

    def close(self) -> None:
        """Ends the threads and waits for them; no call is possible afterwards."""
        self._end()
        for thread in self._threads:
            thread.join()


def _work(todo: "queue.SimpleQueue[Any]") -> None:
    while (task := todo.get()) is not None:
        _do(*task)
        del task  # a waiting thread must keep nothing alive
    todo.put(None)  # for the next thread


def _do(call: Callable[[Any], Any], piece: Any, index: int, found: list[Any], done: "queue.SimpleQueue[Any]") -> None:
    try:
        found[index] = call(piece)
        done.put(None)
    except BaseException as error:  # noqa: BLE001 - raised again in the waiting caller
        done.put(error)
