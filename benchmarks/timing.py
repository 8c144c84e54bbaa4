"""What `python -m benchmarks speed` times: a frame's way at three lengths, and its parts."""

from __future__ import annotations

import argparse
import gc
import os
import re
import tempfile
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.errors import SettingsError, WeightsError

if TYPE_CHECKING:
    import torch
    import vapoursynth as vs
    from torch import Tensor

    from sghm_vs.filter.array_engine import ArrayEngine
    from sghm_vs.filter.engine import TensorEngine
    from sghm_vs.filter.plugin_engine import PluginEngine
    from sghm_vs.models.backends.base import AnyNetwork
    from sghm_vs.models.backends.device import Compute
    from sghm_vs.models.sghm.network import SGHM
    from sghm_vs.options import Matting, Settings

    type Engine = TensorEngine | ArrayEngine

BASELINE_FRAMES = 3
WARM_UP = {"cpu": 1, "cuda": 4}
"""Frames in each stream before it counts."""
FILE_FRAMES = 96
"""Of a movie, at most: encoders of 4K take seconds a frame."""
DISTINCT = 48
"""Frames that are kept in memory; more of them repeat."""
PICTURES = 8
"""Of those, the ones that the network alone gets: a float picture of 4K takes 100 MB."""
RANDOM = " (random)"
"""Of weights that are not installed: they cost the same."""
PARTS = {
    "encode": "encode",
    "encode_small": "encode",
    "see": "encode and segment",
    "segment": "segment",
    "begin": "begin",
    "finish": "finish",
    "finish_at": "finish",
    "finish_all": "finish",
}
"""Which part of the network each of its steps is; what is left of a frame's time is `around`."""

type Row = dict[str, Any]


