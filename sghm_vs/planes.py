"""VapourSynth frames and tensors: the one bridge between the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import vapoursynth as vs
from numpy.typing import NDArray
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
    return to_gray_frame(alpha[0, 0].cpu().numpy(), like.props)


def to_gray_frame(
    values: NDArray[np.float32] | NDArray[np.uint8], props: Mapping[str, Any]
) -> vs.VideoFrame:
    """Return `values` (h, w), codes or 0-1, as a full-range GRAY8 or GRAYS frame; see `to_frame`."""
    height, width = values.shape
    format_id = vs.GRAY8 if values.dtype == np.uint8 else vs.GRAYS
    frame = vs.core.create_video_frame(vs.core.get_video_format(format_id), width, height)
    np.copyto(np.asarray(frame[0]), values)
    for name, value in props.items():
        if name not in DROPPED_PROPS:
            frame.props[name] = value
    frame.props["_Range"] = int(vs.RANGE_FULL)
    return frame
