"""Damage: whether a decoder has something to say about a file that it decodes nevertheless.

libjpeg, libtiff and OpenJPEG fill what is missing with grey or black and print a line to file descriptor 2, which the
whole process shares. A child process decodes the file as well, and what it prints is about this file alone.
"""

import atexit
import contextlib
import os
import re
import subprocess
import sys
import threading

from goodpart.errors import UsageError

# what a decoder says of a header, while all pixels are there
_HARMLESS = re.compile(
    r"Unknown field with tag|does not end in null byte|tags are not sorted|incorrect count for field"
    r"|unknown JFIF revision|Unknown Adobe color|Invalid SOS parameters for sequential|iCCP|ICC profile|SRGB is assumed"
)
# OpenCV's own mark in front of a message
_MARK = re.compile(r"^\[[ A-Z]+:\d+@[\d.]+\] global \S+ (?:\S+ )?")


# what one file may take, on a slow device with other work: JPEG 2000 takes about a second per megapixel there
_LEAST_S, _PER_MEGAPIXEL_S = 30.0, 3.0
_START_S = 120.0


class DecoderCrashError(Exception):
    """A decoder brought its process down."""


class DecoderTimeoutError(Exception):
    """A decoder did not come to an end; the limit in seconds is its only argument."""


class Decoder:
    """A child process that decodes files and says what the decoders print. It starts with the first file."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_hooked = False

    def complaint(self, data: bytes, *, is_jpeg: bool, megapixels: float) -> str | None:
        """The first thing that the decoder says against a file, or None.

        Args:
            data: the file.
            is_jpeg: whether it is a JPEG, which takes less time.
            megapixels: size of the picture by its header, in millions of pixels; it sets the time limit.

        Raises:
            DecoderCrashError: the process died of the file, twice.
            DecoderTimeoutError: the process was still at work when the time was up, and was ended.
            UsageError: no child process can be started.
        """
        self._hook()
        limit_s = limit_of(megapixels)
        with self._lock:
            for _ in range(2):
                process = self._running()
                try:
                    text = _ask(process, data, is_jpeg=is_jpeg, limit_s=limit_s)
                except (OSError, EOFError):
                    self._end()
                except BaseException:
                    # interrupted half-way: the next answer would be about this file
                    self._end()
                    raise
                else:
                    lines = (_MARK.sub("", line).strip() for line in text.splitlines())
                    return next((line for line in lines if line and not _HARMLESS.search(line)), None)
        raise DecoderCrashError

    def close(self) -> None:
        """Ends the child process; another one starts when it is needed."""
        with self._lock:
            self._end()

    def forget(self) -> None:
        """Leaves the child process to the process that this one was forked from."""
        self._lock = threading.Lock()
        if self._process is not None:
            self._process.returncode = 0  # it is not this process's to wait for
            self._process = None

    def _hook(self) -> None:
        """Has the child process ended with this one, and left alone by a fork of it; from the first file on."""
        if self._is_hooked:
            return
        # two threads may both come here: to end and to forget twice does no harm
        atexit.register(self.close)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)
        self._is_hooked = True

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = _start()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def limit_of(megapixels: float) -> float:
    """The longest time that a decoder may take for a picture, in seconds."""
    return _LEAST_S + _PER_MEGAPIXEL_S * megapixels


def _start() -> subprocess.Popen[bytes]:
    # without the current folder on the path, where something else may be called goodpart
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "OPENCV_LOG_LEVEL": "WARNING"}
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "goodpart.frames.decode_child"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # a Ctrl-C is for those who asked
            start_new_session=True,
        )
        # an empty file: nothing is decoded, and everything is imported
        _ask(process, b"", is_jpeg=False, limit_s=_START_S)
    except (OSError, EOFError, DecoderTimeoutError) as error:
        reason: object = error
        if not isinstance(error, OSError):
            said = process.communicate()[1].decode(errors="replace").strip().splitlines()
            reason = said[-1] if said else f"exit code {process.wait()}"
        if isinstance(error, DecoderTimeoutError):
            reason = f"it did not start within {error.args[0]:.0f} s"
        raise UsageError(
            f"{sys.executable}: expected a second Python that checks image files, found none ({reason}); allow this "
            "user more processes and memory"
        ) from error
    return process


def _ask(process: subprocess.Popen[bytes], data: bytes, *, is_jpeg: bool, limit_s: float) -> str:
    """What the decoder says about a file.

    Raises:
        OSError, EOFError: the process is gone.
        DecoderTimeoutError: it was still at work when the time was up; it is gone as well.
    """
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        process.kill()

    # neither a read nor a write of a pipe has a time limit of its own on every system
    watch = threading.Timer(limit_s, end)
    watch.daemon = True
    try:
        watch.start()
    except RuntimeError as error:
        raise UsageError(
            f"{sys.executable}: expected a thread that watches the check of image files, found none ({error}); allow "
            "this user more processes and memory"
        ) from error
    try:
        return _answer(process, data, is_jpeg=is_jpeg)
    except (OSError, EOFError) as error:
        if is_late.is_set():
            raise DecoderTimeoutError(limit_s) from error
        raise
    finally:
        watch.cancel()


def _answer(process: subprocess.Popen[bytes], data: bytes, *, is_jpeg: bool) -> str:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    try:
        process.stdin.write(len(data).to_bytes(8, "big") + bytes([is_jpeg]))
        process.stdin.write(data)
        process.stdin.flush()
    except BrokenPipeError as error:
        raise EOFError from error
    header = process.stdout.read(8)
    text = process.stdout.read(int.from_bytes(header, "big")) if len(header) == 8 else b""
    if len(header) < 8 or len(text) < int.from_bytes(header, "big"):
        raise EOFError
    return text.decode("utf-8", "replace")


DECODER = Decoder()
"""The one child process of this process."""