def size_of(text: str) -> tuple[int, int]:
    """Return the width and height that are written so, 1920x1080."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        msg = f"{text!r} is not a size; write 1920x1080"
        raise argparse.ArgumentTypeError(msg)
    return int(match[1]), int(match[2])


@dataclass(frozen=True, slots=True)
class Case:
    """What one row is measured on."""

    footage: Path
    band: Path | None
    """A movie whose first frame stands in for the alphas up to a quarter of the size."""
    size: tuple[int, int]
    frames: int
    matting: Matting


def check(case: Case) -> None:
    """
    Refuse what `measure` can't do, before a process is started for it.

    Raises:
        SghmError: The footage, the band or the weights can't be had.
    """
    from sghm_vs.media.readers import open_source
    from sghm_vs.models.architectures import ARCHITECTURES
    from sghm_vs.models.weights import find_weights

    for path in (case.footage, case.band):
        if path is not None:
            open_source(path)
    model = case.matting.model
    try:
        find_weights(model)
    except WeightsError:
        if model not in ARCHITECTURES:
            raise
        if case.band is None:
            msg = (
                f"{model} is not installed, and random weights have no edges: give a real matte "
                "with --band FILE, or install it (sghm weights fetch)"
            )
            raise SettingsError(msg) from None


def measure(case: Case) -> Row:
    """
    Return how fast `case` is: frames a second, seconds a frame, and memory.

    Raises:
        SghmError: The footage, the band or the weights can't be had.
    """
    from sghm_vs.models.backends.device import choose_computes

    how = case.matting
    compute = choose_computes(how.device_index, how.fp16, how.backend)[0]
    device = compute.device.in_torch()
    name, plain, network = _networks(how.model, compute)
    clip = _in_memory(case, DISTINCT)
    band = None if case.band is None else _matte(case.band, case.size)
    is_random = name.endswith(RANDOM)
    pictures = _pictures(clip, device, how.fp16)
    row: Row = {
        "model": name,
        "size": f"{case.size[0]}x{case.size[1]}",
        "tr": how.settings.tr,
        "backend": network.backend,
        "precision": "float" if network.precision == "float32" else "half",
        "device": device_name(device),
        "frames": clip.num_frames,
        "band": None if case.band is None else case.band.name,
        "baseline_ms": _baseline_ms(plain, pictures),
    }
    del plain
    _forget_peaks(device)
    plugin = _plugin_engine(network, how.settings, how.num_streams)
    if plugin is None:
        staged = Staged(network, band, device)
        engine = _engine(network, staged, how.settings, how.num_streams)
        row |= _network_alone(engine, _repeated(pictures, min(case.frames, DISTINCT)))
        row |= _stages_ms(engine, staged, pictures)
        row["ratio"] = row["baseline_ms"] * row["network_fps"] / 1e3
    del pictures
    row |= _through_the_filter(plugin or engine, clip)
    row |= {} if is_random else _file_to_file(case, clip[:FILE_FRAMES], row)
    return row | _peaks_mib(device)


def endure(case: Case) -> Row:
    """
    Return how long a frame takes through the filter, and the memory that all of them took.

    Raises:
        SghmError: As `measure` says.
    """
    from sghm_vs.models.backends.device import choose_computes

    how = case.matting
    compute = choose_computes(how.device_index, how.fp16, how.backend)[0]
    device = compute.device.in_torch()
    name, _, network = _networks(how.model, compute)
    band = None if case.band is None else _matte(case.band, case.size)
    engine = _plugin_engine(network, how.settings, how.num_streams) or _engine(
        network, Staged(network, band, device), how.settings, how.num_streams
    )
    clip = _in_memory(case, DISTINCT)
    passed = _through_the_filter(engine, clip)
    return {
        "model": name,
        "size": f"{case.size[0]}x{case.size[1]}",
        "tr": how.settings.tr,
        "frames": clip.num_frames,
        "frame_ms": 1e3 / passed["filter_fps"],
        "frame_cpu_ms": passed["filter_cpu_ms"],
        **_peaks_mib(device),
    }


class Staged:
    """A network whose parts are timed, and whose coarse alphas may be another's."""

    def __init__(self, network: Any, band: Tensor | None, device: torch.device) -> None:
        self._network = network
        # There before a step is captured that reads it.
        self._band = (
            None if band is None else band.to(device, getattr(network, "dtype", band.dtype))
        )
        self.device = device
        self.seconds: dict[str, float] | None = None
        """By part, while they are timed."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._network, name)
        return self._timed(PARTS[name], found) if name in PARTS else found

    def now(self) -> float:
        """Return the process's CPU time, or on CUDA the time when all is done that was asked for."""
        if self.device.type != "cuda":
            return time.process_time()
        import torch

        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def begin(self, *args: Any) -> Any:
        """Return what the network's does, with the band's alpha in place of its own."""
        begun = self._timed("begin", self._network.begin)(*args)
        # A refiner in arrays says itself where its band is.
        if self._band is None or hasattr(begun, "logits"):
            return begun
        import torch

        coarse = getattr(begun, "coarse", begun)
        size = coarse.os4.shape[-2:]
        given = torch.nn.functional.interpolate(self._band, size, mode="bilinear")
        if coarse is begun:
            alpha = given[0, 0].numpy()
            return begun._replace(os8=alpha, os4=alpha)
        return begun._replace(coarse=coarse._replace(os8=given, os4=given))

    def _timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any) -> Any:
            if self.seconds is None:
                return call(*args)
            start = self.now()
            result = call(*args)
            self.seconds[name] = self.seconds.get(name, 0) + self.now() - start
            return result

        return timed


def _engine(network: AnyNetwork, staged: Staged, settings: Settings, num_streams: int) -> Engine:
    """Return what runs `network` by its stages."""
    from sghm_vs.models.backends.graphs import GraphNetwork

    own: Any = staged
    if isinstance(network, GraphNetwork):
        from sghm_vs.filter.array_engine import array_engine

        return array_engine(own, settings, num_streams)
    from sghm_vs.filter.engine import TensorEngine
    from sghm_vs.matting.frame import Pipeline
    from sghm_vs.models.backends.streams import Streams

    return TensorEngine.of(Pipeline(own, settings), Streams(staged.device, num_streams))


