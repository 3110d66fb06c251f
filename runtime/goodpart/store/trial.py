"""Trial: a bundle's self-test in a child process, where a crash, a hang or a memory shortage does no harm.

The child runs `goodpart.store.trial_child`. Native libraries read the bundle's bytes only there.
"""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

from goodpart._host.machine import data_limit_bytes
from goodpart.errors import (
    BundleMissingError,
    ContractError,
    IntegrityError,
    ManifestError,
    SelfTestError,
    TrialError,
    UsageError,
)

DAMAGED = 3
"""Exit code of the child process if the bundle itself does not pass."""

DAMAGE = (BundleMissingError, IntegrityError, ManifestError, ContractError, SelfTestError)
"""Errors that prove a bundle itself to be damaged, wherever it is tried. Others come from the machine, a key or the
device file: they never change the active bundle."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialLimits:
    """Limits of a trial.

    Attributes:
        memory_mb: memory of the child process in MB (10^6 bytes), 256 to 1000000. Linux counts all writable memory;
            other systems may count nothing.
        time_s: duration of the trial in seconds, at most 3600.
    """

    memory_mb: int = 2000
    time_s: float = 120.0

    def __post_init__(self) -> None:
        if not 256 <= self.memory_mb <= 1_000_000:
            raise UsageError(f"memory limit: expected 256 to 1000000 MB, found {self.memory_mb}")
        if not 0 < self.time_s <= 3600:
            raise UsageError(f"time limit: expected more than 0 and at most 3600 seconds, found {self.time_s}")


def try_bundle(folder: Path, limits: TrialLimits) -> None:
    """Loads a bundle and scores all its golden frames in a child process.

    Args:
        folder: the bundle.
        limits: limits of the child process.

    Raises:
        SelfTestError: the bundle does not pass.
        TrialError: the child process crashed or took too long; the cause may be the bundle or the machine.
        UsageError: the child process cannot be started.
    """
    limited = [str(limits.memory_mb * 1_000_000), str(math.ceil(limits.time_s) + 1)]
    command = [sys.executable, "-m", "goodpart.store.trial_child", *limited, str(folder.resolve())]
    # keeps the working directory off the path, where another module may be called goodpart
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    try:
        child = subprocess.run(  # noqa: S603 - our own module, in our own interpreter
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limits.time_s,
            check=False,
            # Ctrl-C must reach only the parent, because a killed child looks like a faulty bundle
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise TrialError(
            f"{folder}: expected a self-test within {limits.time_s:g} s, found none; give it more time or rebuild"
        ) from error
    except OSError as error:
        raise UsageError(f"{sys.executable}: expected a Python to run the self-test, found none ({error})") from error
    if child.returncode == 0:
        return
    last = (child.stderr.strip().splitlines() or ["nothing said"])[-1][:500]
    if child.returncode == DAMAGED:
        raise SelfTestError(f"in its trial: {last}")
    how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
    raise TrialError(
        f"{folder}: expected a self-test that passes within {_memory(limits)}, found the process ended by {how} "
        f"({last})"
    )


def _memory(limits: TrialLimits) -> str:
    """The memory that the child process had, in words."""
    allowed = data_limit_bytes()
    if allowed is None or allowed >= limits.memory_mb * 1_000_000:
        return f"{limits.memory_mb} MB"
    return f"{allowed // 1_000_000} MB, which the system allows (ulimit -d) instead of {limits.memory_mb}"
