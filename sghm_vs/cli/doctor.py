"""sghm doctor: what is installed, what is missing, what to type."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.cli.installation import (
    Check,
    Interpreter,
    Plugin,
    Program,
    TensorRT,
    VapourSynthRuntime,
    console_finding,
    interpreter_finding,
    load_finding,
    long_paths,
    plugin_finding,
    program_finding,
    runtime_finding,
    tensorrt_finding,
)
from sghm_vs.errors import MissingPackageError, SghmError, counted

if TYPE_CHECKING:
    from sghm_vs.models.weights import Weights


PACKAGES = (
    "sghm-vs", "numpy", "opencv-python-headless", "av", "OpenEXR", "safetensors",
    "platformdirs",
)  # fmt: skip
PLUGINS = {"bs": "vapoursynth-bestsource", "bwdif": "vapoursynth-bwdif"}
"""Plugins by namespace, each with its package."""
VSPIPE_CURE = "type: vapoursynth config (once; again where Python was installed anew)"
LEAST_MEMORY_GIB = 4.0
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "doctor",
        help="show what is installed and what is missing",
        description="Look at everything that sghm needs or can use. Exit 1 if something that it "
        "needs is missing or broken; a warning alone is exit 0.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON on stdout")
    options.add_home_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything, and print what was found."""
    findings = findings_of(args.home)
    if args.json:
        options.print_json([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            sys.stdout.write(f"{finding.state:<7} {finding.what:<{width}}  {finding.found}\n")
            if finding.to_do:
                sys.stdout.write(f"{'':<7} {'':<{width}}  -> {finding.to_do}\n")
    return 1 if any(finding.state == "bad" for finding in findings) else 0


def findings_of(home: Path | None = None) -> list[Check]:
    """Return what there is to know of this installation; `home` is the folder of weights."""
    checks: dict[str, Callable[[], Check]] = {
        "Python": lambda: interpreter_finding(Interpreter.here()),
        "platform": lambda: Check("platform", platform.platform()),
        "console": lambda: console_finding(sys.stdout.encoding or "utf-8"),
        "long paths": long_paths,
        "sghm": lambda: program_finding(Program.named("sghm", "sghm-vs")),
        "torch": _torch,
        "opencv": _opencv,
        "VapourSynth": _vapoursynth,
        **{f"plugin {name}": partial(_plugin, name, package) for name, package in PLUGINS.items()},
        "vspipe": lambda: program_finding(Program.named("vspipe", "vapoursynth", VSPIPE_CURE)),
        "ffmpeg": _ffmpeg,
        "OpenVINO": _openvino,
        "ONNX Runtime": _onnxruntime,
        "vs-mlrt": _native_plugins,
        "TensorRT": lambda: tensorrt_finding(TensorRT.here()),
        "model": lambda: _model(home),
        "memory": _memory,
        "threads": _threads,
    }
    found = [_finding_of(what, check) for what, check in checks.items()]
    return [*found, *map(_package, PACKAGES), *_weights(home)]


def _finding_of(what: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except (SghmError, ImportError, OSError) as error:
        return load_finding(what, error)


def _plugin(namespace: str, package: str) -> Check:
    return plugin_finding(Plugin.of(namespace, package))


def _version(package: str) -> str | None:
    """Return the version of `package`; None if it is not installed."""
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def _package(name: str) -> Check:
    found = _version(name)
    if found is None:
        return Check(name, "not installed", "bad", f"pip install {name}")
    return Check(name, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graphics:
    """What torch and the system say of GPUs."""

    torch: str
    """Torch's version."""
    platform: str | None
    """The version of CUDA or ROCm that torch was built for; None is a build for the CPU."""
    devices: tuple[str, ...] = ()
    """Their names, as torch sees them."""
    has_nvidia_driver: bool = False
    visible: str | None = None
    """What the environment lets torch see; None is everything."""
    complaint: str = ""
    """What torch warned of when it looked for devices."""


def graphics_finding(graphics: Graphics) -> Check:
    """Return which GPU runs the network, or why none does and what to type."""
    build = f"{graphics.torch}, built for {graphics.platform or 'the CPU'}"
    if graphics.devices:
        return Check("torch", f"{build}; {', '.join(graphics.devices)}")
    if not graphics.has_nvidia_driver:
        return Check("torch", f"{build}; no NVIDIA driver found: it runs on the CPU")
    if graphics.platform is None:
        found = f"{build}, beside an NVIDIA card: it runs on the CPU"
        fix = "uv pip install --reinstall --torch-backend=auto torch"
        return Check("torch", found, "warning", fix)
    if graphics.visible is not None:
        found = f"{build}; CUDA_VISIBLE_DEVICES={graphics.visible!r} hides the NVIDIA card"
        return Check("torch", found, "warning", "unset CUDA_VISIBLE_DEVICES")
    found = (
        f"{build}; it sees no card though an NVIDIA driver is here. {graphics.complaint}".rstrip()
    )
    fix = "run nvidia-smi; is the driver new enough for this CUDA, is the card given to this user?"
    return Check("torch", found, "warning", fix)


def _torch() -> Check:
    if _version("torch") is None:
        from sghm_vs.models.backends.base import BACKENDS, is_installed

        others = [name for name in BACKENDS if name != "torch" and is_installed(name)]
        if others:
            return Check("torch", f"not installed; the network runs by {others[0]}, on the CPU")
        return Check("torch", "not installed, nor another backend", "bad", "pip install torch")
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    cuda, rocm = torch.version.cuda, torch.version.hip
    graphics = Graphics(
        torch=torch.__version__,
        platform=f"CUDA {cuda}" if cuda else f"ROCm {rocm}" if rocm else None,
        devices=tuple(_describe_device(index) for index in range(count)),
        has_nvidia_driver=NVIDIA_DRIVER.exists() or shutil.which("nvidia-smi") is not None,
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        complaint=" ".join(str(each.message).split("\n")[0] for each in said),
    )
    return graphics_finding(graphics)


def _describe_device(index: int) -> str:
    import torch

    facts = torch.cuda.get_device_properties(index)
    return f"cuda:{index} {facts.name}, {facts.total_memory / 2**30:.0f} GiB"


def _opencv() -> Check:
    import cv2

    both = [name for name in ("opencv-python", "opencv-contrib-python") if _version(name)]
    if both:
        fix = f"pip uninstall {both[0]} && pip install --force-reinstall opencv-python-headless"
        found = f"{cv2.__version__}, and {both[0]} beside the headless one: they share their files"
        return Check("opencv", found, "warning", fix)
    return Check("opencv", cv2.__version__)


def _vapoursynth() -> Check:
    import vapoursynth as vs

    return runtime_finding(VapourSynthRuntime.here(), f"R{vs.core.core_version.release_major}")


def _ffmpeg() -> Check:
    from sghm_vs.media.writers.ffmpeg import VARIABLE, find_ffmpeg, read_version

    try:
        path = find_ffmpeg()
    except SghmError as error:
        fix = f"unset {VARIABLE}; pip install imageio-ffmpeg"
        return Check("ffmpeg", str(error), "bad", fix)
    return Check("ffmpeg", f"{read_version(path)}, {path}")


def _openvino() -> Check:
    found = _version("openvino")
    if found is None:
        return Check("OpenVINO", "not installed; fastest on CPUs (pip install 'sghm-vs[openvino]')")
    from sghm_vs.models.backends.base import is_installed
    from sghm_vs.models.backends.openvino import bfloat16_of

    if not is_installed("openvino"):
        return Check("OpenVINO", f"{found}, without onnx", "warning", "pip install onnx")
    try:
        has_half = bfloat16_of()
    except MissingPackageError as error:
        fix = "is a plug-in installed that brings its own? pip uninstall vapoursynth-mlrt-ov"
        return Check("OpenVINO", str(error), "warning", fix)
    half = (
        "sghm-lite mattes in bfloat16 (--no-fp16: in floats); --fp16 does so with others"
        if has_half
        else "no bfloat16 here: --fp16 changes nothing"
    )
    return Check("OpenVINO", f"{found}; {half}")


def _onnxruntime() -> Check:
    from sghm_vs.models.backends.base import is_installed

    found = _version("onnxruntime")
    if found is None:
        missing = (
            "not installed; runs the networks without torch (pip install 'sghm-vs[onnxruntime]')"
        )
        return Check("ONNX Runtime", missing)
    if not is_installed("onnxruntime"):
        return Check("ONNX Runtime", f"{found}, without onnx", "warning", "pip install onnx")
    return Check("ONNX Runtime", found)


def _native_plugins() -> Check:
    """Return which of the plug-ins that run the networks VapourSynth has."""
    import vapoursynth as vs

    from sghm_vs.models.backends.plugins import PACKAGES

    found = [name for name in PACKAGES if hasattr(vs.core, name)]
    if not found:
        ways = " or ".join(PACKAGES.values())
        return Check("vs-mlrt", f"neither core.ort nor core.ov is here (pip install {ways})")
    named = " and ".join(f"core.{name}, by --backend {name}" for name in found)
    return Check("vs-mlrt", named)


def _model(home: Path | None) -> Check:
    from sghm_vs.models.weights import PUBLISHED_MODEL, installed, shipped

    weights = installed(PUBLISHED_MODEL, home) or shipped()
    return Check("model", f"{weights.name} is auto, {weights.path}")


def _weights(home: Path | None) -> list[Check]:
    """Return what is to be thought of each model that is there, and where the others come from."""
    from sghm_vs.models.weights import CHECKPOINTS, VERSIONS, home_folder, installed, shipped

    findings = [Check("home", str(home or home_folder()))]
    for model in (*VERSIONS, *CHECKPOINTS):
        weights = installed(model, home) if model in CHECKPOINTS else shipped(model)
        what, fetch = f"weights {model}", f"sghm weights fetch {model}"
        if weights is None:
            findings.append(Check(what, "not installed", to_do=fetch))
        else:
            findings.append(_weights_finding(what, weights, f"{fetch} --force"))
    return findings


def _weights_finding(what: str, weights: Weights, fix: str) -> Check:
    from sghm_vs.models.install import verify

    verdict = verify(weights)
    found = f"{weights.path}: {verdict.says}"
    return Check(what, found, verdict.state, "" if verdict.state == "ok" else fix)


def _memory() -> Check:
    from sghm_vs.shots.batch.memory import total_bytes

    total = total_bytes() / 2**30
    if total < LEAST_MEMORY_GIB:
        fix = "use a smaller infer_size, for example --infer-size 720"
        return Check("memory", f"{total:.1f} GiB, which is little", "warning", fix)
    return Check("memory", f"{total:.1f} GiB")


def _threads() -> Check:
    import vapoursynth as vs

    from sghm_vs.models.backends.cores import cores

    count = cores()
    found = (
        f"{counted(count, 'core')} for this process, {vs.core.num_threads} threads in VapourSynth"
    )
    if vs.core.num_threads < count:
        fix = f"set core.num_threads = {count} in the script"
        return Check("threads", f"{found}: so many frames at once", "warning", fix)
    return Check("threads", found)
