"""The control channel of a camera on a network: a thread of its own, because each call may take seconds to fail."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from goodpart_station.sources.source import SourceLostError

_SETTING_UP_S = 10.0
"""How long an answer may take before the camera takes frames: some load a set of settings for seconds."""

_SHARE = 0.75
"""Then a camera is lost after this share of `timeout_s` without an answer: what is left is for noticing it."""

_PULSES = 4
"""How many times in `timeout_s` a camera is asked whether it is there."""

_T = TypeVar("_T")


class Control:
    """Calls a camera, one call after the other, and asks it in between whether it is there.

    A library tries for seconds to reach a camera that has gone, and gives one that has gone back just as slowly. Nobody
    waits here for longer than `timeout_s` once parts do.
    """

    def __init__(self, pulse: Callable[[], object], *, timeout_s: float) -> None:
        """Starts the thread.

        Args:
            pulse: asks the camera for something, and raises `SourceLostError` if it is gone.
            timeout_s: how long the camera may be silent before it is lost.
        """
        self._pulse = pulse
        self._limit_s, self._hurried_s = max(_SETTING_UP_S, timeout_s), _SHARE * timeout_s
        self._pulse_s = timeout_s / _PULSES
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._answered_s = time.monotonic()
        self._lost: SourceLostError | None = None
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="camera control", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], _T]) -> _T:
        """Carries out a call.

        Raises:
            SourceLostError: the camera is gone, or has not answered in time.
            Exception: what `work` raises.
        """
        self.alive()
        future: Future[_T] = Future()
        self._calls.put((work, future))
        try:
            return future.result(self._limit_s)
        except TimeoutError:
            raise self._silent() from None

    def hurry(self) -> None:
        """From now on the camera must answer within `timeout_s`: parts wait for it."""
        self._limit_s = self._hurried_s

    def alive(self) -> None:
        """Raises if the camera is gone; it never waits.

        Raises:
            SourceLostError: the camera is gone, or has not answered in time.
        """
        if self._lost is not None:
            raise SourceLostError(str(self._lost))
        if time.monotonic() - self._answered_s > self._limit_s:
            raise self._silent()

    def close(self, last: Callable[[bool], None]) -> None:
        """Ends the thread after a last call. It waits for it unless the camera is gone; it never raises.

        Args:
            last: gets whether the camera is still there.
        """
        if self._is_closing:
            return
        self._is_closing = True
        is_there = self._lost is None and time.monotonic() - self._answered_s <= self._limit_s
        future: Future[None] = Future()
        self._calls.put((lambda: last(is_there and self._lost is None), future))
        self._calls.put(None)
        if is_there:
            self._thread.join(self._limit_s)

    def _run(self) -> None:
        while True:
            call: tuple[Callable[[], Any], Future[Any]] | None
            try:
                call = self._calls.get(timeout=self._pulse_s)
            except queue.Empty:
                self._beat()
                continue
            if call is None:
                return
            self._carry_out(*call)
            # the frame of a call that failed may hold the camera
            del call

    def _carry_out(self, work: Callable[[], Any], future: "Future[Any]") -> None:
        try:
            future.set_result(work())
        except SourceLostError as error:
            self._lost = self._lost or error
            future.set_exception(error)
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
            future.set_exception(error)
            self._answered_s = time.monotonic()
        else:
            self._answered_s = time.monotonic()

    def _beat(self) -> None:
        try:
            self._pulse()
        except SourceLostError as error:
            self._lost = self._lost or error
        except Exception as error:  # noqa: BLE001 - a camera that cannot be asked is no camera
            self._lost = self._lost or SourceLostError(str(error))
        else:
            self._answered_s = time.monotonic()

    def _silent(self) -> SourceLostError:
        if self._lost is None:
            self._lost = SourceLostError(
                f"expected an answer within {self._limit_s:g} s, found none; look at power, cable and network"
            )
        return SourceLostError(str(self._lost))