def _plugin_engine(
    network: AnyNetwork, settings: Settings, num_streams: int
) -> PluginEngine | None:
    """Return what runs `network` if nodes of a plug-in do: its parts can't be timed one by one."""
    from sghm_vs.models.backends.plugins import PluginNetwork

    if not isinstance(network, PluginNetwork):
        return None
    from sghm_vs.filter.plugin_engine import plugin_engine

    return plugin_engine(network, settings, num_streams)


def _networks(model: str, compute: Compute) -> tuple[str, SGHM, AnyNetwork]:
    """Return what to call the weights, the plain network of the baseline, and ours."""
    import torch

    from sghm_vs.models.architectures import ARCHITECTURES
    from sghm_vs.models.arrays import Model, read_model
    from sghm_vs.models.backends.base import place
    from sghm_vs.models.checkpoint import build_plain_network
    from sghm_vs.models.weights import find_weights

    try:
        weights = find_weights(model)
        name, read = weights.name, read_model(weights.path)
        state = {key: torch.from_numpy(array) for key, array in read.arrays.items()}
        plain = build_plain_network(state, str(weights.path))[1]
    except WeightsError:
        if model not in ARCHITECTURES:
            raise
        torch.manual_seed(0)
        plain = ARCHITECTURES[model].build().eval()
        plain.requires_grad_(requires_grad=False)
        name = model + RANDOM
        read = Model(model, {key: value.numpy() for key, value in plain.state_dict().items()}, name)
    return name, plain.to(compute.device.in_torch()), place(read, compute)


def _in_memory(case: Case, distinct: int) -> vs.VideoNode:
    """Return so many of the footage's first frames, over and over, YUV of 8 bits, decoded once."""
    import vapoursynth as vs

    from sghm_vs.color.convert import read_color
    from sghm_vs.media.readers import open_source

    # What says nothing of its color can't be converted as it is.
    clip = read_color(open_source(case.footage).clip).clip
    few = clip[: min(case.frames, distinct)]
    sized = few.resize.Bicubic(*case.size, format=vs.YUV420P8, matrix_s="709")
    kept = [sized.get_frame(n) for n in range(sized.num_frames)]
    # As many frames as are asked for, also of footage that has fewer.
    blank = sized.std.BlankClip(length=case.frames, keep=True)
    return blank.std.ModifyFrame(blank, lambda n, f: kept[n % len(kept)])  # noqa: ARG005


def _matte(path: Path, size: tuple[int, int]) -> Tensor:
    """Return the first frame of the matte at `path`, (1, 1, height, width), 0-1."""
    import numpy as np
    import torch

    from sghm_vs.color.convert import to_matte
    from sghm_vs.media.readers import open_source

    matte = to_matte(open_source(path).clip).resize.Bicubic(*size)
    with matte.get_frame(0) as frame:
        return torch.from_numpy(np.array(frame[0], np.float32))[None, None].clamp(0, 1)


def _pictures(clip: vs.VideoNode, device: torch.device, half: bool | None) -> list[Tensor]:
    """Return the clip's first frames as tensors on the device."""
    from sghm_vs.color import convert
    from sghm_vs.filter import tensors
    from sghm_vs.models.backends.pytorch import choose_dtype

    rgb = convert.to_viewed_rgb(convert.read_color(clip[:PICTURES]), 0)
    dtype = choose_dtype(device, half)
    return [tensors.to_tensor(frame, device, dtype) for frame in rgb.frames(close=True)]


def _baseline_ms(plain: SGHM, pictures: list[Tensor]) -> float:
    """Return the median time of a dense forward pass in floats, nothing folded or rearranged."""
    import torch
    from torch.nn.functional import pad

    from sghm_vs.matting import segmentation
    from sghm_vs.models.sghm.design import STRIDE

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


