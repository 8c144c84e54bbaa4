"""How fast files are written, beside the coder alone fed the same frames."""

from __future__ import annotations

import argparse
import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import options

if TYPE_CHECKING:
    import vapoursynth as vs

DISTINCT = 8
"""Frames that are drawn; they repeat."""
ROUNDS = 3
RATE = Fraction(24)

type Frames = list[list[Any]]
"""The planes of each frame that is drawn."""
type Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Timing:
    """What a pass took."""

    wall_s: float
    cpu_s: float
    """Of this process and those that it waited for."""


def run(args: argparse.Namespace) -> int:
    """Measure both forms, or the memory that four outputs at once take, and print it."""
    drawn = _drawn(*args.size)
    with options.stdout_for_results(), tempfile.TemporaryDirectory(dir=args.folder) as folder:
        result: Mapping[str, Any]
        if args.memory:
            result = _memory(drawn, args.frames, Path(folder))
        else:
            result = {
                name: _summary(_compared(args, own, bare, drawn, Path(folder)), args.frames)
                for name, (own, bare) in PAIRS.items()
            }
    if args.json:
        options.print_json({"size": args.size, "frames": args.frames, **result})
    else:
        sys.stdout.writelines(f"{name:<11} {text}\n" for name, text in _lines(result))
    return 0


def _lines(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, found in result.items():
        if not isinstance(found, dict):
            yield f"{name} frames", f"{found:.0f} MiB"
            continue
        own, alone = (
            f"{found[f'{way}_fps']:.1f} fps ({found[f'{way}_cpu_s']:.1f} s CPU)"
            for way in ("export", "alone")
        )
        yield name, f"export {own}, alone {alone}: {found['part']:.0%}"


def _summary(pair: tuple[Timing, Timing], frames: int) -> dict[str, float]:
    own, bare = pair
    return {
        "export_fps": frames / own.wall_s,
        "alone_fps": frames / bare.wall_s,
        "part": bare.wall_s / own.wall_s,
        "export_cpu_s": own.cpu_s,
        "alone_cpu_s": bare.cpu_s,
    }


def _compared(
    args: argparse.Namespace,
    own: Callable[[Frames, int, Path], Work],
    bare: Callable[[Frames, int, Path], Work],
    drawn: Frames,
    folder: Path,
) -> tuple[Timing, Timing]:
    """Return the best of some rounds of each; in turn, so that both meet what else runs."""
    timings: tuple[list[Timing], list[Timing]] = ([], [])
    for number in range(ROUNDS):
        for work, found in zip((own, bare), timings, strict=True):
            place = folder / f"{work.__name__}{number}"
            place.mkdir()
            found.append(_timed(work(drawn, args.frames, place)))
            for file in place.iterdir():
                file.unlink()
    first, second = (min(found, key=lambda timing: timing.wall_s) for found in timings)
    return first, second


def _timed(work: Work) -> Timing:
    gc.collect()
    wall, cpu = time.monotonic(), _cpu()
    work()
    return Timing(time.monotonic() - wall, _cpu() - cpu)


def _cpu() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _drawn(width: int, height: int) -> Frames:
    """Return Y, U, V of 10 bits with grain, and the alpha of a soft disc with hair, 0-1."""
    import numpy as np

    frames: Frames = []
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for n in range(DISTINCT):
        noise = np.random.default_rng(n)
        grain = noise.normal(0, 6, (3, height, width)).astype(np.float32)
        color = np.stack([400 + 200 * x / width, 480 + 60 * y / height, 520 + 40 * x / width])
        codes = np.clip(np.rint(color + grain), 64, 940).astype(np.uint16)
        distance = np.hypot(x - width / 2 - 9 * n, y - height / 2)
        hair = noise.normal(0, height / 60, (height, width)).astype(np.float32)
        edge = np.abs(distance - height / 3) < height / 20
        alpha = np.clip((height / 3 - distance + hair * edge) / (height / 30), 0, 1)
        frames.append([*codes, alpha.astype(np.float32)])
    return frames


def _clip(drawn: Frames, count: int, format_id: int, planes: slice) -> vs.VideoNode:
    import numpy as np
    import vapoursynth as vs

    height, width = drawn[0][0].shape
    made = []
    for frame in drawn:
        one = vs.core.create_video_frame(vs.core.get_video_format(format_id), width, height)
        for at, values in enumerate(frame[planes]):
            np.copyto(np.asarray(one[at]), values)
        for name, value in (("_Matrix", 1), ("_Transfer", 1), ("_Primaries", 1)):
            one.props[name] = value
        if planes.start:
            one.props["_Range"] = int(vs.RANGE_FULL)
        made.append(one)
    blank = vs.core.std.BlankClip(
        format=format_id, width=width, height=height, length=count, fpsnum=24, fpsden=1, keep=True
    )
    return blank.std.ModifyFrame(blank, lambda n, f: made[n % DISTINCT])  # noqa: ARG005


def _clips(drawn: Frames, count: int) -> tuple[vs.VideoNode, vs.VideoNode]:
    import vapoursynth as vs

    plate = _clip(drawn, count, vs.YUV444P10, slice(0, 3))
    return plate, _clip(drawn, count, vs.GRAYS, slice(3, 4))


def _export_exr(drawn: Frames, count: int, folder: Path) -> Work:
    """Return the writing of mattes by `export`."""
    from sghm_vs.media.writers import export

    return partial(export, *_clips(drawn, count), folder / "x.####.exr", layout="matte")


def _export_prores(drawn: Frames, count: int, folder: Path) -> Work:
    """Return the writing of a movie by `export`."""
    from sghm_vs.media.writers import export

    return partial(export, *_clips(drawn, count), folder / "x.mov")


def _bare_exr(drawn: Frames, count: int, folder: Path) -> Work:
    """Return the writing of the same arrays by OpenEXR alone, on as many threads."""
    import numpy as np
    import OpenEXR

    from sghm_vs.files import WORKERS

    mattes = [frame[3].astype(np.float16) for frame in drawn]
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}

    def write(n: int) -> None:
        channels = dict.fromkeys("RGBA", mattes[n % DISTINCT])
        with OpenEXR.File(dict(header), channels) as file:
            file.write(str(folder / f"x.{n:04d}.exr"))

    def work() -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(write, range(count)))

    return work


