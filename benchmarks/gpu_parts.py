"""What each part of the check does: rows, each on disk as soon as it is known."""

from __future__ import annotations

import argparse
import gc
import os
import re
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
import vapoursynth as vs
from numpy.typing import NDArray

from benchmarks.gpu_rows import Row, in_words, keep
from benchmarks.gpu_scene import (
    Case,
    Size,
    counted_capture,
    engine,
    matted,
    plain_alpha,
    plain_network,
    tensors,
    weights,
)
from sghm_vs.filter.engine import TensorEngine
from sghm_vs.models.backends.cores import cores
from sghm_vs.models.backends.device import choose_device

CHECKOUT = Path(__file__).parents[1]
LITE, RESNET = MODELS = "sghm-lite", "sghm-resnet50"
PICTURES = 4
VISIBLE = 2 / 255
"""How much of alpha an eye might see."""

type Alpha = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Plan:
    """Where it is done, and how much."""

    device: int
    sizes: tuple[Size, Size, Size]
    """Large, small, largest: in order of what is missed most."""
    streams: tuple[int, ...]
    """In that order too; as many, in the network alone, as come first."""
    measured_s: float
    """How long a figure is measured for."""
    warm_up: int
    """Frames that don't count, in which every slot captures its graphs and windows fill."""
    frames: tuple[int, int]
    """How many frames count at least, and at most."""
    compared: Size
    compared_frames: int
    long: Size
    long_frames: int


ON_CUDA = Plan(
    device=0,
    sizes=(Size("1080p", 1920, 1080), Size("720p", 1280, 720), Size("4K", 3840, 2160)),
    streams=(4, 1, 2, 3),
    measured_s=0.5,
    warm_up=24,
    frames=(24, 240),
    compared=Size("720p", 1280, 720),
    compared_frames=6,
    long=Size("108p", 192, 108),
    long_frames=10_000,
)
REHEARSAL = Plan(
    device=-1,
    sizes=(Size("1080p", 96, 64), Size("720p", 64, 64), Size("4K", 128, 64)),
    streams=(1, 2),
    measured_s=0.01,
    warm_up=1,
    frames=(1, 2),
    compared=Size("720p", 96, 64),
    compared_frames=3,
    long=Size("108p", 64, 64),
    long_frames=100,
)


def main() -> int:
    """Run one part, and keep its rows as they come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_parts")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--rehearse", action="store_true")
    args = parser.parse_args()
    return keep(PARTS[args.part](REHEARSAL if args.rehearse else ON_CUDA), args.rows)


def tried(case: Case, work: Callable[[], Row]) -> Row:
    """Return the row of `case` with what `work` returns, or why it failed: the next may not."""
    try:
        return case.row() | work()
    except Exception as error:
        traceback.print_exc()
        return case.row() | {"why": in_words(error)}
    finally:
        _forget()


def machine(plan: Plan) -> Iterator[Row]:
    """Yield what is measured with, then on what."""
    yield {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "vapoursynth": vs.core.core_version.release_major,
        "cores": cores(),
        "CPU": torch.backends.cpu.get_cpu_capability(),
        "floats": "with TF32" if torch.backends.cudnn.allow_tf32 else "without TF32",
        "drawn weights": ", ".join(model for model in MODELS if weights(model)[1]) or "none",
    }
    device = choose_device(plan.device).in_torch()
    yield _card(device) if device.type == "cuda" else {"card": "none"}


def _card(device: torch.device) -> Row:
    card = torch.cuda.get_device_properties(device)
    asked = ["nvidia-smi", "--query-gpu=driver_version,power.limit", "--format=csv,noheader"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        told = "unknown"
    return {
        "card": card.name,
        "capability": f"{card.major}.{card.minor}",
        "multiprocessors": card.multi_processor_count,
        "card's MiB": card.total_memory >> 20,
        "CUDA": torch.version.cuda,
        "cuDNN": torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
        "driver, power limit": told,
    }


def gpu_tests(plan: Plan) -> Iterator[Row]:
    """Yield what became of each of the tests that are marked `gpu`."""
    del plan
    marked = [
        str(path.relative_to(CHECKOUT))
        for path in sorted((CHECKOUT / "tests").glob("test_*.py"))
        if "pytest.mark.gpu" in path.read_text()
    ]
    # A newer torch may warn of what an older one did not: that is no failure of a card.
    words = [sys.executable, "-m", "pytest", "-m", "gpu", "-v", "-W", "default", "--color=no"]
    words += ["--tb=short", "-p", "no:cacheprovider", *marked]
    # Nor are the plugins that happen to be there.
    alone = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    with subprocess.Popen(
        words, cwd=CHECKOUT, env=alone, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            sys.stdout.write(line)
            if told := _told(line):
                yield told
    if process.returncode:
        msg = f"pytest ended with {process.returncode}; gpu.log has its words"
        raise RuntimeError(msg)


def _told(line: str) -> Row | None:
    """Return what a line of pytest says of a test, if it does."""
    verdict = re.match(r"\S+?::(.+) (PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b", line)
    if verdict:
        return {"test": verdict[1], "outcome": verdict[2].lower()}
    reason = re.match(r"(?:FAILED|ERROR) \S+?::(.+?) - (.+)", line)
    return {"test": reason[1], "outcome": "why", "why": reason[2]} if reason else None


def agreement(plan: Plan) -> Iterator[Row]:
    """Yield how far alphas of the device are from those of the CPU in floats."""
    for model, tr in product(MODELS, (0, 2)):
        expected: list[Alpha] = []
        for half in (False, True):
            case = Case(model, plan.compared, half, tr, streams=2)
            yield tried(case, partial(_compared, plan, case, expected))


def _compared(plan: Plan, case: Case, expected: list[Alpha]) -> Row:
    """Return how far alphas are from `expected`, which is filled if it is empty."""
    length, device = plan.compared_frames, choose_device(plan.device).in_torch()
    if not expected:
        on_cpu = case._replace(half=False, streams=min(cores(), 8))
        expected += _alphas(case.size, length, engine(on_cpu, torch.device("cpu"), packs=False))
    found = _alphas(case.size, length, engine(case, device, counted_capture(device)))
    error = np.abs(np.stack(found) - np.stack(expected))
    return {
        "largest": float(error.max()),
        "mean": float(error.mean()),
        "visible": float((error > VISIBLE).mean()),
    }


def _alphas(size: Size, length: int, own: TensorEngine) -> list[Alpha]:
    """Return the footage's alphas, and close what made them."""
    alphas = [np.array(frame[0]) for frame in matted(size, length, own).frames(close=True)]
    own.streams.close()
    return alphas


