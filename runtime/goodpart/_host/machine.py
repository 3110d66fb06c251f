"""The machine: name of the CPU and number of usable cores."""

import os
import platform
import re
import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")

MOST_THREADS = 256
"""The most threads that anyone may ask for, and that a default is."""


_NO_MEMORY = re.compile("bfc_arena|failed to map segment|PosixThread|bad_alloc|[Mm]emory|allocate")
"""What libraries say when the system gives them none."""


def usable_cores(quota: Path = _QUOTA) -> int:
    """Number of CPU cores that this process may keep busy, at most 256; the default of `threads`.

    A container's limit (`docker --cpus`) counts, because a thread beyond the limit waits for the next period.

    Args:
        quota: the file of Linux with the limit: microseconds of CPU time and length of the period, or `max`.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, MOST_THREADS)
    try:
        quota_us, period_us = quota.read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota_us) // int(period_us)))
    except (OSError, ValueError, ZeroDivisionError):
        return cores  # the file is missing, or there is no limit


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """The CPU's name according to the kernel, or else according to Python.

    Args:
        cpuinfo: the kernel's listing.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def data_limit_bytes() -> int | None:
    """The most writable memory that the system lets this process have (`ulimit -Hd`), None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    return None if most == resource.RLIM_INFINITY else most


def says_no_memory(text: str) -> bool:
    """Whether the message of a library means that the system gave it no memory."""
    return _NO_MEMORY.search(text) is not None
