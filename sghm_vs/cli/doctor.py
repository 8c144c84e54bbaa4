"""sghm doctor: what is installed, what is missing, what to type."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sghm_vs.cli import options
from sghm_vs.errors import SghmError

PACKAGES = ("sghm-vs", "torch", "torchvision", "numpy", "opencv-python-headless", "av", "OpenEXR")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    found: str
    is_good: bool = True


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "doctor",
        help="show what is installed and what is missing",
        description="Look at everything that sghm needs; exit 1 if something is missing.",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything, and print what was found."""
    findings = [*map(_package, PACKAGES), *map(_attempt, CHECKS)]
    if args.json:
        options.print_json([asdict(finding) for finding in findings])
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            mark = "ok " if finding.is_good else "BAD"
            sys.stdout.write(f"{mark} {finding.what:<{width}}  {finding.found}\n")
    return 0 if all(finding.is_good for finding in findings) else 1


def _package(name: str) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, f"not installed; pip install {name}", is_good=False)


def _attempt(check: tuple[str, Callable[[], str]]) -> Finding:
    what, look = check
    try:
        return Finding(what, look())
    except (SghmError, ImportError, OSError) as error:
        return Finding(what, str(error), is_good=False)


def _vapoursynth() -> str:
    import vapoursynth as vs

    if not hasattr(vs.core, "bs"):
        msg = "BestSource is not loaded; pip install vapoursynth-bestsource"
        raise ImportError(msg)
    return f"{vs.core.core_version.release_major}, BestSource loaded"


def _vspipe() -> str:
    beside = shutil.which("vspipe", path=str(Path(sys.executable).parent))
    if beside is None:
        msg = "not beside this Python; pip install vapoursynth"
        raise ImportError(msg)
    if shutil.which("vspipe") is None:
        return f"{beside}; put its folder on PATH, or run `vapoursynth config` once"
    return beside


def _ffmpeg() -> str:
    from sghm_vs.delivery.ffmpeg import find_ffmpeg

    return str(find_ffmpeg())


def _device() -> str:
    import torch

    from sghm_vs.device import choose_device

    device = choose_device(None)
    if device.type == "cuda":
        return f"{device}: {torch.cuda.get_device_name(device)}"
    if shutil.which("nvidia-smi") and torch.version.cuda is None:
        return (
            f"cpu, though an NVIDIA driver is here: torch {torch.__version__} is a build without "
            "CUDA; install torch's CUDA build"
        )
    return f"cpu, {torch.get_num_threads()} threads"


def _model() -> str:
    from sghm_vs.weights import find_weights

    weights = find_weights("auto")
    return f"{weights.name}, {weights.path}"


CHECKS: tuple[tuple[str, Callable[[], str]], ...] = (
    ("VapourSynth", _vapoursynth),
    ("vspipe", _vspipe),
    ("ffmpeg", _ffmpeg),
    ("device", _device),
    ("model", _model),
)
