"""What a previewer waits for: a jump to a frame, the one after it, and a second look."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sghm_vs.cli import options

if TYPE_CHECKING:
    import vapoursynth as vs

SIZE_PX = 1920, 1080
PLAYED = 12
"""Frames that are played from front to back, after as many that are not counted."""


class Look(NamedTuple):
    """What a frame took that was asked for: CPU time and time, ms."""

    cpu_ms: float
    wall_ms: float


def add_parser(measures: options.Verbs) -> None:
    """Add the benchmark to the command line."""
    what = "what a jump to a frame takes, beside frames that are played, at 1920x1080"
    parser = measures.add_parser("seeks", help=what, description=f"seeks: {what}.")
    parser.add_argument("clips", type=Path, nargs="+", metavar="FOOTAGE")
    parser.add_argument("--tr", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--jumps", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row for each clip and `tr`: medians."""
    options.bound_cache()
    rows = [_measured(path, tr, args.jumps) for path in args.clips for tr in args.tr]
    if args.json:
        options.print_json(rows)
    else:
        options.print_lines(_table(rows))
    return 0


def _measured(path: Path, tr: int, jumps: int) -> dict[str, Any]:
    from sghm_vs.filter.sghm import sghm
    from sghm_vs.media.readers import open_source
    from sghm_vs.options import Settings

    source = open_source(path).clip.resize.Bicubic(*SIZE_PX)
    reach = Settings(tr=tr).reach
    frames = [2 * PLAYED + (2 * reach + 2) * at for at in range(1, jumps + 1)]
    needed = frames[-1] + reach + 2
    if source.num_frames < needed:
        source = source.std.Loop(-(-needed // source.num_frames))
    alpha = cast("vs.VideoNode", sghm(source, tr=tr))
    played = [_look(alpha, n) for n in range(2 * PLAYED)][PLAYED:]
    looks = [_look(alpha, n + by) for n in frames for by in (0, 1, 0)]
    first, after, again = (looks[kind::3] for kind in range(3))
    a_frame = _median(played)
    return {
        "clip": path.stem,
        "tr": tr,
        "reach": reach,
        "frame_cpu_ms": a_frame.cpu_ms,
        "jump_cpu_ms": _median(first).cpu_ms,
        "jump_wall_ms": _median(first).wall_ms,
        "jump_in_frames": _median(first).cpu_ms / a_frame.cpu_ms,
        "after_cpu_ms": _median(after).cpu_ms,
        "again_cpu_ms": _median(again).cpu_ms,
    }


def _look(clip: vs.VideoNode, n: int) -> Look:
    cpu, wall = time.process_time(), time.perf_counter()
    clip.get_frame(n).close()
    return Look(1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall))


def _median(looks: Sequence[Look]) -> Look:
    return Look(*map(median, zip(*looks, strict=True)))


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["clip", "tr", "reach", "a frame, CPU ms", "a jump", "in frames", "jump, ms",
            "the frame after it, CPU ms", "a second look"]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        cells = [row["clip"], str(row["tr"]), str(row["reach"]), f"{row['frame_cpu_ms']:.0f}"]
        cells += [f"{row['jump_cpu_ms']:.0f}", f"{row['jump_in_frames']:.1f}"]
        cells += [f"{row['jump_wall_ms']:.0f}", f"{row['after_cpu_ms']:.0f}"]
        lines.append(f"| {' | '.join([*cells, format(row['again_cpu_ms'], '.1f')])} |")
    return lines
