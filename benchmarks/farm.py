"""What a farm costs beside the matting, and how it grows with its workers."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import main, options
from sghm_vs.options import FrameRange, Settings
from sghm_vs.shots.farm.chunks import split
from sghm_vs.shots.farm.fingerprint import Fingerprint
from sghm_vs.shots.farm.plan import Plan, PlannedShot

if TYPE_CHECKING:
    from sghm_vs.media.readers import Source
    from sghm_vs.options import Matting
    from sghm_vs.shots.batch.pool import Order, Outcome
    from sghm_vs.shots.farm.engines.ray import RayPool
    from sghm_vs.shots.shot import Prepared

CHUNKS = 10_000
DISPATCHED = 1_000
CHUNK = 24
SHORT, LONG = 4, 16
"""Frames of the chunks whose difference says what a frame costs."""
WORKERS = 1, 2, 4

type Row = dict[str, float | int]


class Idler:
    """A worker that does nothing: what is left is what the farm itself takes."""

    def __init__(self, needs: object) -> None:
        del needs

    def ready(self) -> tuple[str, ...]:
        """Be as planned."""
        return ()

    def carry_out(self, order: Order) -> Outcome:
        """Say that a chunk is made, or that a shot is as it was."""
        from sghm_vs.shots.batch.record import Outputs
        from sghm_vs.shots.batch.render import Rendered, Task

        if not isinstance(order, Task):
            return Outputs(is_as_known=True)
        frames = order.shot.frames
        assert frames is not None  # noqa: S101 - a chunk's
        return Rendered(first=frames.first, frames=len(frames))


def run(args: argparse.Namespace) -> int:
    """Measure, and print what came out."""
    with options.stdout_for_results(), tempfile.TemporaryDirectory() as folder:
        found: dict[str, Any] = {"plan_s": _planned(), "dispatch_ms": _dispatched(Path(folder))}
        if args.folder is not None:
            found |= _in_its_own_process(args)
            found["workers"] = _scaled(args, Path(folder))
    if args.json:
        options.print_json(found)
        return 0
    sys.stdout.write(f"{CHUNKS} chunks planned, written and read: {found['plan_s']:.2f} s\n")
    sys.stdout.write(f"dispatch of a chunk, one idle worker: {found['dispatch_ms']:.1f} ms\n")
    if "frame_cpu_s" in found:
        sys.stdout.write(
            f"a frame: {found['frame_cpu_s']:.3f} CPU s, {found['frame_mb']:.2f} MB; one that is "
            f"only read: {found['window_share']:.2f} of that\n"
        )
    first = found.get("workers", [{}])[0]
    for row in found.get("workers", []):
        part = row["fps"] / first["fps"]
        sys.stdout.write(f"{row['workers']} workers: {row['fps']:.2f} fps, {part:.2f} of one\n")
    return 0


def _planned() -> float:
    """Return how many seconds a plan of many chunks takes, to the file and back."""
    started = time.monotonic()
    plan = _plan(Path("/show"), CHUNKS, CHUNK)
    assert Plan.from_json(plan.to_json()) == plan  # noqa: S101 - it is what is measured
    return time.monotonic() - started


def _plan(folder: Path, chunks: int, size: int, source: Path = Path("plate.mov")) -> Plan:
    frames = FrameRange(0, chunks * size - 1)
    shot = PlannedShot(
        name="shot",
        source=str(source),
        frames=frames,
        is_whole=False,
        first_number=0,
        matting=("--model=sghm-lite", "--device=cpu"),
        delivery=("--layout=matte",),
        outputs=("shot.####.exr",),
        chunks=tuple(split(frames, size, reach=Settings().reach, cuts=range(0, frames.last, 100))),
    )
    worker = Fingerprint(
        model="sghm-lite", weights_sha256="", backend="torch", precision="float32", device="",
        is_gpu=False, threads=1, packages={},
    )  # fmt: skip
    return Plan(folder=str(folder), worker=worker, frame_s=None, shots=(shot,))


def _dispatched(folder: Path) -> float:
    """Return how many milliseconds pass for each chunk while nothing is made of it."""
    (folder / "plate.mov").touch()
    plan = _plan(folder / "idle", DISPATCHED, 1, folder / "plate.mov")
    return 1000 * _timed(plan, 1, Idler) / DISPATCHED


def _in_its_own_process(args: argparse.Namespace) -> dict[str, float]:
    """Return what `_cost` measures; a worker's threads are not for this process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_cost, (args.folder, options.matting_from(args)))


