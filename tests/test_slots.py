"""Where frames run."""

import platform
import subprocess
import sys
import threading

import pytest
import torch

from sghm_vs.heap import RUNS_BETWEEN_TRIMS, RUNS_UNTIL_SETTLED
from sghm_vs.slots import Slots, cores

FRAGMENTS = """
import sys, numpy as np, torch
from sghm_vs.slots import Slots

def resident_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

def run(times):
    for _ in range(times):
        slots.run(lambda: torch.zeros(1))

runs_before, runs_after = map(int, sys.argv[1:])
slots = Slots(torch.device("cpu"), count=1)
run(runs_before)
before = resident_mib()
kept, passing = [], []
for _ in range(4000):
    passing.append(np.ones(10_000))
    kept.append(np.ones(100))
del passing
fragmented = resident_mib()
run(runs_after)
print(fragmented - before, resident_mib() - before)
"""
"""Prints MiB held by a heap of holes, before and after so many more runs."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other heaps are not trimmed")
@pytest.mark.parametrize(
    ("runs_before", "runs_after"),
    [
        pytest.param(0, RUNS_BETWEEN_TRIMS, id="now and then"),
        pytest.param(RUNS_UNTIL_SETTLED, 1, id="at a new peak"),
    ],
)
def test_holes_in_the_heap_go_back_to_the_system(runs_before, runs_after):
    done = subprocess.run(
        [sys.executable, "-c", FRAGMENTS, str(runs_before), str(runs_after)],
        capture_output=True,
        text=True,
        check=True,
    )
    fragmented, trimmed = map(int, done.stdout.split())
    assert fragmented > 200
    assert trimmed < 30


def test_a_frame_is_made_by_one_thread_and_other_threads_keep_theirs():
    """So its last bits don't depend on the number of cores, and other filters run as before."""
    before = torch.get_num_threads()

    inside = Slots(torch.device("cpu"), count=1).run(lambda: torch.tensor(torch.get_num_threads()))

    assert inside == 1
    assert torch.get_num_threads() == before


def test_there_is_a_slot_for_each_core():
    slots = Slots(torch.device("cpu"), count=0)
    together = threading.Barrier(min(cores(), 16))

    def meet() -> torch.Tensor:
        together.wait(timeout=30)
        return torch.zeros(1)

    threads = [threading.Thread(target=slots.run, args=(meet,)) for _ in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not together.broken
