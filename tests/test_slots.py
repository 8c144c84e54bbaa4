"""Where frames run."""

import platform
import subprocess
import sys

import pytest

FRAGMENTS = """
import numpy as np, torch
from sghm_vs.slots import RUNS_BETWEEN_TRIMS, Slots

def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

slots = Slots(torch.device("cpu"), count=1)
before = resident_mib()
kept, passing = [], []
for _ in range(4000):
    passing.append(np.ones(10_000))
    kept.append(np.ones(100))
del passing
fragmented = resident_mib()
for _ in range(RUNS_BETWEEN_TRIMS):
    slots.run(lambda: torch.zeros(1))
print(fragmented - before, resident_mib() - before)
"""
"""Prints MiB held by a heap of holes, before and after as many runs as a trim takes."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other heaps are not trimmed")
def test_holes_in_the_heap_go_back_to_the_system():
    done = subprocess.run(
        [sys.executable, "-c", FRAGMENTS], capture_output=True, text=True, check=True
    )
    fragmented, trimmed = map(int, done.stdout.split())
    assert fragmented > 200
    assert trimmed < 30
