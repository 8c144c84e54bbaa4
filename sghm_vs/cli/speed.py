"""sghm bench speed: how fast footage is matted, beside a plain forward pass of the same weights."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError, WeightsError

if TYPE_CHECKING:
    import vapoursynth as vs
    from torch import Tensor

    from sghm_vs.device import Compute
    from sghm_vs.network import SGHM, Network
    from sghm_vs.network.model import Begun
    from sghm_vs.rotoscope import Matting

SIZES = (960, 540), (1280, 720), (1920, 1080), (3840, 2160)
RADII = 0, 2
FRAMES = 24
BASELINE_FRAMES = 3
RANDOM = " (random)"
"""Of weights that are not installed: they cost the same."""
PARTS = "encode", "segment", "begin", "finish"
"""Of the network, each timed on one thread; what is left of a frame's time is `around`."""

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What one row is measured on."""

    footage: Path
    band: Path | None
    """A movie whose first frame stands in for the alphas up to a quarter of the size."""
    size: tuple[int, int]
    frames: int
    matting: Matting


def run(args: argparse.Namespace) -> int:
    """Measure each case in a process of its own, and print a table."""
    rows = []
    with options.stdout_for_results():
        for case in _cases(args):
            rows.append(_in_its_own_process(case))
            sys.stderr.write(_line(rows[-1]))
    if args.json:
        options.print_json({"rows": rows})
    else:
        sys.stdout.write(_table(rows))
    return 0


def _cases(args: argparse.Namespace) -> Iterator[Case]:
    from sghm_vs.weights import PUBLISHED_MODEL, SHIPPED_MODEL

    matting = options.matting_from(args)
    models = [SHIPPED_MODEL, PUBLISHED_MODEL] if args.matrix else [args.model]
    sizes = SIZES if args.matrix else [args.size]
    for model in models:
        for size in sizes:
            for tr in RADII if args.matrix else [args.tr]:
                chosen = replace(matting, model=model, settings=replace(matting.settings, tr=tr))
                yield Case(args.folder, args.band, size, args.frames or FRAMES, chosen)


def _in_its_own_process(case: Case) -> Row:
    """Return the row of `case`: memory counts from nothing, and nothing is warm."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, [case])


def measure(case: Case) -> Row:
    """
    Return how fast `case` is: frames a second, seconds a frame, and memory.

    Raises:
        SghmError: The footage, the band or the weights can't be had.
    """
    import torch

    from sghm_vs.device import choose_computes
    from sghm_vs.slots import Slots

    how = case.matting
    compute = choose_computes(how.device_index, how.fp16, how.backend)[0]
    device = compute.device
    name, plain, network = _networks(how.model, compute)
    clip = _in_memory(case)
    band = None if case.band is None else _matte(case.band, case.size)
    is_random = name.endswith(RANDOM)
    if band is None and is_random:
        msg = (
            f"{how.model} is not installed, and random weights have no edges: give a real "
            "matte with --band FILE, or install it (sghm weights fetch)"
        )
        raise SettingsError(msg)
    staged = Staged(network, band)
    slots = Slots(device, how.num_streams)
    pictures = _pictures(clip, device, network.dtype)
    row: Row = {
        "model": name,
        "size": f"{case.size[0]}x{case.size[1]}",
        "tr": how.settings.tr,
        "backend": network.backend,
        "precision": "half" if how.fp16 or network.dtype == torch.float16 else "float",
        "device": _device_name(device),
        "baseline_ms": _baseline_ms(plain, pictures),
    }
    row |= _network_alone(staged, slots, pictures, case)
    row |= _stages_ms(staged, pictures, case)
    row |= _through_the_filter(staged, slots, clip, case)
    row |= {} if is_random else _file_to_file(case, clip)
    row["ratio"] = row["baseline_ms"] * row["network_fps"] / 1e3
    row["memory_mib"] = _peak_mib()
    if device.type == "cuda":
        row["device_memory_mib"] = torch.cuda.max_memory_allocated(device) / 2**20
    return row