def _bare_prores(drawn: Frames, count: int, folder: Path) -> Work:
    """Return the writing of a movie by ffmpeg alone, fed the same raw frames."""
    import numpy as np

    from sghm_vs.color.frame_props import Colorimetry
    from sghm_vs.media.writers import ffmpeg_args
    from sghm_vs.media.writers.codecs import prores
    from sghm_vs.media.writers.ffmpeg import find_ffmpeg

    height, width = drawn[0][0].shape
    raw = [
        b"".join([*(codes.tobytes() for codes in frame[:3]), _ten_bits(np, frame[3])])
        for frame in drawn
    ]
    picture = prores(4, Colorimetry(1, 1, 1))
    movie = ffmpeg_args.MovieSpec(size=(width, height), rate=RATE, frames=count)
    words = ffmpeg_args.arguments(find_ffmpeg(), folder / "x.mov", picture, movie)

    def work() -> None:
        with subprocess.Popen(words, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None  # noqa: S101 - a pipe was asked for
            for n in range(count):
                process.stdin.write(raw[n % DISTINCT])

    return work


def _ten_bits(np: Any, alpha: Any) -> bytes:
    codes: bytes = np.rint(alpha * 1023).astype(np.uint16).tobytes()
    return codes


def _memory(drawn: Frames, count: int, folder: Path) -> dict[str, float]:
    """Return the memory held along a pass with four outputs, by frames done."""
    from sghm_vs.media.writers import export

    marks: dict[str, float] = {}

    def look(done: int, of: int) -> None:
        if done % max(of // 10, 1) == 0:
            marks[str(done)] = _resident_mib()

    names = ("x.mov", "x.####.exr", "x.mkv", "x.####.png")
    export(*_clips(drawn, count), *(folder / name for name in names), progress=look)
    return marks


def _resident_mib() -> float:
    """Return the memory that is held now."""
    import psutil

    return int(psutil.Process().memory_info().rss) / 2**20


PAIRS = {"exr matte": (_export_exr, _bare_exr), "prores 4444": (_export_prores, _bare_prores)}
