"""What a worker is, and how fast."""

from __future__ import annotations

import platform
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.options import FrameRange, Matting
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.farm.fingerprint import Fingerprint, refuse_other
from sghm_vs.shots.farm.job import job_of
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.shot import Prepared, prepare, rotoscope

if TYPE_CHECKING:
    import torch

CPUINFO = Path("/proc/cpuinfo")
PACKAGES = (
    "sghm-vs", "imageio-ffmpeg", "numpy", "opencolorio", "opencv-python-headless", "OpenEXR",
    "OpenImageIO", "openvino", "torch", "vapoursynth", "vapoursynth-bestsource",
    "vapoursynth-bwdif",
)  # fmt: skip
"""Those that have a part in the pixels or in the files around them."""
MEASURED_FRAMES = 8
SHORTEST_S = 1e-4
THREADS_BESIDE_GPU = 4
"""They decode, convert and compress while the GPU works."""


def bind_threads(count: int) -> None:
    """
    Keep this process to `count` cores, as far as libraries ask for threads.

    Only for processes that are a worker and nothing else: other filters would be bound as well.
    """
    import cv2
    import torch
    import vapoursynth as vs

    vs.core.num_threads = count
    cv2.setNumThreads(count)
    torch.set_num_threads(count)


def fingerprint(prepared: Prepared, threads: int) -> Fingerprint:
    """Return what decides the bytes that this machine makes with `prepared`."""
    matting = prepared.matting
    compute, *_ = prepared.networks
    backend = str(prepared.network.backend)
    precision = str(prepared.network.dtype).removeprefix("torch.")
    is_half = backend == "openvino" and matting.fp16
    return Fingerprint(
        model=prepared.description["model"],
        weights_sha256=prepared.description["weights_sha256"],
        backend=backend,
        precision="bfloat16" if is_half else precision,
        device=_device(compute.device),
        is_gpu=compute.device.type == "cuda",
        threads=threads,
        packages=_versions(),
    )


def usual_threads(matting: Matting) -> int:
    """Return how many cores a worker has unless somebody chooses."""
    from sghm_vs.models.backends.device import choose_computes

    compute, *_ = choose_computes(matting.device_index, matting.fp16, matting.backend)
    return THREADS_BESIDE_GPU if compute.device.type == "cuda" else 1


def loaded(matting: Matting, threads: int) -> tuple[Prepared, Fingerprint]:
    """Return `matting`, ready for use, and what this machine then is."""
    prepared = prepare(matting)
    return prepared, fingerprint(prepared, threads)


def loaded_for(plan: Plan, *, is_mixed: bool) -> Prepared:
    """
    Return the matting of `plan`, with its networks.

    Raises:
        FarmError: This machine is not as planned, and `is_mixed` doesn't allow it.
    """
    prepared, here = loaded(job_of(plan, plan.shots[0]).shot.matting, plan.worker.threads)
    if not is_mixed:
        refuse_other(here, plan.worker)
    return prepared


def measure(shot: Shot, prepared: Prepared) -> float:
    """
    Return how many seconds a frame of `shot` takes here, the first one left out.

    Raises:
        SghmError: It can't be matted.
    """
    assert shot.frames is not None  # noqa: S101 - plans know how long shots are
    last = min(shot.frames.last, shot.frames.first + MEASURED_FRAMES - 1)
    ends = [time.monotonic()]
    with tempfile.TemporaryDirectory() as folder:
        rotoscope(
            shot.source,
            [Path(folder) / "####.exr"],
            frames=FrameRange(shot.frames.first, last),
            opening=shot.opening,
            matting=prepared,
            progress=lambda *_: ends.append(time.monotonic()),
        )
    # The first frame waits for its window; a single one is all that there is.
    timed = ends[1:] if len(ends) > 2 else ends
    return max(SHORTEST_S, (timed[-1] - timed[0]) / (len(timed) - 1))


def _device(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor()} ({torch.backends.cpu.get_cpu_capability()})"


def _processor() -> str:
    try:
        lines = CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"system": f"{platform.system()} {platform.machine()}"}
