"""How many threads the kernel knows of in this process, whoever started them (Linux)."""

import os


def native_threads() -> int:
    return len(os.listdir("/proc/self/task"))


def settled(wanted: int) -> int:
    """The same, once those that have been waited for are out of the kernel's list, too; as soon as it is `wanted`."""
    for _ in range(100_000):
        if native_threads() <= wanted:
            break
        os.sched_yield()
    return native_threads()
