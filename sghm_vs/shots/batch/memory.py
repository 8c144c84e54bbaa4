"""How much memory there is, and how much a process took."""

from __future__ import annotations

import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int | None:
    """Return how much memory can still be had; None where the system doesn't say (not Linux)."""
    try:
        match = re.search(r"MemAvailable:\s+(\d+) kB", MEMINFO.read_text())
    except OSError:
        return None
    free = None if match is None else int(match[1]) * 1024
    left = _left_in_group()
    return left if free is None else free if left is None else min(free, left)


def peak_bytes(process: int) -> int | None:
    """Return the most memory that `process` held so far; None where the system doesn't say."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return None
    return None if match is None else int(match[1]) * 1024


def _left_in_group() -> int | None:
    """Return what a container's bound leaves."""
    try:
        most = (CGROUP / "memory.max").read_text().strip()
        return None if most == "max" else int(most) - int((CGROUP / "memory.current").read_text())
    except (OSError, ValueError):
        return None
