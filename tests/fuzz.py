"""
Damaged files, by the thousand: each must open, or be refused with an error of ours.

    python -m tests.fuzz                          # 10,000 files of each kind: hours
    python -m tests.fuzz --files 200 movie exr    # less

Each batch runs in a process of its own, so that a crash or a hang is seen and counted; the
file that did it is kept in the working folder. A file that hangs is tried once more, alone: the
machine may have been busy. Every file is made from its number alone.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
BATCH = 250
FILE_WITHIN_S = 10.0
STARTING_S = 120.0
"""What a process may need to load and open a whole file, on a machine that does other work."""
READY = "ready"
HUNG = "hung"


def main() -> int:
    """Run every kind asked for, print a line each, and return 1 where something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, usage="python -m tests.fuzz [KIND ...]")
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(KINDS))
    parser.add_argument("--files", type=int, default=10_000, help="of each kind (default: 10000)")
    parser.add_argument("--first", type=int, default=0, help="number of the first (default: 0)")
    parser.add_argument("--within", type=float, default=FILE_WITHIN_S, help="seconds for a file")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    numbers = range(args.first, args.first + args.files)
    if args.worker:
        work(args.kinds[0], numbers, args.worker)
        return 0
    is_good = True
    for kind in args.kinds or KINDS:
        started = time.monotonic()
        counts = fuzz(kind, numbers, args.within)
        listed = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        sys.stdout.write(f"{kind}: {listed}; {time.monotonic() - started:.0f} s\n")
        sys.stdout.flush()
        is_good &= counts.keys() <= {"opened", "refused"}
    return 0 if is_good else 1


def fuzz(kind: str, numbers: range, within_s: float = FILE_WITHIN_S) -> Counter[str]:
    """Return how often what came of the files `numbers` of `kind`, a process for each batch."""
    counts: Counter[str] = Counter()
    at = numbers.start
    while at < numbers.stop:
        said = run_batch(kind, range(at, min(at + BATCH, numbers.stop)), within_s)
        if said[-1] == HUNG:
            said[-1:] = run_batch(kind, range(at + len(said) - 1, at + len(said)), within_s)
        for n, what in enumerate(said, start=at):
            if what not in ("opened", "refused"):
                sys.stdout.write(f"{kind} {n}: {what}\n")
                keep(kind, n)
        counts.update(what.split(":")[0] for what in said)
        at += len(said)
    return counts


def run_batch(kind: str, numbers: range, within_s: float) -> list[str]:
    """Return what came of each file, up to the first that ended the process or its time."""
    with tempfile.TemporaryDirectory(prefix="sghm-fuzz-") as folder:
        report = Path(folder) / "report"
        report.touch()
        command = [sys.executable, "-m", "tests.fuzz", kind, "--worker", folder]
        command += ["--first", str(numbers.start), "--files", str(len(numbers))]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, cwd=ROOT, stdout=quiet, stderr=quiet)
        said = watched(process, report, within_s)
        if len(said) < len(numbers):
            said.append(HUNG if process.returncode == -9 else f"crashed {process.returncode}")
    return said


def watched(process: subprocess.Popen[bytes], report: Path, within_s: float) -> list[str]:
    """Wait for the worker, and kill it when a file takes longer than `within_s`."""
    done, since = 0, time.monotonic()
    while process.poll() is None:
        lines = report.read_text().count("\n")
        if lines > done:
            done, since = lines, time.monotonic()
        if time.monotonic() - since > (within_s if done else STARTING_S):
            process.kill()
            process.wait()
        time.sleep(0.02)
    return report.read_text().splitlines()[1:]


def keep(kind: str, number: int) -> None:
    """Write the file into the working folder."""
    Path(f"fuzz-{kind}-{number}{ending(kind)}").write_bytes(mutated(kind, number))


def work(kind: str, numbers: range, folder: Path) -> None:
    """Open a whole file, then the damaged ones, and write a line for each into the report."""
    opening = KINDS[kind]
    path = folder / f"file{ending(kind)}"
    path.write_bytes(whole(kind))
    opening(path)
    with (folder / "report").open("a", buffering=1) as report:
        report.write(f"{READY}\n")
        for number in numbers:
            path.write_bytes(mutated(kind, number))
            report.write(tried(opening, path) + "\n")


def tried(opening: Callable[[Path], object], path: Path) -> str:
    """Return "opened", "refused", or what was raised that is none of our errors."""
    import vapoursynth as vs

    from sghm_vs import SghmError

    try:
        opening(path)
    except (SghmError, vs.Error):
        return "refused"
    except BaseException as error:
        return f"raised {type(error).__name__}: {error}".replace("\n", " ")[:200]
    return "opened"


def open_footage(path: Path) -> None:
    """Open the file and read its first and last frame."""
    from sghm_vs.media.readers import open_source

    clip = open_source(path).clip
    for n in {0, clip.num_frames - 1}:
        clip.get_frame(n).close()


