"""Trial: a bundle's self-test in a child process of its own, which may crash, hang or want all memory without harm.

The child is `goodpart.store.trial_child`; native libraries see the bundle's bytes only there.
"""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

from goodpart.errors import BundleError, SelfTestError, TrialError, UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialLimits:
    """What a trial may take.

    Attributes:
        memory_mb: of the child process, in MB (10^6 bytes); 256 to 1000000. Linux counts all that it can write to,
            other systems may count nothing.
        time_s: until its verdict, in seconds; at most 3600.
    """

    memory_mb: int = 2000
    time_s: float = 120.0

    def __post_init__(self) -> None:
        if not 256 <= self.memory_mb <= 1_000_000:
            raise UsageError(f"memory limit: expected 256 to 1000000 MB, found {self.memory_mb}")
        if not 0 < self.time_s <= 3600:
            raise UsageError(f"time limit: expected more than 0 and at most 3600 seconds, found {self.time_s}")


def try_bundle(folder: Path, limits: TrialLimits) -> None:
    """Loads a bundle and scores all its golden frames, in a child process.

    Args:
        folder: the bundle.
        limits: of the child.

    Raises:
        SelfTestError: it does not pass.
        TrialError: the child crashed or took too long, which may be the bundle's fault or the machine's.
        UsageError: no child process can be started.
    """
    limited = [str(limits.memory_mb * 1_000_000), str(math.ceil(limits.time_s) + 1)]
    command = [sys.executable, "-m", "goodpart.store.trial_child", *limited, str(folder.resolve())]
    # without the current folder on the path, where something else may be called goodpart
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
            # a Ctrl-C is for those who asked, and must not look like the bundle's fault
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
    if child.returncode == BundleError.exit_code:
        raise SelfTestError(f"in its trial: {last}")
    how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
    raise TrialError(
        f"{folder}: expected a self-test that passes within {limits.memory_mb} MB, found the process ended by {how} "
        f"({last})"
    )
