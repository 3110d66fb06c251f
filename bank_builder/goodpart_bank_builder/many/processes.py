"""Processes: builds products on this machine, one per process at a time and one thread in each."""

import collections
import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import IO

from goodpart._host.strict_json import from_plain
from goodpart_bank_builder.many.product import reason_of
from goodpart_bank_builder.many.row import Row, State
from goodpart_bank_builder.many.worker import GRACE_S

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""What keeps the libraries below numpy at one thread; the build keeps onnxruntime and hnswlib at one."""


def build_in_processes(rows: Sequence[Row], *, jobs: int) -> Iterator[Row]:
    """Builds products; gives each row when its product is done, in the order of their ends.

    The processes end with the iterator, and with this process, however it ends.

    Args:
        rows: the products, as yet without a bundle.
        jobs: how many processes, at least 1.
    """
    waiting = collections.deque((row, False) for row in rows)
    done: queue.SimpleQueue[Row] = queue.SimpleQueue()
    slots = [_Slot(waiting, done) for _ in range(min(jobs, len(rows)))]
    try:
        for slot in slots:
            slot.start()
        for _ in rows:
            yield done.get()
    finally:
        for slot in slots:
            slot.stop()
        for slot in slots:
            slot.join()


class _Slot:
    """A thread that keeps one worker process busy, and starts another one when it dies."""

    def __init__(self, waiting: "collections.deque[tuple[Row, bool]]", done: "queue.SimpleQueue[Row]") -> None:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._waiting, self._done = waiting, done
        self._process: subprocess.Popen[str] | None = None
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lasts as long as the thread
        self._guard, self._stopped = threading.Lock(), False

    def start(self) -> None:
        """Begins to build."""
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of thread and process; does nothing if it was never started."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped:
            try:
                row, wait = self._waiting.popleft()
            except IndexError:
                break
            try:
                found = self._build(row, wait=wait)
            except Exception as error:  # noqa: BLE001 - whoever waits for the row would wait for ever
                found = row.failed(reason_of(error))
            if found.state is State.OUT_OF_DATE:
                self._waiting.append((row, True))
            elif not self._stopped:
                self._done.put(found)
        self._end()

    def stop(self) -> None:
        """Interrupts the build; returns at once."""
        with self._guard:
            self._stopped = True
            self._hang_up()

    def _build(self, row: Row, *, wait: bool) -> Row:
        with self._guard:
            if self._stopped:
                return row
            if self._process is None:
                self._process = self._launch()
            process = self._process
        try:
            assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
            process.stdin.write(json.dumps({"recipe": row.recipe, "wait": wait}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except (OSError, ValueError):  # a closed pipe
            answer = ""
        if not answer:
            reason = self._death(process)
            with self._guard:
                self._close()
            return row.failed(reason)
        return from_plain(Row, json.loads(answer), where="worker")

    def _launch(self) -> "subprocess.Popen[str]":
        # a session of its own, because Ctrl-C on a terminal reaches all processes of one: this process decides
        return subprocess.Popen(
            [sys.executable, "-m", "goodpart_bank_builder.many.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            encoding="utf-8",
            env={**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")},
            start_new_session=True,
        )

    def _death(self, process: "subprocess.Popen[str]") -> str:
        """Why a worker ended that should not have."""
        code = process.wait()
        self._log.seek(0)
        last = self._log.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        memory = "; the system may have had no memory left: try fewer --jobs" if code == -signal.SIGKILL else ""
        return f"expected a whole build, found a process that ended with {how}{memory}" + (f" ({last})" if last else "")

    def _hang_up(self) -> None:
        """Closes stdin, which tells the worker to end."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _close(self) -> None:
        """Closes the pipes of a process that has ended."""
        self._hang_up()
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None

    def _end(self) -> None:
        with self._guard:
            self._hang_up()
        if self._process is not None:
            try:
                self._process.wait(timeout=GRACE_S + 5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        with self._guard:
            self._close()
        self._log.close()
