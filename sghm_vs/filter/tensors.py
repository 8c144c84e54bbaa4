"""VapourSynth frames and tensors: the one bridge between the two."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
import vapoursynth as vs
from numpy.typing import NDArray
from torch import Tensor

from sghm_vs.color.convert import TaggedClip, keeps_codes, to_viewed_rgb
from sghm_vs.color.frame_props import Colorimetry, colorimetry_of
from sghm_vs.color.yuv import CHROMA_MIN_PX, LUMA_OF_MATRIX, PlaneLayout

DEFAULT_LOCATION = 0
"""Of chroma: on the left, as in MPEG-2 and H.264."""


class Packed(NamedTuple):
    """A frame's planes in one piece of memory."""

    data: Tensor
    """uint8 (bytes,), pinned where it goes to a CUDA device."""
    layout: PlaneLayout


def to_tensor(frame: vs.VideoFrame, device: torch.device, dtype: torch.dtype) -> Tensor:
    """
    Return `frame`'s planes as (1, planes, height, width), clamped to 0-1.

    Args:
        frame: Of a float format; NaN counts as 0.
        device: Where the tensor goes.
        dtype: The tensor's type.
    """
    planes = np.stack([np.asarray(plane) for plane in frame])
    tensor = torch.from_numpy(planes)[None].to(device, dtype)
    return tensor.nan_to_num_(nan=0.0).clamp_(0, 1)


def to_pictures(footage: TaggedClip, exposure: float = 0.0) -> vs.VideoNode:
    """
    Return frames that `pack_planes` takes, of which `yuv.planes_to_rgb` makes what `to_viewed_rgb` does.

    Frames that need no more than a range and a matrix come as they are, all others as RGBS: the clip's
    format changes along the way.
    """
    viewed = to_viewed_rgb(footage, exposure)
    width, height = viewed.width or 64, viewed.height or 64
    like = viewed.std.BlankClip(
        width=width, height=height, varsize=not viewed.width, varformat=True, keep=True
    )

    def chosen(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        is_plain = not exposure and keeps_codes(colorimetry_of(f, n))
        # A gray float would be taken for a mask.
        is_mask = f.format.color_family == vs.GRAY and f.format.sample_type == vs.FLOAT
        return footage.clip if is_plain and not is_mask and layout_of(f) else viewed

    return like.std.FrameEval(chosen, prop_src=footage.clip)


def pack_planes(frame: vs.VideoFrame, device: torch.device) -> Packed:
    """
    Return `frame` as `yuv.planes_to_rgb` reads it, in memory that `device` copies by itself.

    Torch keeps such memory for the frames to come, as much as there are frames at once.

    Args:
        frame: One that has a layout; see `layout_of`.
        device: Where it goes.
    """
    layout = layout_of(frame)
    assert layout is not None  # noqa: S101 - `to_pictures` chose it
    is_pinned = device.type == "cuda"
    with torch.cuda.device(device) if is_pinned else nullcontext():
        data = torch.empty(layout.total_bytes, dtype=torch.uint8, pin_memory=is_pinned)
    into, start = data.numpy(), 0
    for plane, (height, width) in zip(frame, layout.sizes, strict=True):
        end = start + height * width * layout.sample_bytes
        samples = np.asarray(plane)
        np.copyto(into[start:end].view(samples.dtype).reshape(height, width), samples)
        start = end
    return Packed(data, layout)


def layout_of(frame: vs.VideoFrame) -> PlaneLayout | None:
    """
    Return what `frame`'s bytes are, if more than a range and a matrix is not needed to read them.

    It does not look at transfer and primaries: whether they matter is for `color` to say.

    Args:
        frame: With color props on it; see `frame_props.tagged`. Gray floats need none.
    """
    kind = frame.format
    is_float = kind.sample_type == vs.FLOAT
    own = PlaneLayout("rgb", frame.height, frame.width, kind.bits_per_sample, is_float)
    if kind.color_family == vs.GRAY and is_float:
        return own._replace(family="gray")
    said = frame.props.get("_Range")
    if kind.color_family == vs.RGB:
        return own._replace(is_full=said != vs.RANGE_LIMITED)
    own = own._replace(is_full=said == vs.RANGE_FULL)
    if kind.color_family == vs.GRAY:
        return own._replace(family="gray")
    return _layout_of_yuv(own, frame, colorimetry_of(frame))


def _layout_of_yuv(
    own: PlaneLayout, frame: vs.VideoFrame, color: Colorimetry
) -> PlaneLayout | None:
    shrunk = frame.format.subsampling_h, frame.format.subsampling_w
    sides = (own.height >> shrunk[0], own.width >> shrunk[1])
    if color.matrix not in LUMA_OF_MATRIX or min(sides) < CHROMA_MIN_PX:
        return None
    location = int(frame.props.get("_ChromaLocation", DEFAULT_LOCATION))
    return own._replace(family="yuv", matrix=color.matrix, shrunk=shrunk, location=location)


def to_values(alpha: Tensor) -> NDArray[Any]:
    """Return `alpha`, (1, 1, height, width), samples of a gray format, as (height, width)."""
    values = alpha[0, 0].cpu().numpy()
    return values.view(np.uint16) if values.dtype == np.int16 else values
