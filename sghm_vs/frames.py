"""Arrays become VapourSynth frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

DROPPED_PROPS = frozenset(
    {"_Alpha", "_ChromaLocation", "_ColorRange", "_Matrix", "_Primaries", "_Range", "_Transfer",
     "SghmColorspace"}
)  # fmt: skip
"""Props of a picture that make no sense on its alpha."""


def to_gray_frame(
    values: NDArray[Any], props: Mapping[str, Any], format_id: int | None = None
) -> vs.VideoFrame:
    """
    Return `values` (h, w), codes or 0-1, as a full-range gray frame.

    It keeps timing and scene `props`, and none that speak of color. Its format is GRAY8 or GRAYS, or
    what `format_id` says.
    """
    height, width = values.shape
    if format_id is None:
        format_id = vs.GRAY8 if values.dtype == np.uint8 else vs.GRAYS
    frame = vs.core.create_video_frame(vs.core.get_video_format(format_id), width, height)
    np.copyto(np.asarray(frame[0]), values)
    for name, value in props.items():
        if name not in DROPPED_PROPS:
            frame.props[name] = value
    frame.props["_Range"] = int(vs.RANGE_FULL)
    return frame


def to_rgb_frame(values: NDArray[np.float32], props: Mapping[str, Any]) -> vs.VideoFrame:
    """Return `values` (h, w, 3) as an RGBS frame with all of `props`."""
    height, width = values.shape[:2]
    frame = vs.core.create_video_frame(vs.core.get_video_format(vs.RGBS), width, height)
    for index in range(3):
        np.copyto(np.asarray(frame[index]), values[..., index])
    for name, value in props.items():
        frame.props[name] = value
    return frame


def to_rgb_array(frame: vs.VideoFrame) -> NDArray[np.float32]:
    """Return an RGBS `frame` as (height, width, 3)."""
    return np.stack([np.asarray(plane) for plane in frame], axis=2)
