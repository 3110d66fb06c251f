"""The runner's side of `worker.py`: processes that score when they are told to."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from common import tell
from goodpart.errors import UsageError

_WORKER = Path(__file__).with_name("worker.py")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SETTLE_S = 0.02
"""Pause before a contender's turn: the threads that the one before leaves spinning have gone to sleep by then."""


class Contestant:
    """One contender in its own process, ready and warm."""

    def __init__(self, job: dict[str, Any], folder: Path) -> None:
        """Starts it and waits until it has scored its first frame.

        Args:
            job: what `worker.py` takes.
            folder: where it runs; anomalib's inferencer leaves a cache there.

        Raises:
            UsageError: it ended; its own message stands on stderr.
        """
        self.name: str = job["name"]
        tell(f"starting {self.name} with {job['threads']} threads")
        began = time.perf_counter()
        self._process = _start(job, folder)
        try:
            self.facts: dict[str, Any] = self._read()["facts"]
        except UsageError:
            self._end()
            raise
        self.cold_start_ms = (time.perf_counter() - began) * 1e3

    def __enter__(self) -> "Contestant":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def ask(self, task: dict[str, Any]) -> dict[str, Any]:
        """Gives it a task and waits for the answer.

        Raises:
            UsageError: it ended.
        """
        time.sleep(_SETTLE_S)
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(task) + "\n")
            self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise UsageError(f"{self.name}: expected an answer, found that it ended; its own message stands above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def ask_once(job: dict[str, Any]) -> dict[str, Any]:
    """Does a job in a process that ends with it.

    Raises:
        UsageError: it failed; its own message stands on stderr.
    """
    done = subprocess.run(
        [sys.executable, str(_WORKER), json.dumps(job)], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode != 0:
        raise UsageError(f"{job['do']}: expected exit code 0, found {done.returncode}; its own message stands above")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _start(job: dict[str, Any], folder: Path) -> subprocess.Popen[str]:
    limits = {name: str(job["threads"]) for name in _THREAD_VARIABLES}
    return subprocess.Popen(
        [sys.executable, str(_WORKER), json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **limits},
    )
