"""Backends side by side on the CPU, each in a process of its own: how far from torch, how fast."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from sghm_vs.cli import options
from sghm_vs.errors import SghmError, SourceError
from sghm_vs.models.backends.base import BACKENDS, is_installed
from sghm_vs.models.backends.cores import cores
from sghm_vs.models.backends.plugins import PACKAGES

HALF = "openvino bfloat16"
FLIPPED = 2e-3
"""What differs more is a pixel where a mask or a band flips at a threshold."""
MOVIES = (".mkv", ".mov", ".mp4")
GUIDES = ("_alpha", "_mask")
"""Endings of files that are no footage."""
EXTRA_PLUGINS = "VAPOURSYNTH_EXTRA_PLUGIN_PATH"
"""Whose plug-ins VapourSynth loads besides."""
MIB = 1 << 20
MB = 10**6

type Row = dict[str, Any]
"""CPU ms of a frame by size, `first` in CPU-s, `mib` of memory."""


def add_parser(measures: options.Verbs) -> None:
    """Add the benchmark to the command line."""
    what = "backends side by side on the CPU: difference to torch, speed, start-up, memory, MB"
    parser = measures.add_parser("backends", help=what, description=f"{what}.")
    parser.add_argument("footage", type=Path, nargs="+", metavar="FILE|DIR")
    parser.add_argument("--model", default="sghm-lite", metavar="NAME|PATH")
    parser.add_argument("--tr", type=int, default=0)
    parser.add_argument("--frames", type=int, default=8, help="of each clip (default: 8)")
    parser.add_argument(
        "--size",
        nargs="+",
        default=["1280x720", "1920x1080"],
        metavar="WxH",
        help="of the frames; clips are compared at the first (default: 1280x720 1920x1080)",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=2,
        help="of all backends in turn, of which the least counts; 0 compares alphas alone (default: 2)",
    )
    parser.add_argument("--backends", nargs="*", metavar="NAME")
    parser.add_argument(
        "--plugins",
        type=Path,
        metavar="DIR",
        help="where pip install --target put a plug-in of vs-mlrt that is not loaded with the others",
    )
    parser.add_argument("--one", nargs=2, metavar=("NAME", "ALPHAS"), help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a row for each backend, and one for each clip and backend."""
    if args.one is not None:
        sys.stdout.write(json.dumps(_of_one(args, *args.one)))
        return 0
    names = args.backends or _known(args.plugins)
    rows: dict[str, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        alphas = {name: Path(folder) / f"{name}.npz" for name in names}
        for name in names:
            rows[name] = _in_process(args, name, alphas[name])
        for _ in range(args.rounds - 1):
            for name in names:
                rows[name] = _least(rows[name], _in_process(args, name, None))
        found = list(_differences(alphas))
    if args.rounds:
        _print_table(_speeds(args, rows))
    _print_table(found)
    return 0


def _known(plugins: Path | None) -> list[str]:
    """Return the backends that are here; torch, which others are compared with, first."""
    found = [name for name, row in BACKENDS.items() if row.is_automatic and is_installed(name)]
    found += [HALF] if "openvino" in found else []
    others = [name for name in PACKAGES if _distribution(PACKAGES[name], plugins)]
    return [*sorted(found, key=lambda name: name != "torch"), *others]


def _speeds(args: argparse.Namespace, rows: dict[str, Row]) -> Iterator[list[str]]:
    speeds = [
        f"{size} {what}" for size in args.size for what in ("CPU ms", f"fps of {cores()} cores")
    ]
    yield ["", "first frame, CPU-s", *speeds, "MiB of memory", "MB on the disk"]
    for name, row in rows.items():
        times = [
            cell
            for size in args.size
            for cell in (f"{row[size]:.0f}", f"{1e3 * cores() / row[size]:.1f}")
        ]
        disk = f"{_bytes_on_disk(name, args.plugins) / MB:.0f}"
        yield [name, f"{row['first']:.2f}", *times, f"{row['mib']:.0f}", disk]


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    head, *lines = rows
    rule = ["---"] * len(head)
    options.print_lines(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
    options.print_lines([""])


def _in_process(args: argparse.Namespace, name: str, alphas: Path | None) -> Row:
    words = [
        sys.executable, "-m", "benchmarks", "backends", *map(str, args.footage),
        "--model", args.model, "--tr", str(args.tr), "--frames", str(args.frames),
        "--size", *args.size, "--rounds", str(args.rounds),
        "--one", name, str(alphas or ""),
    ]  # fmt: skip
    env = dict(os.environ)
    if args.plugins is not None and name in PACKAGES:
        # In no other process: beside vs-mlrt's OpenVINO Python's can't be loaded.
        env[EXTRA_PLUGINS] = str(args.plugins / "vapoursynth" / "plugins")
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        msg = f"backend {name} ended: {done.stderr.strip().splitlines()[-1]}"
        raise SghmError(msg)
    row: Row = json.loads(done.stdout)
    return row


def _least(one: Row, other: Row) -> Row:
    return {name: min(value, other[name]) for name, value in one.items()}


def _of_one(args: argparse.Namespace, name: str, alphas: str) -> Row:
    """Return what one backend takes, and save its alphas if a file is named."""
    import numpy as np

    clips = dict(_clips(args.footage))
    row: Row = _measured(args, name, next(iter(clips.values()))) if args.rounds else {}
    if alphas:
        first = args.size[0]
        made = {clip: _alphas(args, name, path, first) for clip, path in clips.items()}
        np.savez(alphas, **made)
    return row


def _clips(footage: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield footage by name: files, and those of folders that are no mattes or masks."""
    paths = [
        path
        for given in footage
        for path in (sorted(given.iterdir()) if given.is_dir() else [given])
        if not given.is_dir() or (path.suffix in MOVIES and not path.stem.endswith(GUIDES))
    ]
    for path in paths:
        if not path.exists():
            msg = f"{path} doesn't exist"
            raise SourceError(msg)
        yield path.stem, path
    if not paths:
        msg = f"no movie is in {', '.join(map(str, footage))}"
        raise SourceError(msg)


def _measured(args: argparse.Namespace, name: str, path: Path) -> Row:
    """Return the CPU time of a first frame and of a later one at each size, and the memory."""
    import time

    import psutil

    row: Row = {}
    for size in args.size:
        clip = _in_memory(path, size, args.frames + 1)
        before = time.process_time()
        alpha = _matted(args, name, clip)
        alpha.get_frame(0).close()
        row.setdefault("first", time.process_time() - before)
        times = []
        for n in range(1, alpha.num_frames):
            start = time.process_time()
            alpha.get_frame(n).close()
            times.append(1e3 * (time.process_time() - start))
        row[size] = min(times) if args.tr == 0 else sum(times) / len(times)
    return row | {"mib": psutil.Process().memory_info().rss / MIB}


def _alphas(args: argparse.Namespace, name: str, path: Path, size: str) -> Any:
    """Return the alphas of the first frames, (frames, height, width)."""
    import numpy as np

    alpha = _matted(args, name, _in_memory(path, size, args.frames))
    return np.stack([np.array(frame[0]) for frame in alpha.frames(close=True)])


def _matted(args: argparse.Namespace, name: str, clip: Any) -> Any:
    from sghm_vs import sghm

    backend: Any = "openvino" if name == HALF else name
    return sghm(clip, -1, args.model, tr=args.tr, backend=backend, fp16=name == HALF)


def _in_memory(path: Path, size: str, length: int) -> Any:
    """Return the first frames of a movie at this size, decoded once."""
    import vapoursynth as vs

    from sghm_vs.media.readers import open_source

    width, height = map(int, size.split("x"))
    frames: Any = open_source(path).clip.resize.Bicubic(width, height)[:length]
    kept = [frames.get_frame(n) for n in range(frames.num_frames)]
    blank: Any = vs.core.std.BlankClip(frames, keep=True)
    return blank.std.ModifyFrame(blank, lambda n, f: kept[n])  # noqa: ARG005


def _differences(alphas: dict[str, Path]) -> Iterator[list[str]]:
    """Yield how far each backend is from the first, clip by clip."""
    import numpy as np

    first, *others = alphas
    yield ["clip", "backend", f"mean from {first}", "most", f"of a million above {FLIPPED}"]
    with np.load(alphas[first]) as expected:
        for clip in expected:
            for name in others:
                with np.load(alphas[name]) as found:
                    differs = np.abs(found[clip] - expected[clip])
                flipped = (differs > FLIPPED).mean() * 1e6
                cells = f"{differs.mean():.1e}", f"{differs.max():.1e}", f"{flipped:.1f}"
                yield [clip, name, *cells]


def _bytes_on_disk(name: str, plugins: Path | None) -> int:
    """Return what a backend's packages take, with what they need and sghm_vs does not."""
    own = name.removesuffix(" bfloat16")
    wanted = [*BACKENDS[own].packages, *([PACKAGES[own]] if own in PACKAGES else [])]
    common = _needed(["sghm-vs"], plugins, without="torch")
    added = [package for key, package in _needed(wanted, plugins).items() if key not in common]
    files = (Path(str(one.locate_file(file))) for one in added for file in one.files or ())
    return sum(file.stat().st_size for file in files if file.is_file())


def _needed(
    names: Sequence[str], plugins: Path | None, without: str = ""
) -> dict[str, metadata.Distribution]:
    """Return the packages `names` that are installed, with all that they ask for."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: dict[str, metadata.Distribution] = {}
    left = list(names)
    while left:
        name = canonicalize_name(left.pop())
        package = _distribution(name, plugins)
        if package is None or name in found or name == without:
            continue
        found[name] = package
        asked = map(Requirement, package.requires or ())
        left += [
            one.name for one in asked if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found


def _distribution(name: str, plugins: Path | None) -> metadata.Distribution | None:
    """Return the package `name`, installed here or in `plugins`."""
    path = [*sys.path, *([] if plugins is None else [str(plugins)])]
    return next(iter(metadata.distributions(name=name, path=path)), None)