def graphs(plan: Plan) -> Iterator[Row]:
    """Yield the speed with steps captured and as they are, and whether alphas are the same."""
    for model, streams in product(MODELS, plan.streams[:2]):
        case = Case(model, plan.sizes[0], plan.device >= 0, streams=streams)
        yield tried(case, partial(_with_and_without, plan, case))


def _with_and_without(plan: Plan, case: Case) -> Row:
    device = choose_device(plan.device).in_torch()
    capture = counted_capture(device)
    captured_fps, captured = _fps_and_alphas(plan, case, engine(case, device, capture))
    _forget()
    as_is_fps, as_is = _fps_and_alphas(plan, case, engine(case, device))
    return {
        "captured_fps": captured_fps,
        "as_is_fps": as_is_fps,
        "graphs": capture.count,
        "refused": capture.refused,
        "largest": float(np.abs(captured - as_is).max()),
    }


def _fps_and_alphas(plan: Plan, case: Case, own: TensorEngine) -> tuple[float, Alpha]:
    fps = _through_the_filter(plan, case.size, own)["fps"]
    return fps, np.stack(_alphas(case.size, 2, own))


def network(plan: Plan) -> Iterator[Row]:
    """Yield the speed from tensor to alpha, beside a plain forward pass in floats."""
    for size, model in product(plan.sizes, MODELS[::-1]):
        plain_ms: list[float] = []
        for half in (True, False):
            case = Case(model, size, half, streams=plan.streams[0])
            yield tried(case, partial(_network_alone, plan, case, plain_ms))


def _network_alone(plan: Plan, case: Case, plain_ms: list[float]) -> Row:
    """Return the speed of `case` as a part of `plain_ms`, which is filled if it is empty."""
    device = choose_device(plan.device).in_torch()
    if not plain_ms:
        plain_ms.append(_plain_ms(case, device))
    own = engine(case, device, counted_capture(device))
    _forget()
    pictures = tensors(case.size, PICTURES, device, own.pipeline.network.dtype)
    # First until graphs are captured in every slot.
    _matted(own, pictures, plan.measured_s)
    fps, times = _matted(own, pictures, plan.measured_s)
    own.streams.close()
    return {
        "fps": fps,
        **_percentiles(times),
        "plain_ms": plain_ms[0],
        "times_plain": fps * plain_ms[0] / 1e3,
        "device_mib": _device_mib(),
    }


def _matted(
    own: TensorEngine, pictures: list[torch.Tensor], seconds: float
) -> tuple[float, list[float]]:
    """Return pictures a second with one in every slot, and the ms that each took."""
    start = time.perf_counter()

    def matte(caller: int) -> list[float]:
        del caller
        times: list[float] = []
        while not times or time.perf_counter() < start + seconds:
            began = time.perf_counter()
            own.streams.run(partial(own.pipeline.matte, pictures[len(times) % PICTURES]))
            times.append(1e3 * (time.perf_counter() - began))
        return times

    with ThreadPoolExecutor(own.streams.most) as callers:
        times = [spent for each in callers.map(matte, range(own.streams.most)) for spent in each]
    return len(times) / (time.perf_counter() - start), times