class Staged:
    """A network whose parts are timed, and whose coarse alphas may be another's."""

    def __init__(self, network: Network, band: Tensor | None) -> None:
        self._network = network
        self._band = band
        self.seconds: dict[str, float] | None = None
        """By part, while they are timed."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._network, name)
        return self._timed(name, found) if name in PARTS else found

    def begin(self, *args: Any) -> Begun:
        """Return what the network's does, with the band's alpha in place of its own."""
        begun: Begun = self._timed("begin", self._network.begin)(*args)
        if self._band is None:
            return begun
        import torch

        height, width = begun.coarse.os8.shape[-2:]
        given = torch.nn.functional.interpolate(
            self._band.to(begun.coarse.os8), (height, width), mode="bilinear"
        )
        return begun._replace(coarse=begun.coarse._replace(os8=given, os4=given))

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            start = time.thread_time()
            result = call(*args)
            if self.seconds is not None:
                self.seconds[name] = self.seconds.get(name, 0) + time.thread_time() - start
            return result

        return timed


def _networks(model: str, compute: Compute) -> tuple[str, SGHM, Network]:
    """Return what to call the weights, the plain network of the baseline, and ours."""
    import copy

    import torch

    from sghm_vs.filter import placed
    from sghm_vs.network import build_plain_network, read_checkpoint
    from sghm_vs.network.checkpoint import ARCHITECTURES, fold_batch_norms
    from sghm_vs.weights import find_weights

    try:
        weights = find_weights(model)
        name = weights.name
        architecture, plain = build_plain_network(read_checkpoint(weights.path), str(weights.path))
    except WeightsError:
        if model not in ARCHITECTURES:
            raise
        torch.manual_seed(0)
        architecture, plain = model, ARCHITECTURES[model]().eval()
        plain.requires_grad_(requires_grad=False)
        name = model + RANDOM
    network = copy.deepcopy(plain)
    fold_batch_norms(network)
    return name, plain.to(compute.device), placed(network, architecture, compute)


def _in_memory(case: Case) -> vs.VideoNode:
    """Return the footage's first frames, YUV of 8 bits at the case's size, decoded once."""
    import vapoursynth as vs

    from sghm_vs.source import open_source

    clip = open_source(case.footage).clip
    sized = clip[: case.frames].resize.Bicubic(*case.size, format=vs.YUV420P8, matrix_s="709")
    kept = [sized.get_frame(n) for n in range(sized.num_frames)]
    blank = sized.std.BlankClip(keep=True)
    return blank.std.ModifyFrame(blank, lambda n, f: kept[n])  # noqa: ARG005


def _matte(path: Path, size: tuple[int, int]) -> Tensor:
    """Return the first frame of the matte at `path`, (1, 1, height, width), 0-1."""
    import numpy as np
    import torch

    from sghm_vs.color import to_matte
    from sghm_vs.source import open_source

    matte = to_matte(open_source(path).clip).resize.Bicubic(*size)
    with matte.get_frame(0) as frame:
        return torch.from_numpy(np.array(frame[0], np.float32))[None, None].clamp(0, 1)


def _pictures(clip: vs.VideoNode, device: Any, dtype: Any) -> list[Tensor]:
    from sghm_vs import color, planes

    rgb = color.to_viewed_rgb(color.read_color(clip), 0)
    return [planes.to_tensor(frame, device, dtype) for frame in rgb.frames(close=True)]


def _baseline_ms(plain: SGHM, pictures: list[Tensor]) -> float:
    """Return the median time of a dense forward pass in floats, nothing folded or rearranged."""
    import torch
    from torch.nn.functional import pad

    from sghm_vs.network.model import STRIDE
    from sghm_vs.stages import segmentation

    times = []
    with torch.inference_mode():
        for picture in [pictures[0], *pictures[:BASELINE_FRAMES]]:
            height, width = picture.shape[-2:]
            image = pad(picture.float(), (0, -width % STRIDE, 0, -height % STRIDE), "replicate")
            start = time.perf_counter()
            features = plain.encode(image)
            mask = segmentation.to_mask(plain.segment(features), (image.shape[2], image.shape[3]))
            plain.matte(image, features, mask).os1.sum().item()
            times.append(1e3 * (time.perf_counter() - start))
    return _percentile(times[1:], 50)


def _network_alone(staged: Staged, slots: Any, pictures: list[Tensor], case: Case) -> Row:
    """Return the speed of what happens between tensors, with a frame in every slot."""
    from sghm_vs.pipeline import Pipeline

    pipeline = Pipeline(staged, case.matting.settings)  # type: ignore[arg-type]

    def matte(picture: Tensor) -> float:
        start = time.perf_counter()
        slots.run(lambda: pipeline.matte(picture))
        return 1e3 * (time.perf_counter() - start)

    with ThreadPoolExecutor(slots.count) as callers:
        list(callers.map(matte, pictures[: slots.count]))
        start = time.perf_counter()
        times = list(callers.map(matte, pictures))
        wall = time.perf_counter() - start
    return {
        "network_fps": len(pictures) / wall,
        "network_p50_ms": _percentile(times, 50),
        "network_p95_ms": _percentile(times, 95),
    }


def _stages_ms(staged: Staged, pictures: list[Tensor], case: Case) -> Row:
    """Return the CPU time of a frame's parts, the mean of a few, in one slot alone."""
    from sghm_vs.pipeline import Pipeline
    from sghm_vs.slots import Slots

    pipeline = Pipeline(staged, case.matting.settings)  # type: ignore[arg-type]
    some = pictures[: 2 * BASELINE_FRAMES]

    def all_of_them() -> Tensor:
        start = time.thread_time()
        for picture in some:
            last = pipeline.matte(picture)
        total[0] = time.thread_time() - start
        return last

    total, staged.seconds = [0.0], {}
    Slots(pictures[0].device, 1).run(all_of_them)
    found, staged.seconds = staged.seconds, None
    found["around"] = total[0] - sum(found.values())
    return {"stages_ms": {part: 1e3 * spent / len(some) for part, spent in found.items()}}


