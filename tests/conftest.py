"""Fixtures: seeded networks, small clips, and where the shared footage is."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import torch
import vapoursynth as vs
from safetensors.torch import load_file, save_file

from sghm_vs import sghm
from sghm_vs.filter import tensors
from sghm_vs.matting import sizing
from sghm_vs.models.backends.base import is_installed
from sghm_vs.models.checkpoint import build_network
from sghm_vs.models.sghm.network import SGHM
from sghm_vs.models.weights import find_weights
from tests.clips import noise_clip, panning_clip
from tests.seeded import seeded_state_dict

WEIGHT_SEED = 2210

# A shell starts what runs in the background with SIGINT ignored, nohup with SIGHUP, and children
# inherit that: commands under test would not hear of these. A handler here is no child's.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_collection_finish() -> None:
    """Keep what all tests import from being looked through at each full collection of garbage."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let the interpreter free it at its end: libraries count what is left then."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def seeded_state() -> dict[str, torch.Tensor]:
    """Return a whole published state dict, drawn from a seed."""
    return {key: torch.from_numpy(value) for key, value in seeded_state_dict(WEIGHT_SEED).items()}


@pytest.fixture(scope="session")
def seeded_network(seeded_state: dict[str, torch.Tensor]) -> SGHM:
    """Return the published network on seeded weights, ready for inference."""
    return build_network(seeded_state, "seeded")[1]


@pytest.fixture(scope="session")
def model(tmp_path_factory, stays) -> str:
    """The shipped weights, made to see people in drawn clips: else every alpha here would be zero."""
    state = load_file(find_weights("sghm-lite").path)
    network = build_network(state, "shipped")[1].eval()
    medians = []
    for clip in (noise_clip(vs.RGBS), panning_clip().resize.Bicubic(format=vs.RGBS)):
        for frame in clip.frames(close=True):
            picture = tensors.to_tensor(frame, torch.device("cpu"), torch.float32)
            with torch.inference_mode():
                fit = sizing.fit_padded(*picture.shape[-2:], infer_size=1280)
                probability = network.segment(network.encode(fit.prepare(picture)))
            medians.append(float(torch.logit(probability).median()))
    # Between the two: a part of noise, and not all of what pans, is then someone for sure.
    state["decoder.conv4.bias"] -= (min(medians) + max(medians)) / 2
    for part in "weight", "bias":
        state[f"decoder.conv4.{part}"] *= 3
    path = tmp_path_factory.mktemp("model") / "sees-people.safetensors"
    save_file(state, path)
    stays.append(held_by_a_clip(str(path)))
    return str(path)


@pytest.fixture
def shared() -> Path:
    """Return the folder of shared footage, or skip the test."""
    beside = Path(__file__).parents[2] / "shared"
    folder = Path(os.environ.get("SGHM_SHARED", beside)) / "data"
    if not folder.is_dir():
        pytest.skip("needs the shared footage: set SGHM_SHARED to its folder")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _nothing_is_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What "auto" is must not depend on whose machine this is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SGHM_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setattr("sghm_vs.models.backends.base.is_installed", "torch".__eq__)
        yield


@pytest.fixture(scope="module")
def by_graphs(model: str) -> Iterator[None]:
    """
    Let "auto" be graphs, as on most users' CPUs: they take less time, for claims about no engine.

    `tests/test_graphs.py` holds that each engine makes what torch's does.
    """
    if not is_installed("onnxruntime"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sghm_vs.models.backends.base.is_installed", "onnxruntime".__eq__)
        held = [held_by_a_clip(name) for name in ("sghm-lite", model)]
        yield
        held.clear()


@pytest.fixture(scope="session", autouse=True)
def stays(_nothing_is_installed) -> Iterator[list[vs.VideoNode]]:
    """Clips that stay: as in a script, those of tests share the networks that these hold."""
    clips = [held_by_a_clip("sghm-lite")]
    yield clips
    clips.clear()


def held_by_a_clip(model: str) -> vs.VideoNode:
    """Return a clip that holds the network of `model`, as it is placed unless tests say how."""
    return sghm(vs.core.std.BlankClip(format=vs.RGBS, width=64, height=64, length=1), -1, model)


def threads() -> tuple[int, int, int]:
    """Return how many threads VapourSynth, OpenCV and torch take."""
    return vs.core.num_threads, cv2.getNumThreads(), torch.get_num_threads()


THREADS = threads()


@pytest.fixture(autouse=True)
def _threads_are_given_back() -> Iterator[None]:
    """A farm's worker keeps its process to few, and here that is the process of all tests."""
    yield
    if threads() != THREADS:
        vs.core.num_threads, of_opencv, of_torch = THREADS
        cv2.setNumThreads(of_opencv)
        torch.set_num_threads(of_torch)


@pytest.fixture(autouse=True)
def _outputs_are_forgotten() -> Iterator[None]:
    yield
    vs.clear_outputs()
