"""
From movie to movie beside RobustVideoMatting: CPU time, time and memory of a frame, in turn.

Its source is read from a folder that is given, and gets random weights: they take as long. It runs
by OpenVINO in float32, a frame after the other, as its states ask for.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from imageio_ffmpeg import get_ffmpeg_exe

from benchmarks.timing import size_of
from sghm_vs.cli import options
from sghm_vs.errors import SettingsError

SIZE_PX = 1280, 720
PEER = "RVM"
STILLS = "stills"
PEER_RATIO = 0.375
"""What its authors name for HD."""
SHORT = 8
"""Frames of the run that is taken away from a longer one: starting up is in both."""
MIB_KIB = 1024
OURS_IMPORTS = "import cv2, vapoursynth, av, sghm_vs.cli.matte, sghm_vs.filter.engines"
PEER_IMPORTS = "import cv2, av, openvino"


class Cost(NamedTuple):
    """What a process takes: CPU seconds, seconds, and the most memory that it holds, MiB."""

    cpu_s: float
    wall_s: float
    mib: float


def add_parser(measures: options.Verbs) -> None:
    """Add the benchmark to the command line."""
    what = "beside RobustVideoMatting, from movie to movie: CPU time, time and memory of a frame"
    parser = measures.add_parser("peers", help=what, description=f"{what}.")
    parser.add_argument("clips", type=Path, nargs="+", metavar="FOOTAGE")
    parser.add_argument(
        "--rvm", type=Path, metavar="DIR", help="folder that holds model/ of its source"
    )
    parser.add_argument("--model", default="sghm-lite", metavar="NAME|PATH")
    parser.add_argument("--tr", type=int, nargs="+", default=[0, 2])
    parser.add_argument("--with", dest="more", nargs="*", default=[], metavar="WORD=VALUE",
                        help="further options of `sghm matte`, as backend=torch")  # fmt: skip
    parser.add_argument(
        "--size", type=size_of, default=SIZE_PX, metavar="WxH",
        help="of the frames (default: 1280x720)",
    )  # fmt: skip
    parser.add_argument("--stills", action="store_true", help="also of the frames as pictures")
    parser.add_argument("--frames", type=int, default=32, help="that are counted (default: 32)")
    parser.add_argument("--rounds", type=int, default=3, help="all ways in turn (default: 3)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row for each clip and way: medians, and CPU time as a part of the peer's."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ways = {f"tr={tr}": partial(_ours, args, tr) for tr in args.tr}
        if args.stills:
            ways[STILLS] = partial(_stills, args)
        if args.rvm is not None:
            peer = _converted(args.rvm, folder, args.size)
            ways = {PEER: partial(_peer, peer), **ways}
        imports = {way: _imported(way == PEER) for way in ways}
        rows = []
        for clip in args.clips:
            short, whole = (
                _at_size(clip, folder, n, args.size) for n in (SHORT, SHORT + args.frames)
            )
            found: dict[str, list[Cost]] = defaultdict(list)
            for _ in range(args.rounds):
                for way, command in ways.items():
                    few, many = (_taken(command(movie)) for movie in (short, whole))
                    found[way].append(_of_a_frame(few, many, args.frames))
            rows += _rows(clip.stem, found, imports)
    if args.json:
        options.print_json(rows)
    else:
        options.print_lines(_table(rows))
    return 0


def _rows(
    clip: str, found: Mapping[str, Sequence[Cost]], imports: Mapping[str, float]
) -> list[dict[str, Any]]:
    medians = {way: Cost(*map(median, zip(*costs, strict=True))) for way, costs in found.items()}
    peer = medians.get(PEER)
    return [
        {
            "clip": clip,
            "way": way,
            "cpu_ms": 1e3 * cost.cpu_s,
            "wall_ms": 1e3 * cost.wall_s,
            "of_peer": None if peer is None else cost.cpu_s / peer.cpu_s,
            "mib": cost.mib,
            "mib_over_imports": cost.mib - imports[way],
        }
        for way, cost in medians.items()
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    head = ["clip", "way", "CPU ms a frame", f"of {PEER}'s", "ms a frame", "MiB", "over imports"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows:
        part = "" if row["of_peer"] is None else f"{row['of_peer']:.2f}"
        cells = [row["clip"], row["way"], f"{row['cpu_ms']:.0f}", part, f"{row['wall_ms']:.0f}"]
        cells += [f"{row['mib']:.0f}", f"{row['mib_over_imports']:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _of_a_frame(few: Cost, many: Cost, frames: int) -> Cost:
    return Cost((many.cpu_s - few.cpu_s) / frames, (many.wall_s - few.wall_s) / frames, many.mib)


def _taken(words: Sequence[str]) -> Cost:
    """Return what a process takes, with those that it starts."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            msg = f"{' '.join(words)} ended with {process.returncode}: {said.read().decode()}"
            raise SettingsError(msg)
    wall = time.perf_counter() - start
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / MIB_KIB)