def _cost(footage: Path, matting: Matting) -> dict[str, float]:
    """Return what a frame costs, and one that is only read, by the difference of two chunks."""
    from sghm_vs.media.readers import open_source
    from sghm_vs.shots.farm.worker import bind_threads
    from sghm_vs.shots.shot import prepare

    bind_threads(1)
    options.bound_cache()
    source = open_source(footage)
    prepared = prepare(replace(matting, device_index=-1, num_streams=1))
    reach = matting.settings.reach
    first = min(reach, max(0, source.clip.num_frames - reach - LONG))
    _chunk_cost(source, prepared, first, SHORT)
    short, _ = _chunk_cost(source, prepared, first, SHORT)
    long, megabytes = _chunk_cost(source, prepared, first, LONG)
    frame_s = (long - short) / (LONG - SHORT)
    share = (short - SHORT * frame_s) / (2 * reach * frame_s) if reach else 0.0
    return {"frame_cpu_s": frame_s, "window_share": share, "frame_mb": megabytes}


def _chunk_cost(source: Source, prepared: Prepared, first: int, length: int) -> tuple[float, float]:
    """Return how much of the processor a chunk takes, in seconds, and a frame's megabytes."""
    from sghm_vs.options import Delivery, OutputFormat
    from sghm_vs.shots.shot import rotoscope

    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        rotoscope(
            source,
            [Path(folder) / "####.exr"],
            frames=FrameRange(first, first + length - 1),
            matting=prepared,
            delivery=Delivery(output_format=OutputFormat(layout="matte")),
        )
        spent = time.process_time() - started
        size = sum(file.stat().st_size for file in Path(folder).glob("*.exr"))
    return spent, size / length / 1e6


def _scaled(args: argparse.Namespace, folder: Path) -> list[Row]:
    """Return the speed of ever more workers with a core each, on the same chunks."""
    rows: list[Row] = []
    matting = options.matting_from(args)
    frames = args.frames or 2 * CHUNK * max(WORKERS)
    for count in WORKERS:
        path = folder / f"{count}.json"
        words = [str(args.folder), "-o", str(path), f"--mattes={folder / str(count)}", "--quiet"]
        words += [f"--frames=0-{frames - 1}", f"--chunk={CHUNK}", f"--model={matting.model}"]
        words += [
            "--to={shot}.####.exr",
            "--layout=matte",
            "--device=cpu",
            f"--tr={matting.settings.tr}",
        ]
        main(["farm", "plan", *words])
        plan = Plan.from_json(path.read_text(encoding="utf-8"))
        seconds = _timed(plan, count, None)
        rows.append({"workers": count, "frames": frames, "fps": frames / seconds})
        sys.stderr.write(f"{json.dumps(rows[-1])}\n")
    return rows


def _timed(plan: Plan, workers: int, kind: type | None) -> float:
    """Return how many seconds `plan` takes workers that are ready."""
    from sghm_vs.options import ShowOptions
    from sghm_vs.shots.farm.engines.base import WorkerOptions, WorkerProcess
    from sghm_vs.shots.farm.engines.ray import RayPool
    from sghm_vs.shots.farm.job import jobs_of
    from sghm_vs.shots.farm.run import make_show

    jobs = [*jobs_of(plan)]
    needs = WorkerOptions(planned=plan.worker, matting=jobs[0].shot.matting, is_mixed=True)
    pool = RayPool(needs, size=workers, kind=kind or WorkerProcess, cores=workers)
    _ready(pool, workers)
    started = time.monotonic()
    make_show(jobs, lambda: pool, ShowOptions(no_hash=True))
    return time.monotonic() - started


def _ready(pool: RayPool, workers: int) -> None:
    while len([*pool.free(workers)]) < workers:
        for _ in pool.events(1.0):
            pass
