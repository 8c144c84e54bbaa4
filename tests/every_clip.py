"""
Every format of the input contract at every size, up to 4K; prints a table.

    python -m tests.every_size

What the network sees is compared with VapourSynth's own resizer at each size and format; the
whole filter runs for each at the small sizes, and for one of a kind at the large ones.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import vapoursynth as vs

from sghm_vs import sghm
from sghm_vs.color import read_color, to_display_rgb
from tests.clips import core, plane
from tests.test_intake import FORMATS

SIZES = [(1, 1), (2, 2), (127, 95), (1918, 1078), (3840, 2160)]
LARGE = 500
MATTED_WHEN_LARGE = {vs.RGB24, vs.RGBS, vs.YUV420P8, vs.YUV422P10, vs.YUV444P16, vs.GRAY16}


def main() -> None:
    """Print a line for each size: formats, largest error in codes of 16 bits, seconds."""
    sys.stdout.write("size         formats  refused  error/code16  matted  s/alpha\n")
    for width, height in SIZES:
        sys.stdout.write(f"{width}x{height}".ljust(12) + row(width, height) + "\n")
        sys.stdout.flush()


def row(width: int, height: int) -> str:
    """Return what came of one size."""
    errors, seconds, refused = [], [], 0
    for video_format in FORMATS:
        try:
            clip = gradient(video_format, width, height)
        except vs.Error:
            refused += 1  # By VapourSynth: an odd size has no subsampled chroma.
            continue
        errors.append(error_against_resizer(clip))
        if width < LARGE or video_format.id in MATTED_WHEN_LARGE:
            seconds.append(seconds_for_alpha(clip))
    return (
        f"{len(errors):8d} {refused:8d} {max(errors) * 65535:13.4f} {len(seconds):7d} "
        f"{np.mean(seconds):8.2f}"
    )


def gradient(video_format: vs.VideoFormat, width: int, height: int) -> vs.VideoNode:
    """Return a frame whose codes rise from left to right."""
    clip = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1)

    def draw(f: vs.VideoFrame, **_: int) -> vs.VideoFrame:
        frame = f.copy()
        for index in range(3):
            np.asarray(frame[index])[:] = np.linspace(30 + 40 * index, 120 + 40 * index, width)
        return frame

    matrix = {} if video_format.color_family == vs.RGB else {"matrix": 1}
    return clip.std.ModifyFrame(clip, draw).resize.Bicubic(format=video_format.id, **matrix)


def error_against_resizer(clip: vs.VideoNode) -> float:
    """Return the largest difference between what the network sees and the resizer's RGBS."""
    with (
        to_display_rgb(read_color(clip)).get_frame(0) as ours,
        clip.resize.Bicubic(format=vs.RGBS).get_frame(0) as theirs,
    ):
        return max(float(np.abs(plane(ours, i) - plane(theirs, i)).max()) for i in range(3))


def seconds_for_alpha(clip: vs.VideoNode) -> float:
    """Matte the clip's frame; return how long it took, once the network was there."""
    alpha = sghm(clip, -1)
    started = time.monotonic()
    with alpha.get_frame(0) as frame:
        values = plane(frame)
    assert values.shape == (clip.height, clip.width)
    assert np.isfinite(values).all()
    return time.monotonic() - started


if __name__ == "__main__":
    main()
