"""Machine: what the CPU is that this process runs on, and how much of it there is."""

import os
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
_QUOTA = Path("/sys/fs/cgroup/cpu.max")

MOST_THREADS = 256
"""The most threads that anyone may ask for, and that a default is."""


def usable_cores(quota: Path = _QUOTA) -> int:
    """CPU cores that this process may keep busy, at most 256; what `threads` defaults to.

    A container's share of the time (`docker --cpus`) counts: a thread more than that waits for the next period.

    Args:
        quota: where Linux says the share: microseconds of CPU time per period of so many, or `max`.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(cores, MOST_THREADS)
    try:
        quota_us, period_us = quota.read_text(encoding="ascii").split()
        return max(1, min(cores, int(quota_us) // int(period_us)))
    except (OSError, ValueError, ZeroDivisionError):
        return cores  # no such file, or no limit


def cpu_name(cpuinfo: Path = CPUINFO) -> str:
    """The CPU's name as the kernel gives it, or what Python knows.

    Args:
        cpuinfo: the kernel's listing.
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
