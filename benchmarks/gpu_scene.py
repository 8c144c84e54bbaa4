"""What the card is checked with: footage, an edge to refine, and networks in streams."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from math import cos, sin, tau
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
import vapoursynth as vs
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from sghm_vs.clips import read_once
from sghm_vs.color.convert import read_color, to_viewed_rgb
from sghm_vs.filter.engine import TensorEngine
from sghm_vs.filter.sghm import matte_clip
from sghm_vs.filter.tensors import to_tensor
from sghm_vs.matting.frame import Pipeline
from sghm_vs.matting.segmentation import to_mask
from sghm_vs.models.backends.cuda_graphs import Capture, Step, cuda_capture
from sghm_vs.models.backends.device import Compute, Device
from sghm_vs.models.backends.pytorch import placed
from sghm_vs.models.backends.streams import Streams
from sghm_vs.models.checkpoint import build_network, build_plain_network, read_checkpoint
from sghm_vs.models.sghm.design import STRIDE
from sghm_vs.models.sghm.network import SGHM, CoarseOutput
from sghm_vs.models.weights import PUBLISHED_MODEL, installed, shipped
from sghm_vs.options import Settings

SHEET = Path(__file__).parents[1] / "docs" / "demo.png"
"""Five rows of a picture of a person, its alpha, and both over a color."""
ROWS, COLUMNS = 5, 3
DISTINCT = 24
"""Frames of the footage, which goes around in a circle: what repeats has no cut."""
SEED = 2210

type State = dict[str, Tensor]


class Size(NamedTuple):
    """A size of pictures, and what it is called."""

    name: str
    width: int
    height: int


class Case(NamedTuple):
    """What one figure is about."""

    model: str
    size: Size
    half: bool
    tr: int = 0
    streams: int = 1

    def row(self) -> dict[str, Any]:
        """Return it in words."""
        return {
            "model": self.model,
            "size": self.size.name,
            "pixels": f"{self.size.width}x{self.size.height}",
            "precision": "half" if self.half else "float",
            "tr": self.tr,
            "streams": self.streams,
        }


@cache
def panel(column: int) -> NDArray[np.uint8]:
    """Return the last row's picture in a column of the sheet, BGR."""
    sheet = cv2.imread(str(SHEET))
    assert sheet is not None, SHEET  # noqa: S101 - it is part of the checkout
    height, width = sheet.shape[0] // ROWS, sheet.shape[1] // COLUMNS
    shown = sheet[(ROWS - 1) * height :, column * width : (column + 1) * width]
    return np.ascontiguousarray(shown)


def framed(picture: NDArray[np.uint8], size: Size, moment: float) -> NDArray[np.uint8]:
    """Return `picture` over the whole of `size`, a step along a circle of a fiftieth of its width."""
    rows, columns = picture.shape[:2]
    scale = 1.1 * max(size.width / columns, size.height / rows)
    reach = size.width / 50
    across = (size.width - scale * columns) / 2 + reach * cos(tau * moment)
    down = (size.height - scale * rows) / 2 + reach * sin(tau * moment)
    motion = np.array([[scale, 0, across], [0, scale, down]])
    return np.asarray(
        cv2.warpAffine(
            picture, motion, size[1:], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        ),
        np.uint8,
    )


@cache
def pictures(size: Size) -> list[NDArray[np.uint8]]:
    """Return one round of a person who moves, under grain, BGR."""
    grain = np.random.default_rng(SEED).normal(0, 2, (size.height, size.width, 1)).astype(np.int16)

    def draw(n: int) -> NDArray[np.uint8]:
        moved = np.roll(grain, (7 * n, 13 * n), (0, 1))
        return (framed(panel(0), size, n / DISTINCT) + moved).clip(0, 255).astype(np.uint8)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(draw, range(DISTINCT)))


