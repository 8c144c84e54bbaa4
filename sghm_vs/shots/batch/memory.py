"""How much memory there is, and how much a process took."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's bound is, which psutil doesn't know."""


def total_bytes() -> int:
    """Return how much memory this process may have, as the system or its container says."""
    total: int = psutil.virtual_memory().total
    most = _in_group("max")
    return total if most is None else min(total, most)


def available_bytes() -> int:
    """Return how much memory can still be had."""
    free: int = psutil.virtual_memory().available
    most, taken = _in_group("max"), _in_group("current")
    return free if most is None or taken is None else min(free, most - taken)


def peak_bytes(process: int) -> int | None:
    """Return the most that `process` held so far, on macOS what it holds; None if it is gone."""
    try:
        held = psutil.Process(process).memory_info()
    except psutil.Error:
        return None
    return int(_linux_peak(process) or getattr(held, "peak_wset", held.rss))


def _linux_peak(process: int) -> int | None:
    """Return what psutil lacks."""
    status = Path(f"/proc/{process}/status")
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"))
    except OSError:
        return None
    return None if match is None else int(match[1]) * 1024


def _in_group(name: str) -> int | None:
    """Return what the container says of its memory; None without one, or without a bound."""
    try:
        return int((CGROUP / f"memory.{name}").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
