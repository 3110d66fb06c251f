"""Child process of a trial: `python -m goodpart.store.trial_child MEMORY_BYTES SECONDS BUNDLE`."""

import signal
import sys
from collections.abc import Sequence

from goodpart._host.machine import data_limit_bytes, says_no_memory
from goodpart.errors import GoodpartError
from goodpart.inspector import Inspector
from goodpart.store.trial import DAMAGE, DAMAGED

_ENDED = 2
"""Exit code where nothing is proven about the bundle."""


def main(argv: Sequence[str]) -> int:
    """Loads a bundle, which scores its golden frames; returns the exit code and prints a failure to stderr."""
    memory_bytes, seconds, folder = argv
    _limit(int(memory_bytes), int(seconds))
    try:
        # the settings of this device say nothing about the bundle
        Inspector.load(folder, threads=1, on_device=False)
    except DAMAGE as error:
        print(error, file=sys.stderr)
        return _ENDED if _lacks_memory(error) else DAMAGED
    except GoodpartError as error:
        print(error, file=sys.stderr)
        return _ENDED
    return 0


def _lacks_memory(error: BaseException) -> bool:
    """Whether a library behind an error got no memory; our own words hold paths, which may be called anything."""
    while error.__cause__ is not None:
        error = error.__cause__
    return isinstance(error, MemoryError) or (not isinstance(error, GoodpartError) and says_no_memory(str(error)))


def _limit(memory_bytes: int, seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    # limits writable memory, not address space, because allocators reserve far more than they use; no process may raise
    # the limit that the system has set
    most = min(memory_bytes, data_limit_bytes() or memory_bytes)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # the parent enforces the time limit as well, but it may be killed
    signal.alarm(seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
