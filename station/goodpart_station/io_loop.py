"""The event loop: links and page live in it, deadlines come out of it, and it tells systemd that the station lives."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence

from goodpart_station.codes import Bits, State
from goodpart_station.engine import LOOP, Engine
from goodpart_station.line import Link
from goodpart_station.notify import notify
from goodpart_station.part import Status

_BEAT_S = 0.1
"""How often the heartbeat counts."""

_JOIN_S = 5.0
"""How long the end waits for links, each of which ends within a second."""

_STANDING = (State.OUT_OF_STEP, State.FAULT)
"""States that somebody has to end."""

_log = logging.getLogger(__name__)


class IoLoop:
    """A thread with one asyncio loop. Nothing in it may wait but by `await`."""

    def __init__(
        self,
        engine: Engine,
        links: Sequence[Link],
        *,
        bits: Callable[[], Bits],
        source_timeout_s: float,
        silence_s: float,
        watchdog_s: float | None,
        awaits_product: bool,
    ) -> None:
        """Opens nothing yet.

        Args:
            engine: whose time it keeps.
            links: servers that live in the loop, opened in this order.
            bits: what links and sinks want known.
            source_timeout_s: a source that has shown no life for so long is lost.
            silence_s: the PLC's heartbeat rests while source or judge have shown no life for so long.
            awaits_product: whether a product is being loaded, so that the station is not ready before it is.
            watchdog_s: after how many seconds of silence systemd ends the process, None if it does not.
        """
        self._engine, self._links, self._bits = engine, links, bits
        self._source_timeout_s, self._silence_s, self._watchdog_s = source_timeout_s, silence_s, watchdog_s
        self._loop = asyncio.new_event_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._opened, self._ending = threading.Event(), asyncio.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=LOOP, daemon=True)
        self._told: tuple[State, str] | None = None
        self._is_ready, self._awaits_product = False, awaits_product
        self._dog_fed_s = 0.0

    def start(self) -> None:
        """Runs the loop and opens the links.

        Raises:
            UsageError: a link cannot be opened, such as on an address that is taken.
        """
        self._engine.loop = self
        self._thread.start()
        self._opened.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure

    def wake(self) -> None:
        """The conductor wants to be told the time earlier than it said before; any thread may call it."""
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._set_timer)

    def close(self) -> None:
        """Closes the links and ends the loop."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._live())
        except BaseException as error:  # noqa: BLE001 - without the loop nobody hears the station: it has to end
            self._failure = error
            self._engine.stop(error)
        finally:
            self._loop.close()
            self._opened.set()

    async def _live(self) -> None:
        opened: list[Link] = []
        try:
            for link in self._links:
                await link.open()
                opened.append(link)
            # source and judge start after the links, which may take seconds to open
            self._engine.life.begin()
            self._opened.set()
            while not self._ending.is_set():
                self._beat()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ending.wait(), _BEAT_S)
        finally:
            for link in reversed(opened):
                await link.close()

    def _beat(self) -> None:
        self._engine.life.beat(LOOP)
        self._engine.feed.watch(self._source_timeout_s)
        self._engine.beat(self._bits(), alive=not self._engine.life.silent(self._silence_s))
        self._set_timer()
        status = self._engine.status()
        self._tell(status)
        if self._watchdog_s is None or time.monotonic() < self._dog_fed_s + self._watchdog_s / 4:
            return
        if silent := self._engine.life.silent(self._watchdog_s / 2):
            _log.critical("no life from %s: systemd is told nothing more", " and ".join(silent))
        else:
            notify("WATCHDOG=1")
        self._dog_fed_s = time.monotonic()

    def _tell(self, status: Status) -> None:
        """One line for each change of state, to the journal and to systemd."""
        state = State.READY if status.state is State.BUSY else status.state
        if self._told == (state, status.why):
            return
        loading = state is State.STARTING or (state is State.INITIALIZED and self._awaits_product)
        if not self._is_ready and not loading:
            self._is_ready = True
            # in FAULT too: the page and the PLC say why, and a restart would not mend it
            notify("READY=1")
        self._told = state, status.why
        text = f"{state.name}{f': {status.why}' if status.why else ''}"
        _log.log(logging.WARNING if state in _STANDING else logging.INFO, "%s", text)
        notify(f"STATUS={text}")

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (wakeup_ns := self._engine.wakeup_ns) is not None:
            self._timer = self._loop.call_at(wakeup_ns / 1e9, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._engine.tick()
        self._set_timer()