def _imported(is_peer: bool) -> float:
    """Return the MiB that a process holds which imports what a way needs, and no more."""
    return _taken([sys.executable, "-c", PEER_IMPORTS if is_peer else OURS_IMPORTS]).mib


def _at_size(clip: Path, folder: Path, frames: int, size: tuple[int, int]) -> Path:
    """Write so many frames of `clip`, over and over, as a movie of this size, and return it."""
    movie = folder / f"{clip.stem}_{frames}.mp4"
    scale = "scale={}:{}:flags=bicubic,format=yuv420p".format(*size)
    words = [get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1", "-i", str(clip), "-an"]
    words += ["-vf", scale, "-frames:v", str(frames), "-c:v", "libx264", "-crf", "12", str(movie)]
    _taken(words)
    pictures = _pictures_of(movie)
    pictures.mkdir()
    every = ["-i", str(movie), "-q:v", "2", str(pictures / "%04d.jpg")]
    _taken([get_ffmpeg_exe(), "-v", "error", *every])
    return movie


def _pictures_of(movie: Path) -> Path:
    """Return the folder with the frames of `movie` as pictures."""
    return movie.with_suffix("")


def _ours(args: argparse.Namespace, tr: int, movie: Path) -> list[str]:
    words = [sys.executable, "-m", "sghm_vs", "matte", str(movie), "-o", str(_out(movie))]
    words += [
        "--codec",
        "ffv1-alpha",
        "--model",
        args.model,
        "--tr",
        str(tr),
        "--overwrite",
        "--quiet",
    ]
    return [*words, *(f"--{word}" for word in args.more)]


def _stills(args: argparse.Namespace, movie: Path) -> list[str]:
    pictures = _pictures_of(movie)
    words = [sys.executable, "-m", "sghm_vs", "matte", str(pictures), "--stills"]
    words += [
        "-o",
        str(pictures.with_name(f"{pictures.name}_alphas") / "{name}.png"),
        "--model",
        args.model,
    ]
    return [*words, "--overwrite", "--quiet", *(f"--{word}" for word in args.more)]


def _peer(network: Path, movie: Path) -> list[str]:
    return [
        sys.executable,
        "-m",
        "benchmarks.rvm",
        "run",
        str(network),
        str(movie),
        str(_out(movie)),
    ]


def _out(movie: Path) -> Path:
    return movie.with_name("alpha.mkv")


def _converted(source: Path, folder: Path, size_px: tuple[int, int]) -> Path:
    """
    Return the peer's network as OpenVINO reads it.

    In a process of its own, as those that are started later begin with this one's memory.
    """
    if not (source / "model" / "model.py").is_file():
        msg = f"{source} lacks model/model.py; give the folder of RobustVideoMatting's source"
        raise SettingsError(msg)
    network = folder / "rvm.xml"
    size = map(str, size_px)
    words = [sys.executable, "-m", "benchmarks.rvm", "convert", str(source), *size]
    _taken([*words, str(PEER_RATIO), str(network)])
    return network
