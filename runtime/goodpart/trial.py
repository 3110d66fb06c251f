"""Trial: a bundle's self-test in a child process of its own, which may crash, hang or want all memory without harm.

The child is `python -m goodpart.trial MEMORY_BYTES BUNDLE`; native libraries see the bundle's bytes only there.
"""

import dataclasses
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from goodpart.errors import BundleError, GoodpartError, SelfTestError, UsageError
from goodpart.inspector import Inspector


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrialLimits:
    """What a trial may take.

    Attributes:
        memory_mb: of the child process, in MB (10^6 bytes); at least 256. Linux counts all that it can write to, other
            systems may count nothing.
        time_s: until its verdict, in seconds.
    """

    memory_mb: int = 2000
    time_s: float = 120.0

    def __post_init__(self) -> None:
        if not self.memory_mb >= 256:
            raise UsageError(f"memory limit: expected at least 256 MB, found {self.memory_mb}")
        if not self.time_s > 0:
            raise UsageError(f"time limit: expected more than 0 seconds, found {self.time_s}")


def try_bundle(folder: Path, limits: TrialLimits) -> None:
    """Loads a bundle and scores all its golden frames, in a child process.

    Args:
        folder: the bundle.
        limits: of the child.

    Raises:
        SelfTestError: it does not pass, or the child crashed or took too long.
        UsageError: no child process can be started.
    """
    memory_bytes = limits.memory_mb * 1_000_000
    command = [sys.executable, "-m", "goodpart.trial", str(memory_bytes), str(folder.resolve())]
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
        )
    except subprocess.TimeoutExpired as error:
        raise SelfTestError(
            f"{folder}: expected a self-test within {limits.time_s:g} s, found none; give it more time or rebuild"
        ) from error
    except OSError as error:
        raise UsageError(f"{sys.executable}: expected a Python to run the self-test, found none ({error})") from error
    if child.returncode == 0:
        return
    if child.returncode == BundleError.exit_code:
        raise SelfTestError(f"in its trial: {child.stderr.strip()}")
    how = f"signal {-child.returncode}" if child.returncode < 0 else f"exit code {child.returncode}"
    last = (child.stderr.strip().splitlines() or ["nothing said"])[-1][:200]
    raise SelfTestError(
        f"{folder}: expected a self-test that passes within {limits.memory_mb} MB, found the process ended by {how} "
        f"({last})"
    )


def main(argv: Sequence[str]) -> int:
    """What the child does."""
    _limit_memory(int(argv[0]))
    try:
        Inspector.load(argv[1], threads=1).self_test()
    except GoodpartError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _limit_memory(limit_bytes: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    # what can be written to; address space alone says little, because allocators reserve far more than they use
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
