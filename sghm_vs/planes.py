"""VapourSynth frames and tensors: the one bridge between the two."""

from __future__ import annotations

import numpy as np
import torch
import vapoursynth as vs
from torch import Tensor

DROPPED_PROPS = frozenset(
    {"_Alpha", "_ChromaLocation", "_ColorRange", "_Matrix", "_Primaries", "_Range", "_Transfer"}
)
"""Props of a picture that make no sense on its alpha."""


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


def to_frame(alpha: Tensor, like: vs.VideoFrame) -> vs.VideoFrame:
    """
    Return `alpha`, float32 (1, 1, height, width), as a full-range GRAYS frame.

    The frame keeps `like`'s timing and scene props, and none that speak of its color.
    """
    height, width = alpha.shape[-2:]
    frame = vs.core.create_video_frame(vs.core.get_video_format(vs.GRAYS), width, height)
    np.copyto(np.asarray(frame[0]), alpha[0, 0].cpu().numpy())
    for name, value in like.props.items():
        if name not in DROPPED_PROPS:
            frame.props[name] = value
    frame.props["_Range"] = int(vs.RANGE_FULL)
    return frame