def _network_alone(engine: Engine, pictures: list[Tensor]) -> Row:
    """Return the speed of what happens to pictures in memory, with a frame in every stream."""
    pipeline: Any = engine.pipeline
    streams = engine.streams
    given = _as_taken(engine, pictures)
    kind = pictures[0].device.type

    def matte(picture: Any) -> float:
        start = time.perf_counter()
        streams.run(lambda: pipeline.matte(picture))
        return 1e3 * (time.perf_counter() - start)

    with ThreadPoolExecutor(streams.most) as callers:
        # On CUDA, also until streams are open and graphs captured.
        list(callers.map(matte, _repeated(given, WARM_UP[kind] * streams.most)))
        start = time.perf_counter()
        times = list(callers.map(matte, given))
        wall = time.perf_counter() - start
    return {
        "streams": streams.count,
        "network_fps": len(pictures) / wall,
        "network_p50_ms": _percentile(times, 50),
        "network_p95_ms": _percentile(times, 95),
    }


def _as_taken(engine: Engine, pictures: list[Tensor]) -> list[Any]:
    """Return `pictures` as the engine's pipeline takes them."""
    from sghm_vs.filter.array_engine import ArrayEngine

    if not isinstance(engine, ArrayEngine):
        return [*pictures]
    return [picture[0].float().numpy() for picture in pictures]


def _alone(engine: Engine) -> tuple[Any, Any]:
    """Return its pipeline for one frame at a time, with steps as they are, and a stream for that."""
    from dataclasses import replace

    from sghm_vs.filter.array_engine import ArrayEngine
    from sghm_vs.models.backends.cores import CoreStreams

    if isinstance(engine, ArrayEngine):
        return engine.pipeline, CoreStreams(1)
    from sghm_vs.models.backends.cuda_graphs import EagerRunner
    from sghm_vs.models.backends.streams import Streams

    return replace(engine.pipeline, runner=EagerRunner()), Streams(engine.streams.device, 1)


def _stages_ms(engine: Engine, staged: Staged, pictures: list[Tensor]) -> Row:
    """
    Return the time of a frame's parts, the mean of a few, one after the other in one stream alone.

    That is CPU time, or on CUDA the time until the device is done. `finest_whole_ms` is what the
    finest alpha would take everywhere.
    """
    pipeline, stream = _alone(engine)
    some = _as_taken(engine, pictures[: 2 * BASELINE_FRAMES])
    spent: dict[str, float] = {}

    def all_of_them() -> Any:
        pipeline.matte(some[0])
        staged.seconds = {}
        start = staged.now()
        for picture in some:
            last = pipeline.matte(picture)
        spent["whole"], found = staged.now() - start, staged.seconds
        spent.update(found, around=spent.pop("whole") - sum(found.values()))
        staged.seconds = None
        spent["finest_whole"] = len(some) * _finest_whole_s(pipeline, staged, some[0])
        return last

    stream.run(all_of_them)
    means = {part: 1e3 * seconds / len(some) for part, seconds in spent.items()}
    return {"finest_whole_ms": means.pop("finest_whole"), "stages_ms": means}


def _finest_whole_s(pipeline: Any, staged: Staged, picture: Any) -> float:
    features, _ = pipeline.segment(pipeline.encoder_input(picture), *picture.shape[-2:])
    image = pipeline.prepared(picture)
    mask = image[:, :1] if image.ndim == 4 else staged.guide_of(image[0])
    begun = staged.begin(image, features, mask)
    staged.finish_all(begun)
    start = staged.now()
    staged.finish_all(begun)
    return staged.now() - start


def _through_the_filter(engine: Engine | PluginEngine, clip: vs.VideoNode) -> Row:
    """Return the speed through VapourSynth, from frames in memory to frames of alpha."""
    from sghm_vs.clips import read_once
    from sghm_vs.filter.sghm import matte_clip

    alpha = matte_clip(clip, [engine])
    if engine.packs:
        # Until streams are open and graphs captured.
        for frame in alpha[:DISTINCT].frames(close=True):
            frame.close()
        alpha = matte_clip(clip, [engine])
    wall, cpu = time.perf_counter(), time.process_time()
    times = _latencies_ms(read_once(alpha))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "filter_fps": clip.num_frames / wall,
        "filter_cpu_ms": 1e3 * cpu / clip.num_frames,
        "filter_p50_ms": _percentile(times, 50),
        "filter_p95_ms": _percentile(times, 95),
    }


