"""Results as JSON lines in files of bounded size."""

import json
import logging
import os
from pathlib import Path

from goodpart.errors import UsageError
from goodpart_station.message import Messages
from goodpart_station.part import Result
from goodpart_station.sinks.courier import without_pixels
from goodpart_station.sinks.worker import Worker

RESULTS = 1000
"""How many results wait for the disk, at most."""

MAX_BYTES = 100_000_000
KEEP = 10

_LOG = logging.getLogger("goodpart_station.jsonl")
_LEAST_BYTES = 10_000
_PIECE_BYTES = 1 << 16


class JsonlSink:
    """Appends one line for each result: LOG is the newest file, LOG.1 the one before, and so on.

    A reader never finds half a line that stays: a write that the disk breaks off is taken back, and a line that a kill
    broke off is completed or taken back at the next start.
    """

    name = "jsonl"

    def __init__(
        self, path: Path, messages: Messages, *, max_bytes: int = MAX_BYTES, keep: int = KEEP, size: int = RESULTS
    ) -> None:
        """Touches no disk.

        Args:
            path: the newest file.
            messages: makes the lines.
            max_bytes: a file that would become larger is set aside, at least 10,000.
            keep: how many files that were set aside stay, at least 0.
            size: how many results wait for the disk, at most.

        Raises:
            UsageError: a number is out of its range.
        """
        if max_bytes < _LEAST_BYTES:
            raise UsageError(f"max_bytes: expected at least {_LEAST_BYTES}, found {max_bytes}")
        if keep < 0:
            raise UsageError(f"keep: expected 0 or more files, found {keep}")
        self._path, self._messages, self._max_bytes, self._keep = path, messages, max_bytes, keep
        self._worker = Worker(self.name, size, self._append, finish=self._shut)
        self._handle: int | None = None
        self._size = 0
        self._lost = self._told = 0
        self._complained = False

    @property
    def dropped(self) -> int:
        """How many results are in no line."""
        return self._worker.dropped + self._lost

    def put(self, result: Result) -> None:
        """Hands a result over, without waiting."""
        self._worker.put(without_pixels(result))

    def start(self) -> None:
        """Mends the last line of an earlier run, and starts the thread.

        Raises:
            UsageError: the file is none, or its place cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.exists() and not self._path.is_file():
                raise UsageError(f"{self._path}: expected a file for the log, found a folder, pipe or device")
            self._open()
        except PermissionError as error:
            raise UsageError(f"{self._path}: expected a place that can be written, found {error.strerror}") from error
        except OSError as error:
            self._complain(error)
        self._worker.start()

    def close(self) -> None:
        """Writes what still waits for at most two seconds, and ends."""
        self._worker.close()

    def _append(self, result: Result) -> None:
        dropped = self.dropped
        line = self._messages.line(result, dropped=dropped - self._told) + b"\n"
        try:
            if self._handle is not None and self._size and self._size + len(line) > self._max_bytes:
                self._rotate()
            self._write(line)
        except OSError as error:
            self._lost += 1
            self._complain(error)
            return
        self._told = dropped
        if self._complained:
            _LOG.warning("%s: results are written again; %d are in no line", self._path, self.dropped)
            self._complained = False

    def _write(self, line: bytes) -> None:
        if self._handle is None:
            self._open()
        assert self._handle is not None  # noqa: S101 - just opened
        written = 0
        try:
            while written < len(line):
                written += os.write(self._handle, line[written:])
        except OSError:
            try:
                os.ftruncate(self._handle, self._size)
            except OSError:
                # whoever opens it next takes the piece away
                self._shut()
            raise
        self._size += len(line)

    def _open(self) -> None:
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            self._size = _mend(handle)
        except OSError:
            os.close(handle)
            raise
        self._handle = handle

    def _rotate(self) -> None:
        self._shut()
        kept = [self._path.with_name(f"{self._path.name}.{number}") for number in range(1, self._keep + 1)]
        names = [self._path, *kept]
        # a kill between two renames leaves a number free; nothing has to go then
        free = next((number for number, path in enumerate(names) if not path.exists()), self._keep)
        names[free].unlink(missing_ok=True)
        for number in range(free, 0, -1):
            names[number - 1].replace(names[number])

    def _shut(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            _LOG.error("%s: results are not written: %s; make room or mend the disk", self._path, error.strerror)
        self._complained = True


def _mend(handle: int) -> int:
    """Completes or takes back a last line that has no end; returns the size of the file in bytes.

    Raises:
        OSError: the disk does not take the change.
    """
    size = os.fstat(handle).st_size
    tail, start = b"", size
    while start > 0 and b"\n" not in tail:
        piece = min(_PIECE_BYTES, start)
        start -= piece
        tail = os.pread(handle, piece, start) + tail
    torn = tail.rpartition(b"\n")[2]
    if not torn:
        return size
    if _is_whole(torn):
        return size + os.write(handle, b"\n")
    os.ftruncate(handle, size - len(torn))
    return size - len(torn)


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
