"""What starting up costs: CPU seconds of processes that do little, beside `import torch` alone."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from sghm_vs.cli import options

REFUSAL_MAX_S = 0.6
IMPORT_MAX_S = 0.3
FIRST_FRAME_TORCHES, FIRST_FRAME_MORE_S = 1.5, 2.0
"""A first frame costs at most so many times `import torch`, and so many seconds more."""
RUNS = 3


class Cost(NamedTuple):
    """What a process costs, at best of a few, and what it may."""

    what: str
    cpu_s: float
    most_s: float | None


def add_parser(measures: options.Verbs) -> None:
    """Add the benchmark to the command line."""
    what = "CPU seconds of starting up: an import, refusals, a first frame"
    parser = measures.add_parser("startup", help=what, description=f"{what}.")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what each process costs; exit 1 if one costs more than it may."""
    with tempfile.TemporaryDirectory() as folder:
        costs = _costs(Path(folder))
    if args.json:
        options.print_json([cost._asdict() for cost in costs])
    else:
        options.print_lines(
            f"{cost.what:<32}{cost.cpu_s:>6.2f} CPU s"
            + ("" if cost.most_s is None else f", at most {cost.most_s:.2f}")
            for cost in costs
        )
    return int(any(cost.most_s is not None and cost.cpu_s > cost.most_s for cost in costs))


def _costs(folder: Path) -> list[Cost]:
    plate, made = folder / "plate.png", folder / "made.mkv"
    cv2.imwrite(str(plate), np.full((480, 640, 3), 90, np.uint8))
    made.touch()
    sghm, matte = ("-m", "sghm_vs"), ("-m", "sghm_vs", "matte", str(plate), "-o")
    torch_s = cpu_s("-c", "import torch")
    first_s = FIRST_FRAME_TORCHES * torch_s + FIRST_FRAME_MORE_S
    first = (*matte, str(folder / "a.mkv"), "--model", "sghm-lite", "--overwrite")
    return [
        Cost("import torch", torch_s, None),
        Cost("import sghm_vs", cpu_s("-c", "import sghm_vs"), IMPORT_MAX_S),
        Cost("sghm --help", cpu_s(*sghm, "--help"), REFUSAL_MAX_S),
        Cost("no such file", cpu_s(*sghm, "matte", "no.mov", "-o", "a.mov"), REFUSAL_MAX_S),
        Cost("the output exists", cpu_s(*matte, str(made)), REFUSAL_MAX_S),
        Cost("no such model", cpu_s(*matte, "a.mkv", "--model", "no"), REFUSAL_MAX_S),
        Cost("first frame, sghm-lite, 640x480", cpu_s(*first), first_s),
    ]


def cpu_s(*words: str, command: Sequence[str] = (sys.executable,)) -> float:
    """Return the CPU seconds, user's and system's, of a Python given `words`: the least of a few."""
    return min(_once([*command, *words]) for _ in range(RUNS))


def _once(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
