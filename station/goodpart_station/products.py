"""Products: from the number that a PLC says to the Inspector that judges. A thread of its own loads them."""

import logging
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from goodpart import GoodpartError, LiveInspector, Store

_log = logging.getLogger(__name__)

_CLOSE_WAIT_S = 1.0
"""How long `close` waits for a bundle that is just being loaded. Its self-test may take minutes."""


class ProductFacts(Protocol):
    """What the configuration says about a product."""

    @property
    def number(self) -> int:
        """What a PLC calls it, 1 to 65535."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def preload(self) -> bool:
        """Whether it is loaded at the start, and stays in memory."""


class Products:
    """The products of one station, by number, and the Inspectors of those that are loaded.

    `get`, `prepare` and `refresh` return at once, whatever is being loaded. The product that is judged now, those that
    the configuration preloads, and the one that was prepared last stay in memory.
    """

    def __init__(
        self,
        products: Mapping[int, ProductFacts],
        store_of: Callable[[int], Store],
        *,
        threads: int | None,
        ready: Callable[[int], None],
        failed: Callable[[int, str], None],
    ) -> None:
        """Loads nothing yet.

        Args:
            products: what the configuration says, by number.
            store_of: opens the store of a product.
            threads: for one frame, as in `LiveInspector`.
            ready, failed: told when `prepare` has ended, in the thread that loads; `failed` gets the reason too.
        """
        self._products, self._store_of, self._threads = products, store_of, threads
        self._ready, self._failed = ready, failed
        self._loaded: dict[int, LiveInspector] = {}
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="products", daemon=True)
        self._current = 0

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all products, in the order of the configuration."""
        return tuple(self._products)

    def name(self, number: int) -> str:
        """The name of a product, or "" if there is none of this number."""
        return self._products[number].name if number in self._products else ""

    def get(self, number: int) -> LiveInspector | None:
        """The Inspector of a product if it is loaded. It never waits."""
        return self._loaded.get(number)

    def start(self) -> None:
        """Starts the thread. It loads what the configuration preloads while nothing else is asked for."""
        self._thread.start()

    def prepare(self, number: int) -> None:
        """Has a product loaded, or its newly activated bundle; `ready` or `failed` is told."""
        self._work.put(lambda: self._prepare(number))

    def refresh(self) -> None:
        """Takes newly activated bundles and changed settings of all loaded products; the old ones judge meanwhile."""
        self._work.put(self._refresh)

    def close(self) -> None:
        """Frees the memory; it does not wait for a bundle that is being loaded."""
        self._closing.set()
        self._work.put(None)
        if self._thread.is_alive():
            self._thread.join(_CLOSE_WAIT_S)
        for live in list(self._loaded.values()):
            live.close()

    def _run(self) -> None:
        left = [number for number, product in self._products.items() if product.preload]
        while not self._closing.is_set():
            try:
                work = self._work.get(block=not left)
            except queue.Empty:
                self._preload(left.pop(0))
                continue
            if work is None:
                return
            work()

    def _preload(self, number: int) -> None:
        if number not in self._loaded and (why := self._load(number)) is not None:
            _log.warning("product %d (%s) is not loaded: %s", number, self.name(number), why)

    def _prepare(self, number: int) -> None:
        if number not in self._products:
            self._failed(number, f"[[product]]: expected one with number {number}, found none; add it to the file")
            return
        self._let_go(number)
        if number in self._loaded:
            self._refresh_one(number)
        elif (why := self._load(number)) is not None:
            self._failed(number, why)
            return
        self._current = number
        self._ready(number)

    def _load(self, number: int) -> str | None:
        """Loads a product; returns why it cannot be judged, or None."""
        try:
            live = LiveInspector(self._store_of(number), threads=self._threads)
        except GoodpartError as error:
            return str(error)
        except MemoryError:
            return f"{self.name(number)}: expected memory for its bundle, found none left; preload fewer products"
        except Exception as error:  # noqa: BLE001 - without this thread every change-over would wait for ever
            _log.exception("product %d (%s) is not loaded", number, self.name(number))
            return f"{self.name(number)}: expected a bundle that can be loaded, found {error!r}; the journal has more"
        if self._closing.is_set():
            live.close()
        self._loaded[number] = live
        bundle = live.inspector.bundle
        _log.info("product %d (%s): bundle %s, serial %d", number, self.name(number), bundle.digest, _serial(live))
        return None

    def _let_go(self, wanted: int) -> None:
        """Frees what is neither judged now, nor wanted next, nor to be kept: before the next one takes memory."""
        for number in [*self._loaded]:
            if number not in (wanted, self._current) and not self._products[number].preload:
                self._loaded.pop(number).close()

    def _refresh(self) -> None:
        for number in [*self._loaded]:
            self._refresh_one(number)

    def _refresh_one(self, number: int) -> None:
        live = self._loaded[number]
        try:
            switched = live.refresh()
            changed = switched or live.reload_settings()
        except (GoodpartError, MemoryError) as error:
            _log.warning("product %d (%s): the bundle stays: %s", number, self.name(number), error)
            return
        except Exception:  # noqa: BLE001 - as in `_load`
            _log.exception("product %d (%s): the bundle stays", number, self.name(number))
            return
        what = "switched to" if switched else "has new settings for" if changed else "stays with"
        _log.info("product %d (%s) %s bundle %s", number, self.name(number), what, live.inspector.bundle.digest)


def _serial(live: LiveInspector) -> int:
    return live.inspector.bundle.manifest.serial
