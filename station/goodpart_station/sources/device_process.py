"""A camera in a process of its own: a library that crashes or hangs there does not take the station with it."""

import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from goodpart_station.sources.device import FeatureError, Grabbed, Value
from goodpart_station.sources.device_talk import fill, receive, send
from goodpart_station.sources.image_files import NO_PIXELS
from goodpart_station.sources.source import SourceLostError

_ANSWER_S = 5.0
"""How long an answer may take beyond the time that a frame is waited for."""

_OPEN_S = 25.0
"""How long the process may take until the camera is open."""

_END_S = 2.0
"""How long the process may take to give the camera back before it is ended."""


class ProcessDevice:
    """A `Device` behind a socket.

    Attributes:
        model, serial: of the camera.
        pid: of the process.
    """

    def __init__(self, module: str, options: Sequence[str], *, device: str | None) -> None:
        """Starts the process and opens the camera.

        Args:
            module: what it runs, as `python -m` takes it; it gets the number of its socket and `options`.
            options: for the module.
            device: what the station's file says of the camera, or None.

        Raises:
            SourceLostError: the camera cannot be opened.
        """
        self.model = self.serial = ""
        try:
            self._socket, self._process = _started(module, options)
        except OSError as error:
            raise SourceLostError(
                f"expected to start the process that talks to the camera, found none ({error.strerror}); end other "
                f"programs, or allow the station more processes and files"
            ) from error
        self.pid = self._process.pid
        try:
            facts = self._ask("open", device, within_s=_OPEN_S)["value"]
            self.model, self.serial = facts
        except BaseException:
            self.close()
            raise

    def read(self, name: str) -> Value:
        """See `Device`."""
        value: Value = self._ask("read", name)["value"]
        return value

    def write(self, name: str, value: Value) -> None:
        """See `Device`."""
        self._ask("write", name, value)

    def execute(self, name: str) -> None:
        """See `Device`."""
        self._ask("execute", name)

    def start(self) -> None:
        """See `Device`."""
        self._ask("start")

    def stop(self) -> None:
        """See `Device`."""
        self._ask("stop")

    def fetch(self, timeout_s: float) -> Grabbed | None:
        """See `Device`."""
        answer = self._ask("fetch", timeout_s, within_s=timeout_s + _ANSWER_S)
        if answer["value"] is None:
            return None
        pixels = NO_PIXELS
        if answer["shape"]:
            pixels = np.empty(answer["shape"], answer["dtype"])
            try:
                whole = fill(self._socket, pixels.data.cast("B"))
            except ConnectionError as error:
                raise self._gone(f"found it ended within a frame{self._how()}") from error
            except OSError as error:
                raise self._gone("found no end of a frame") from error
            if not whole:
                raise self._gone(f"found it ended within a frame{self._how()}")
        return Grabbed(pixels, *answer["value"])

    def alive(self) -> None:
        """See `Device`."""
        self._ask("alive")

    def close(self) -> None:
        """See `Device`. A process that does not give the camera back in time is ended."""
        # the process ends when its socket has no other side any more
        self._socket.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, what: str, *values: Any, within_s: float = _ANSWER_S) -> dict[str, Any]:
        try:
            self._socket.settimeout(within_s)
            send(self._socket, {"do": what, "with": values})
            answer = receive(self._socket)
        except TimeoutError as error:
            raise self._gone(f"found none to {what} within {within_s:g} s") from error
        except ConnectionError as error:
            # it ended before it had read what was sent
            raise self._gone(f"found it ended{self._how()}") from error
        except OSError as error:
            raise self._gone(f"found none to {what} ({error.strerror or error})") from error
        if answer is None:
            raise self._gone(f"found it ended{self._how()}")
        if (why := answer.get("refused")) is not None:
            raise FeatureError(why)
        if (why := answer.get("lost")) is not None:
            raise SourceLostError(why)
        return answer

    def _gone(self, found: str) -> SourceLostError:
        return SourceLostError(
            f"expected an answer of the process that talks to the camera, {found}; look at the camera, its "
            f"cable and its maker's software: the journal has more"
        )

    def _how(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return ""
        if code >= 0:
            return f" with {code}"
        known = {each.value: each.name for each in signal.Signals}
        return f" by {known.get(-code, f'signal {-code}')}"


def _started(module: str, options: Sequence[str]) -> "tuple[socket.socket, subprocess.Popen[bytes]]":
    """The station's side of a socket, and the process at the other side."""
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            # -P: a file in the folder that the station was started in must not take a module's place
            command = [sys.executable, "-P", "-m", module, str(theirs.fileno()), *options]
            # a session of its own: Ctrl-C ends the station, which still answers the parts in hand
            return ours, subprocess.Popen(  # noqa: S603 - this Python, and a module of this package
                command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2, start_new_session=True
            )
    except BaseException:
        ours.close()
        raise