def _plain_ms(case: Case, device: torch.device) -> float:
    """Return the median time of a dense forward pass in floats, one picture at a time."""
    plain, times = plain_network(case.model, device), []
    with torch.inference_mode():
        for picture in tensors(case.size, PICTURES, device, torch.float32):
            start = time.perf_counter()
            plain_alpha(plain, picture).sum().item()
            times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times[1:]))


def speed(plan: Plan, model: str) -> Iterator[Row]:
    """Yield the speed through VapourSynth, from frames in memory to frames of alpha."""
    for streams, half, size, tr in product(plan.streams, (True, False), plan.sizes, (0, 2)):
        case = Case(model, size, half, tr, streams)
        yield tried(case, partial(_speed_of, plan, case))


def _speed_of(plan: Plan, case: Case) -> Row:
    device = choose_device(plan.device).in_torch()
    own = engine(case, device, counted_capture(device))
    row = _through_the_filter(plan, case.size, own)
    own.streams.close()
    return row | {"device_mib": _device_mib()}


def _through_the_filter(plan: Plan, size: Size, own: TensorEngine) -> Row:
    """Return the speed of frames in a row, as many asked for at once as VapourSynth has threads."""
    _forget()
    least, most = plan.frames
    in_flight = vs.core.num_threads
    clip = matted(size, in_flight + plan.warm_up + most, own)
    done = islice(_finished(clip, in_flight), plan.warm_up - 1, None)
    start, _ = next(done)
    times: list[float] = []
    for end, spent in done:
        times.append(spent)
        if len(times) == most or (len(times) >= least and end - start > plan.measured_s):
            break
    return {"fps": len(times) / (end - start), "frames": len(times), **_percentiles(times)}


def _finished(clip: vs.VideoNode, in_flight: int) -> Iterator[tuple[float, float]]:
    """Yield when each frame was there, and how many ms after it was asked for."""
    asked: deque[tuple[float, Future[vs.VideoFrame]]] = deque()
    try:
        for n in range(clip.num_frames):
            asked.append((time.perf_counter(), clip.get_frame_async(n)))
            if len(asked) >= in_flight:
                yield _wait(*asked.popleft())
    finally:
        for one in asked:
            _wait(*one)


def _wait(start: float, frame: Future[vs.VideoFrame]) -> tuple[float, float]:
    frame.result().close()
    end = time.perf_counter()
    return end, 1e3 * (end - start)


def long(plan: Plan) -> Iterator[Row]:
    """Yield a frame's time and the memory after the first hundredth, and each tenth, of many."""
    device, many = choose_device(plan.device).in_torch(), plan.long_frames
    case = Case(LITE, plan.long, device.type == "cuda", 2, plan.streams[0])
    own = engine(case, device, counted_capture(device))
    in_flight = vs.core.num_threads
    clip = matted(case.size, many + in_flight, own)
    marks = {many // 100, *range(many // 10, many + 1, many // 10)}
    before, start = 0, time.perf_counter()
    for n, (end, _) in enumerate(_finished(clip, in_flight), start=1):
        if n in marks:
            yield case.row() | {
                "frames": n,
                "frame_ms": 1e3 * (end - start) / (n - before),
                "memory_mib": _memory_mib("VmRSS"),
                "memory_most_mib": _memory_mib("VmHWM"),
                "device_mib": _device_mib(),
            }
            before, start = n, end
    own.streams.close()


def _memory_mib(name: str) -> float | None:
    """Return what Linux says of this process's memory; None elsewhere."""
    try:
        match = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return None
    return None if match is None else int(match[1]) / 1024


def _device_mib() -> float | None:
    """Return the most that torch held of the device since `_forget`."""
    is_cuda = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return torch.cuda.max_memory_reserved() / 2**20 if is_cuda else None


def _forget() -> None:
    """Give back what is held of the device, and count the most of it from here on."""
    gc.collect()
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _percentiles(times: list[float]) -> Row:
    return {"p50_ms": float(np.percentile(times, 50)), "p95_ms": float(np.percentile(times, 95))}


PARTS: dict[str, Callable[[Plan], Iterator[Row]]] = {
    "machine": machine,
    "tests": gpu_tests,
    "graphs": graphs,
    "agreement": agreement,
    "network": network,
    "speed sghm-lite": partial(speed, model=LITE),
    "speed sghm-resnet50": partial(speed, model=RESNET),
    "long": long,
}

if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A device that failed may never let go: what is found is written, so nothing is lost.
    os._exit(code)
