"""What a worker is, and how fast."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import sghm_vs
from sghm_vs.files import sha256_of_modules
from sghm_vs.options import FrameRange, Matting
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.farm.fingerprint import Fingerprint, refuse_other
from sghm_vs.shots.farm.job import job_of
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.shot import Prepared, prepare, rotoscope

if TYPE_CHECKING:
    from sghm_vs.models.backends.device import Device

INSTRUCTIONS = {"AVX512": 256, "AVX2": 11, "NEON": 100}
"""Vectors that libraries choose their code by, the widest first, with OpenCV's numbers for them."""
CPUINFO = Path("/proc/cpuinfo")
PACKAGES = (
    "sghm-vs", "imageio-ffmpeg", "numpy", "opencolorio", "opencv-python-headless", "OpenEXR",
    "OpenImageIO", "onnx", "onnxruntime", "openvino", "torch", "vapoursynth", "vapoursynth-bestsource",
    "vapoursynth-bwdif",
)  # fmt: skip
"""Those that have a part in the pixels or in the files around them."""
CODE = "clips.py", "color", "filter", "matting", "media", "models", "options.py"
"""Modules on a frame's way: a checkout, or a build of one, changes them under the same version."""
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
    import vapoursynth as vs

    vs.core.num_threads = count
    cv2.setNumThreads(count)
    # What torch goes by as it is loaded, which takes seconds, and which graphs do without.
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(count)))
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(count)


def fingerprint(prepared: Prepared, threads: int) -> Fingerprint:
    """Return what decides the bytes that this machine makes with `prepared`."""
    compute, *_ = prepared.networks
    return Fingerprint(
        model=prepared.description["model"],
        weights_sha256=prepared.description["weights_sha256"],
        backend=prepared.network.backend,
        precision=prepared.network.precision,
        device=_device(compute.device, prepared.network.backend),
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


def _device(device: Device, backend: str) -> str:
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device.in_torch())
    return f"{_processor()} ({_instructions(backend)})"


def _instructions(backend: str) -> str:
    """Return the widest vectors that are used, as torch or else OpenCV tells them."""
    if backend == "torch":
        import torch

        return torch.backends.cpu.get_cpu_capability()
    import cv2

    return next(
        (name for name in INSTRUCTIONS if cv2.checkHardwareSupport(INSTRUCTIONS[name])), "baseline"
    )


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
    code = sha256_of_modules(Path(sghm_vs.__file__).parent, CODE)
    return found | {"code": code, "system": f"{platform.system()} {platform.machine()}"}
