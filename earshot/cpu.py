"""What processors this process may really use: the affinity mask and the cgroup's quota, not the host; and VNNI."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
_CPUINFO = Path("/proc/cpuinfo")
_X86 = ("x86_64", "amd64", "i386", "i686")
_EXACT_SUMS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})


def _quota(cgroup: Path) -> float | None:
    """The CPU quota in processors, of cgroup v2 or v1; None when there is none."""
    try:
        limit, period = (cgroup / "cpu.max").read_text().split()
        return None if limit == "max" else int(limit) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    try:
        limit_us = int((cgroup / "cpu/cpu.cfs_quota_us").read_text())
        period_us = int((cgroup / "cpu/cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return limit_us / period_us if limit_us > 0 and period_us > 0 else None


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """Count the processors that this process may use, at least 1.

    Args:
        cgroup: The process's control group folder; inside a container it is the default.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota(cgroup)
    return max(1, count if quota is None else min(count, int(quota)))


def sums_products_exactly(cpuinfo: Path = _CPUINFO) -> bool:
    """Whether fast products of uint8 and int8 are summed exactly here.

    An x86 without VNNI adds neighbouring ones in 16 bits, where they may not fit; one that does not say counts as such.
    """
    if platform.machine().lower() not in _X86:
        return True
    try:
        lines = cpuinfo.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "")
    return not _EXACT_SUMS.isdisjoint(flags.split())
