"""Backends side by side on the CPU, each in a process of its own: how far from torch, how fast."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import options
from sghm_vs.models.backends.base import BACKENDS, is_installed

if TYPE_CHECKING:
    pass

SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
HALF = "openvino bfloat16"
ROUNDS = 2
"""Of all backends in turn; the least counts."""
RSS_MIB = 1024


def add_parser(measures: options.Verbs) -> None:
    """Add the benchmark to the command line."""
    what = "backends side by side on the CPU: difference to torch, CPU time, start-up, memory"
    parser = measures.add_parser("backends", help=what, description=f"{what}.")
    parser.add_argument("footage", type=Path, metavar="FOOTAGE")
    parser.add_argument("--model", default="sghm-lite", metavar="NAME|PATH")
    parser.add_argument("--tr", type=int, default=0)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--backends", nargs="*", default=_known(), metavar="NAME")
    parser.add_argument("--one", nargs=2, metavar=("NAME", "ALPHAS"), help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def _known() -> list[str]:
    """Return the backends that are here; torch, which others are compared with, first."""
    found = [name for name, row in BACKENDS.items() if row.is_automatic and is_installed(name)]
    found += [HALF] if "openvino" in found else []
    return [*sorted(found, key=lambda name: name != "torch"), *_plugins()]


def _plugins() -> list[str]:
    import vapoursynth as vs

    return [name for name in ("ort", "ov") if hasattr(vs.core, name)]


def run(args: argparse.Namespace) -> int:
    """Print a row for each backend."""
    if args.one is not None:
        sys.stdout.write(json.dumps(_measured(args, *args.one)))
        return 0
    rows: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(ROUNDS):
            for name in args.backends:
                row = _in_process(args, name, Path(folder) / f"{name}.npz")
                rows[name] = _least(rows.get(name, row), row)
        differences = {name: _difference(Path(folder), args.backends[0], name) for name in rows}
    head = ["", "first frame, CPU-s", *(f"{size}, CPU ms a frame" for size in SIZES), "MiB"]
    lines = [[*head, f"from {args.backends[0]}: mean, most, of a million above .002"]]
    for name, row in rows.items():
        times = [f"{row[size]:.0f}" for size in SIZES]
        lines.append([name, f"{row['first']:.2f}", *times, f"{row['mib']:.0f}", differences[name]])
    options.print_lines(f"| {' | '.join(line)} |" for line in lines)
    return 0


def _in_process(args: argparse.Namespace, name: str, alphas: Path) -> dict[str, Any]:
    words = [
        sys.executable, "-m", "benchmarks", "backends", str(args.footage), "--model", args.model,
        "--tr", str(args.tr), "--frames", str(args.frames), "--one", name, str(alphas),
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def _least(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {name: min(value, other[name]) for name, value in one.items()}


def _measured(args: argparse.Namespace, name: str, alphas: str) -> dict[str, Any]:
    """Return what one backend takes, and save its alphas."""
    import time

    import numpy as np
    import psutil
    import vapoursynth as vs

    from sghm_vs import sghm

    backend: Any = "openvino" if name == HALF else name
    footage: Any = vs.core.bs.VideoSource(str(args.footage))
    row: dict[str, Any] = {}
    made: dict[str, Any] = {}
    for size, (width, height) in SIZES.items():
        frames = footage.resize.Bicubic(width, height)[: args.frames + 1]
        kept = [frames.get_frame(n) for n in range(frames.num_frames)]
        clip: Any = frames.std.ModifyFrame(frames, lambda n, f, kept=kept: kept[n])  # noqa: ARG005
        before = time.process_time()
        alpha: Any = sghm(
            clip, -1, args.model, tr=args.tr, backend=backend, fp16=name == HALF, num_streams=1
        )
        with alpha.get_frame(0) as frame:
            made[size] = np.array(frame[0])
        row.setdefault("first", time.process_time() - before)
        times = []
        for n in range(1, alpha.num_frames):
            start = time.process_time()
            alpha.get_frame(n).close()
            times.append(1e3 * (time.process_time() - start))
        row[size] = min(times) if args.tr == 0 else sum(times) / len(times)
    np.savez(alphas, **made)
    return row | {"mib": psutil.Process().memory_info().rss / RSS_MIB**2}


def _difference(folder: Path, first: str, name: str) -> str:
    import numpy as np

    one, other = (np.load(folder / f"{each}.npz") for each in (first, name))
    differs = np.concatenate([np.abs(one[size] - other[size]).ravel() for size in SIZES])
    above = (differs > 2e-3).mean() * 1e6
    return f"{differs.mean():.1e}, {differs.max():.1e}, {above:.0f}"
