"""Child process of a trial: `python -m goodpart.store.trial_child MEMORY_BYTES SECONDS BUNDLE`."""

import signal
import sys
from collections.abc import Sequence

from goodpart.errors import GoodpartError
from goodpart.inspector import Inspector


def main(argv: Sequence[str]) -> int:
    """Loads a bundle, which scores its golden frames; returns the exit code and prints a failure to stderr."""
    memory_bytes, seconds, folder = argv
    _limit(int(memory_bytes), int(seconds))
    try:
        Inspector.load(folder, threads=1)
    except GoodpartError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _limit(memory_bytes: int, seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    # limits writable memory, not address space, because allocators reserve far more than they use
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # the parent enforces the time limit as well, but it may be killed
    signal.alarm(seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