def _latencies_ms(clip: vs.VideoNode) -> list[float]:
    """Return how long each frame took from its request on, as many at once as players ask for."""
    import vapoursynth as vs

    times: list[float] = []
    asked: deque[tuple[float, Future[vs.VideoFrame]]] = deque()
    for n in range(clip.num_frames):
        if len(asked) >= vs.core.num_threads:
            times.append(_wait(*asked.popleft()))
        asked.append((time.perf_counter(), clip.get_frame_async(n)))
    return times + [_wait(*one) for one in asked]


def _wait(start: float, frame: Future[vs.VideoFrame]) -> float:
    frame.result().close()
    return 1e3 * (time.perf_counter() - start)


def _file_to_file(case: Case, clip: vs.VideoNode, row: Row) -> Row:
    """
    Return the speed from a movie to a movie: H.264 decoded, matted, ProRes 4444 encoded.

    `file_part` compares its time with what it can't be below: the slowest of the three alone, or the
    CPU time of all three on all cores.
    """
    from sghm_vs.media.readers import open_source
    from sghm_vs.media.writers import export
    from sghm_vs.models.backends.cores import cores
    from sghm_vs.shots.shot import rotoscope

    with tempfile.TemporaryDirectory() as folder:
        source, matte, bare = (Path(folder, name) for name in ("s.mp4", "m.mov", "b.mov"))
        white = clip.std.BlankClip(format=_gray(), color=1, keep=True)
        export(clip, white, source, over=(0, 0, 0), sidecar=False)

        def decode() -> None:
            for frame in open_source(source).clip.frames(close=True):
                frame.close()

        decoding = _timed(decode)
        encoding = _timed(lambda: export(clip, white, bare))
        whole = _timed(lambda: rotoscope(source, [matte], matting=case.matting))
    matting = clip.num_frames / row["filter_fps"], 1e-3 * row["filter_cpu_ms"] * clip.num_frames
    alone = decoding, matting, encoding
    least = max(*(wall for wall, _ in alone), sum(cpu for _, cpu in alone) / cores())
    return {
        "file_fps": clip.num_frames / whole[0],
        "file_part": whole[0] / least,
        "decode_fps": clip.num_frames / decoding[0],
        "encode_fps": clip.num_frames / encoding[0],
    }


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the CPU seconds of `work`, with processes that it waits for."""
    wall, cpu = time.perf_counter(), _cpu_s()
    work()
    return time.perf_counter() - wall, _cpu_s() - cpu


def _cpu_s() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _repeated(pictures: list[Tensor], number: int) -> list[Tensor]:
    return [pictures[n % len(pictures)] for n in range(number)]


def _gray() -> int:
    import vapoursynth as vs

    return int(vs.GRAYS)


def device_name(device: torch.device) -> str:
    """Return what is measured on, in words: device, torch, and whether TF32 counts as float."""
    import torch

    from sghm_vs.models.backends.cores import cores

    if device.type != "cuda":
        return (
            f"{cores()} cores, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"
        )
    tf32 = "with" if torch.backends.cudnn.allow_tf32 else "without"
    name = torch.cuda.get_device_name(device)
    return f"{name}, {cores()} cores, torch {torch.__version__}, floats {tf32} TF32"


def _forget_peaks(device: torch.device) -> None:
    """Have `_peaks_mib` count from here on, where the system can."""
    import torch

    from sghm_vs.models.backends.cores import trim_heap

    gc.collect()
    trim_heap()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peaks_mib(device: torch.device) -> Row:
    """Return the most memory this process held, where the system says it, and the device."""
    import torch

    from sghm_vs.shots.batch.memory import peak_bytes

    peak = peak_bytes(os.getpid())
    found: Row = {"memory_mib": None if peak is None else peak / 2**20}
    if device.type == "cuda":
        found["device_memory_mib"] = torch.cuda.max_memory_reserved(device) / 2**20
    return found


def _percentile(values: list[float], rank: float) -> float:
    import numpy as np

    return float(np.percentile(values, rank))