def _through_the_filter(staged: Staged, slots: Any, clip: vs.VideoNode, case: Case) -> Row:
    """Return the speed through VapourSynth, from frames in memory to frames of alpha."""
    from sghm_vs.filter import matte_clip
    from sghm_vs.matting import Engine
    from sghm_vs.pipeline import Pipeline

    pipeline = Pipeline(staged, case.matting.settings)  # type: ignore[arg-type]
    alpha = matte_clip(clip, [Engine.of(pipeline, slots)])
    wall, cpu = time.perf_counter(), time.process_time()
    for frame in alpha.frames():
        frame.close()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"filter_fps": clip.num_frames / wall, "filter_cpu_ms": 1e3 * cpu / clip.num_frames}


def _file_to_file(case: Case, clip: vs.VideoNode) -> Row:
    """Return the speed from a movie to a movie: H.264 decoded, matted, ProRes 4444 encoded."""
    from sghm_vs.delivery import export
    from sghm_vs.rotoscope import rotoscope

    with tempfile.TemporaryDirectory() as folder:
        source, matte = Path(folder, "source.mp4"), Path(folder, "matte.mov")
        white = clip.std.BlankClip(format=_gray(), color=1, keep=True)
        export(clip, white, source, over=(0, 0, 0), sidecar=False)
        start = time.perf_counter()
        rotoscope(source, [matte], matting=case.matting)
        return {"file_fps": clip.num_frames / (time.perf_counter() - start)}


def _gray() -> int:
    import vapoursynth as vs

    return int(vs.GRAYS)


def _device_name(device: Any) -> str:
    import torch

    from sghm_vs.slots import cores

    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return f"{cores()} cores, {torch.backends.cpu.get_cpu_capability()}"


def _peak_mib() -> float | None:
    """Return the most memory this process held; None where the system doesn't say."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def _percentile(values: list[float], rank: float) -> float:
    import numpy as np

    return float(np.percentile(values, rank))


def _line(row: Mapping[str, Any]) -> str:
    stages = ", ".join(f"{part} {spent:.0f}" for part, spent in row["stages_ms"].items())
    return f"{row['model']} {row['size']} tr={row['tr']}: CPU ms of one frame on one thread: {stages}\n"


def _table(rows: list[Row]) -> str:
    """Return a Markdown table."""
    head = (
        "| model | size | tr | backend | precision | baseline ms | network fps | p50 / p95 ms | "
        "times baseline | filter fps | file to file fps | MiB |"
    )
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    for row in rows:
        latency = f"{row['network_p50_ms']:.0f} / {row['network_p95_ms']:.0f}"
        files = f"{row['file_fps']:.2f}" if "file_fps" in row else ""
        memory = "" if row["memory_mib"] is None else f"{row['memory_mib']:.0f}"
        cells = [
            row["model"], row["size"], str(row["tr"]), row["backend"], row["precision"],
            f"{row['baseline_ms']:.0f}", f"{row['network_fps']:.2f}", latency,
            f"{row['ratio']:.2f}", f"{row['filter_fps']:.2f}", files, memory,
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, f"on {rows[0]['device']}"]) + "\n"
