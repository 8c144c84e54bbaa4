"""Where frames run."""

import platform
import subprocess
import sys
import threading

import pytest
import torch

from sghm_vs.models.backends.cores import cores
from sghm_vs.models.backends.streams import Streams

FRAGMENTS = """
import numpy as np, torch
from sghm_vs.models.backends.cores import RUNS_BETWEEN_TRIMS
from sghm_vs.models.backends.streams import Streams

def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

streams = Streams(torch.device("cpu"), count=1)
before = resident_mib()
kept, passing = [], []
for _ in range(4000):
    passing.append(np.ones(10_000))
    kept.append(np.ones(100))
del passing
fragmented = resident_mib()
for _ in range(RUNS_BETWEEN_TRIMS):
    streams.run(lambda: torch.zeros(1))
print(fragmented - before, resident_mib() - before)
"""
"""Prints MiB held by a heap of holes, before and after as many runs as a trim takes."""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other heaps are not trimmed")
def test_holes_in_the_heap_go_back_to_the_system():
    done = subprocess.run(
        [sys.executable, "-c", FRAGMENTS], capture_output=True, text=True, check=True
    )
    fragmented, trimmed = map(int, done.stdout.split())
    assert fragmented > 200
    assert trimmed < 30


def test_a_frame_is_made_by_one_thread_and_other_threads_keep_theirs():
    """So its last bits don't depend on the number of cores, and other filters run as before."""
    before = torch.get_num_threads()

    inside = Streams(torch.device("cpu"), count=1).run(
        lambda: torch.tensor(torch.get_num_threads())
    )

    assert inside == 1
    assert torch.get_num_threads() == before


def test_there_is_a_slot_for_each_core():
    streams = Streams(torch.device("cpu"), count=0)
    together = threading.Barrier(min(cores(), 16))

    def meet() -> torch.Tensor:
        together.wait(timeout=30)
        return torch.zeros(1)

    threads = [threading.Thread(target=streams.run, args=(meet,)) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not together.broken
