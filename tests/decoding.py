"""Movies as PyAV reads them."""

from pathlib import Path

import av
import numpy as np


def decoded(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as movie:
        return list(movie.decode(video=0))


def av_plane(frame: av.VideoFrame, index: int) -> np.ndarray:
    """Return a plane of 16-bit samples, rows unpadded."""
    found = frame.planes[index]
    samples = np.frombuffer(found, np.uint16).reshape(found.height, found.line_size // 2)
    return samples[:, : found.width]