def open_checkpoint(path: Path) -> None:
    """Read the checkpoint and build its network."""
    from sghm_vs.models.checkpoint import build_network, read_checkpoint

    build_network(read_checkpoint(path), path.name)


KINDS: Mapping[str, Callable[[Path], object]] = {
    "checkpoint": open_checkpoint,
    "pth": open_checkpoint,
    "exr": open_footage,
    "png": open_footage,
    "movie": open_footage,
    "mkv": open_footage,
    "ts": open_footage,
    "jpeg": open_footage,
    "tiff": open_footage,
    "dpx": open_footage,
    "tga": open_footage,
}
ENDINGS = {
    "checkpoint": ".safetensors", "movie": ".mp4", "jpeg": ".jpg", "tiff": ".tif",
}  # fmt: skip
"""Of the kinds whose files do not end as the kind is called."""


def ending(kind: str) -> str:
    """Return what the names of `kind`'s files end in."""
    return ENDINGS.get(kind, f".{kind}")


@cache
def whole(kind: str) -> bytes:
    """Return an undamaged file of `kind`."""
    return MAKERS[kind]()


def mutated(kind: str, number: int) -> bytes:
    """Return file `number` of `kind`: a whole one with a few of its bytes changed or lost."""
    rng = np.random.default_rng((number, *kind.encode()))
    data = bytearray(whole(kind))
    # Headers say most, and are a small part of most files.
    reach = len(data) if rng.random() < 0.5 else min(len(data), 400)
    for _ in range(rng.integers(1, 9)):
        at = int(rng.integers(reach))
        change = CHANGES[rng.integers(len(CHANGES))]
        change(data, min(at, max(len(data) - 1, 0)), rng)
    return mended(data) if kind == "png" and rng.random() < 0.7 else bytes(data)


def mended(png: bytearray) -> bytes:
    """Return `png` with checksums that fit its chunks: the reader looks no further otherwise."""
    at = 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            break
        png[end : end + 4] = zlib.crc32(png[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(png)


def flip(data: bytearray, at: int, rng: np.random.Generator) -> None:
    """Change a byte."""
    data[at : at + 1] = rng.bytes(1)


def spread(data: bytearray, at: int, rng: np.random.Generator) -> None:
    """Overwrite a few bytes with an extreme number."""
    extremes = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x80\0\0\0")
    data[at : at + 4] = extremes[rng.integers(len(extremes))]


def lose(data: bytearray, at: int, rng: np.random.Generator) -> None:
    """Take some bytes away."""
    del data[at : at + int(rng.integers(1, 64))]


def double(data: bytearray, at: int, rng: np.random.Generator) -> None:
    """Repeat some bytes."""
    data[at:at] = data[at : at + int(rng.integers(1, 64))]


def cut(data: bytearray, at: int, rng: np.random.Generator) -> None:
    """End the file early, now and then."""
    if rng.random() < 0.3:
        del data[at:]


CHANGES = (flip, flip, spread, lose, double, cut)


def _exr() -> bytes:
    import OpenEXR

    rng = np.random.default_rng(1)
    channels = {name: rng.random((24, 32), np.float32) for name in "RGB"}
    header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    return _written(lambda path: OpenEXR.File(header, channels).write(str(path)), ".exr")


def _photo(suffix: str) -> bytes:
    import cv2

    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def _film(suffix: str) -> bytes:
    import OpenImageIO

    def write(path: Path) -> None:
        image = OpenImageIO.ImageOutput.create(str(path))
        image.open(str(path), OpenImageIO.ImageSpec(32, 24, 3, "uint8"))
        image.write_image(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8))
        image.close()

    return _written(write, suffix)


def _movie(suffix: str) -> bytes:
    import imageio_ffmpeg

    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24:d=0.5"]
    words = ["-v", "error", *source, "-pix_fmt", "yuv420p", "-y"]
    return _written(
        lambda path: subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), *words, path], check=True),
        suffix,
    )


def _safetensors() -> bytes:
    return (ROOT / "weights" / "sghm-lite.safetensors").read_bytes()


def _pth() -> bytes:
    import torch
    from safetensors.torch import load

    return _written(lambda path: torch.save(load(_safetensors()), path), ".pth")


def _written(write: Callable[[Path], object], ending: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"whole{ending}"
        write(path)
        return path.read_bytes()


MAKERS: Mapping[str, Callable[[], bytes]] = {
    "checkpoint": _safetensors,
    "pth": _pth,
    "exr": _exr,
    "png": partial(_photo, ".png"),
    "movie": partial(_movie, ".mp4"),
    "mkv": partial(_movie, ".mkv"),
    "ts": partial(_movie, ".ts"),
    "jpeg": partial(_photo, ".jpg"),
    "tiff": partial(_photo, ".tif"),
    "dpx": partial(_film, ".dpx"),
    "tga": partial(_film, ".tga"),
}


if __name__ == "__main__":
    sys.exit(main())
