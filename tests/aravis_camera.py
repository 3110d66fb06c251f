"""Aravis' fake GigE Vision camera as a process that tests kill and stop; `aravis_fake` has its pictures."""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType

import pytest

import peers
from aravis_fake import ADDRESS, SERIAL
from goodpart.errors import MissingExtraError
from goodpart_station.sources.aravis_library import load

_LOCK = Path(tempfile.gettempdir()) / "goodpart-aravis-camera.lock"
_PROGRAM = Path(__file__).with_name("aravis_fake.py")


class FakeCamera:
    """The process. Only one is alive on a machine, whoever runs tests on it: the port is the machine's."""

    def __init__(self, *options: str) -> None:
        """Starts nothing yet.

        Args:
            options: of `arv-fake-gv-camera-0.8`, to run that in the place of the one with drawn bars.
        """
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "FakeCamera":
        """Starts it, or skips."""
        try:
            load()
        except MissingExtraError as error:
            pytest.skip(f"missing: {error}")
        self._lock = _LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kills it."""
        self.kill()
        self._lock.close()

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        program = peers.program("arv-fake-gv-camera-0.8", "aravis-tools")
        command = (
            [program, "-i", ADDRESS, "-s", SERIAL, *self._options] if self._options else [sys.executable, str(_PROGRAM)]
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
        _wait_for_answer()

    def kill(self) -> None:
        """SIGKILL, as a camera whose power fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        """SIGSTOP, as a camera whose firmware hangs, or whose network is cut."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


def _wait_for_answer(within_s: float = 60.0) -> None:
    """Asks for the first register until somebody answers, as the protocol has it (GVCP, READREG)."""
    end_s = time.monotonic() + within_s
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        while True:
            assert time.monotonic() < end_s, "the fake camera does not answer"
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                asking.sendto(bytes.fromhex("42 01 00 80 00 04 00 01 00 00 00 00"), (ADDRESS, 3956))
                asking.recv(100)
                return