@cache
def frames(size: Size) -> list[vs.VideoFrame]:
    """Return the same as frames, YUV 4:2:0 of 8 bits."""
    drawn = pictures(size)
    rgb = vs.core.std.BlankClip(
        None, size.width, size.height, vs.RGB24, DISTINCT, fpsnum=24, fpsden=1, keep=True
    )

    def copied(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        for channel, plane in zip((2, 1, 0), map(np.asarray, frame), strict=True):
            np.copyto(plane, drawn[n][..., channel])
        return frame

    made = rgb.std.ModifyFrame(rgb, copied)
    return list(made.resize.Bicubic(format=vs.YUV420P8, matrix_s="709").frames())


def footage(size: Size, length: int) -> vs.VideoNode:
    """Return so many of them, around and around."""
    kept = frames(size)
    blank = vs.core.std.BlankClip(
        None, size.width, size.height, vs.YUV420P8, length, fpsnum=24, fpsden=1, keep=True
    )
    return blank.std.ModifyFrame(blank, lambda n, f: kept[n % len(kept)])  # noqa: ARG005


def band(size: Size) -> Tensor:
    """Return the footage's alpha where it stands still, (1, 1, height, width), 0-1."""
    alpha = framed(panel(1), size, 0)[..., 0].astype(np.float32) / 255
    return torch.from_numpy(alpha)[None, None]


class Banded:
    """
    A network whose coarse alphas are a given one.

    Drawn weights have edges everywhere or nowhere, and what is refined is what costs.
    """

    def __init__(self, network: Any, alpha: Tensor) -> None:
        self._network = network
        kind = next(network.parameters())
        # Converted on the CPU: the copy that follows is waited for, a step of the device is not.
        self._alpha = alpha.to(kind.dtype).to(kind.device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def begin(self, *inputs: Tensor) -> CoarseOutput:
        """Return what the network's does, with the given alpha in place of its own."""
        coarse_output: CoarseOutput = self._network.begin(*inputs)
        sides = coarse_output.coarse.os4.shape[-2:]
        given = interpolate(self._alpha, sides, mode="bilinear")
        return coarse_output._replace(coarse=coarse_output.coarse._replace(os8=given, os4=given))


@cache
def weights(model: str) -> tuple[State, bool]:
    """Return the weights of `model`, and whether they are drawn, for want of installed ones."""
    found = installed(model) if model == PUBLISHED_MODEL else shipped()
    if found is not None:
        return read_checkpoint(found.path), False
    from tests.seeded import seeded_state_dict

    return {key: torch.from_numpy(value) for key, value in seeded_state_dict(SEED).items()}, True


@lru_cache(maxsize=1)
def network(model: str, device: torch.device, *, half: bool) -> SGHM:
    """Return the network of `model` as frames go through it."""
    _, plain = build_network(weights(model)[0], model)
    return placed(plain, Compute(Device(device.type, device.index), half, "torch"))


def plain_network(model: str, device: torch.device) -> SGHM:
    """Return the network of `model` in floats, nothing folded or rearranged."""
    return build_plain_network(weights(model)[0], model)[1].to(device)


class Counted:
    """What captures steps, and knows how many it did, and why it could not."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self.count = 0
        self.refused: str | None = None

    def __call__(self, step: Step, inputs: tuple[Any, ...]) -> tuple[Callable[[], None], Any]:
        """Return what the other does."""
        try:
            captured = self._capture(step, inputs)
        except RuntimeError as error:
            self.refused = str(error)
            raise
        self.count += 1
        return captured


def rehearsed_capture(step: Step, inputs: tuple[Any, ...]) -> tuple[Callable[[], None], Any]:
    """Stand in for CUDA's: it reads and writes the same memory each time."""
    outputs = step(*inputs)

    def replay() -> None:
        for own, made in zip(_tensors(outputs), _tensors(step(*inputs)), strict=True):
            own.copy_(made)

    return replay, outputs


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, tuple):
        return [tensor for part in value for tensor in _tensors(part)]
    return [value] if isinstance(value, Tensor) else []


def plain_alpha(plain: SGHM, picture: Tensor) -> Tensor:
    """Return the finest alpha of `picture` (1, 3, h, w), all of it, each step as it was published."""
    height, width = picture.shape[-2:]
    image = pad(picture, (0, -width % STRIDE, 0, -height % STRIDE), "replicate")
    features = plain.encode(image)
    mask = to_mask(plain.segment(features), (image.shape[2], image.shape[3]))
    return plain.matte(image, features, mask).os1


def tensors(size: Size, count: int, device: torch.device, dtype: torch.dtype) -> list[Tensor]:
    """Return the footage's first pictures, RGB, (1, 3, h, w), 0-1, on the device."""
    rgb = to_viewed_rgb(read_color(footage(size, count)), 0)
    return [to_tensor(frame, device, dtype) for frame in rgb.frames(close=True)]


def matted(size: Size, length: int, own: TensorEngine) -> vs.VideoNode:
    """Return the footage's alpha, for who reads it once."""
    return read_once(matte_clip(footage(size, length), [own]))


def engine(
    case: Case, device: torch.device, capture: Capture | None = None, *, packs: bool = True
) -> TensorEngine:
    """Return what mattes frames of `case`, the network seeing them at their own size."""
    ready: Any = network(case.model, device, half=case.half)
    if weights(case.model)[1]:
        ready = Banded(ready, band(case.size))
    settings = Settings(tr=case.tr, infer_size=case.size.height)
    captures = capture is not None
    streams = Streams(device, case.streams, captures=captures, packs=packs, capture=capture)
    return TensorEngine.of(Pipeline(ready, settings), streams)


def counted_capture(device: torch.device) -> Counted:
    """Return what captures on `device`."""
    return Counted(cuda_capture if device.type == "cuda" else rehearsed_capture)
