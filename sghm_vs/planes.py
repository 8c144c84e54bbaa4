"""VapourSynth frames and tensors: the one bridge between the two."""

from __future__ import annotations

import numpy as np
import torch
import vapoursynth as vs
from torch import Tensor

from sghm_vs.frames import to_gray_frame


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
    return to_gray_frame(alpha[0, 0].cpu().numpy(), like.props)
