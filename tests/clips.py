"""Small clips made on the spot."""

from __future__ import annotations

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

core = vs.core


def noise_clip(
    format_id: int = vs.YUV420P8, width: int = 96, height: int = 64, length: int = 6
) -> vs.VideoNode:
    """Return a clip whose every frame is its own smooth random picture, the same each time."""
    rgb = core.std.BlankClip(
        format=vs.RGB24, width=width, height=height, length=length, fpsnum=24000, fpsden=1001
    )

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        rng = np.random.default_rng(n)
        for plane in range(3):
            coarse = rng.integers(0, 256, (4, 6), np.uint8)
            np.copyto(np.asarray(frame[plane]), _stretched(coarse, height, width))
        return frame

    drawn = rgb.std.ModifyFrame(rgb, draw)
    if format_id == vs.RGB24:
        return drawn
    family = core.get_video_format(format_id).color_family
    matrix = {} if family == vs.RGB else {"matrix": 1}
    return drawn.resize.Bicubic(format=format_id, **matrix)


def drawn(values: NDArray[np.float32], length: int = 1) -> vs.VideoNode:
    """Return a GRAYS clip whose every frame has these values, (h, w)."""
    height, width = values.shape
    blank = core.std.BlankClip(format=vs.GRAYS, width=width, height=height, length=length)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        del n
        frame = f.copy()
        np.copyto(np.asarray(frame[0]), values)
        return frame

    return blank.std.ModifyFrame(blank, fill)


def panning_clip(
    shots: tuple[int, ...] = (4, 4),
    *,
    step: int = 2,
    grain: float = 4,
    width: int = 96,
    height: int = 64,
) -> vs.VideoNode:
    """
    Return RGB24 shots of these lengths, each a random picture that moves, under fresh grain.

    Each frame moves by `step` px, and is the same each time it is computed.
    """
    rgb = core.std.BlankClip(
        format=vs.RGB24, width=width, height=height, length=sum(shots), fpsnum=24, fpsden=1
    )
    moments = [(shot, n) for shot, length in enumerate(shots) for n in range(length)]

    def draw(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        shot, moment = moments[n]
        picture, noise = np.random.default_rng(shot), np.random.default_rng((shot, n))
        for plane in range(3):
            coarse = picture.integers(0, 256, (6, 12), np.uint8)
            wide = cv2.resize(coarse, (2 * width, height), interpolation=cv2.INTER_CUBIC)
            seen = wide[:, step * moment :][:, :width]
            grained = seen + noise.normal(0, grain, seen.shape)
            np.copyto(np.asarray(frame[plane]), np.clip(grained, 0, 255).astype(np.uint8))
        return frame

    return rgb.std.ModifyFrame(rgb, draw)


def counted(clip: vs.VideoNode) -> tuple[vs.VideoNode, list[int]]:
    """Return `clip`, and the list that gets the number of each frame as it is computed."""
    seen: list[int] = []

    def see(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        seen.append(n)
        return f

    return clip.std.ModifyFrame(clip, see), seen


def plane(frame: vs.VideoFrame, index: int = 0) -> NDArray[np.float32]:
    """Return a copy of one plane of `frame`."""
    return np.asarray(frame[index]).copy()


def frame_bytes(clip: vs.VideoNode, n: int) -> bytes:
    """Return the bytes of the first plane of frame `n`."""
    with clip.get_frame(n) as frame:
        return plane(frame).tobytes()


def _stretched(coarse: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    rows = np.linspace(0, coarse.shape[0] - 1, height).round().astype(int)
    columns = np.linspace(0, coarse.shape[1] - 1, width).round().astype(int)
    return coarse[rows][:, columns]
