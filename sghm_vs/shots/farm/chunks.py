"""A shot's frames in chunks: what each writes, and what it reads."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sghm_vs.errors import SettingsError
from sghm_vs.options import FrameRange

WINDOW_SHARE = 4
"""A chunk is at least so many times as long as what it reads beyond itself."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Frames that one worker makes in one go."""

    writes: FrameRange
    reads: FrameRange


def chunk_size(frame_s: float, chunk_s: float, reach: int) -> int:
    """
    Return how many frames take `chunk_s` seconds, but enough for the window beside them.

    Args:
        frame_s: Seconds that a frame takes on a worker.
        chunk_s: Seconds that a chunk is to take.
        reach: Frames before and after a frame that help with it.

    Raises:
        SettingsError: A time is not above 0.
    """
    if not (0 < frame_s < math.inf and 0 < chunk_s < math.inf):
        msg = f"a frame of {frame_s} s and a chunk of {chunk_s} s: both must be above 0"
        raise SettingsError(msg)
    return max(1, round(chunk_s / frame_s), WINDOW_SHARE * 2 * reach)


def split(
    frames: FrameRange,
    size: int,
    *,
    reach: int = 0,
    cuts: Iterable[int] = (),
    available: FrameRange | None = None,
) -> list[Chunk]:
    """
    Return `frames` in chunks of about `size` frames, as even as can be.

    Args:
        frames: What is to be written.
        size: Frames of a chunk at most, unless an edge moves to a cut, which it does over up to
            half of that.
        reach: Frames before and after a frame that help with it.
        cuts: The first frames of the scenes in `frames`.
        available: What the footage has; None is `frames`.

    Raises:
        SettingsError: `size` is below 1.
    """
    if size < 1:
        msg = f"a chunk of {size} frames is none; give 1 or more"
        raise SettingsError(msg)
    available = available or frames
    count = math.ceil(len(frames) / size)
    scenes = sorted({cut for cut in cuts if frames.first < cut <= frames.last})
    even = (frames.first + len(frames) * at // count for at in range(1, count))
    edges = sorted({_snapped(edge, scenes, size / 2) for edge in even})
    firsts, ends = [frames.first, *edges], [*edges, frames.last + 1]
    ranges = [FrameRange(first, end - 1) for first, end in zip(firsts, ends, strict=True)]
    return [Chunk(one, _read(one, reach, available)) for one in ranges]


def _snapped(edge: int, scenes: Sequence[int], most: float) -> int:
    at = bisect_left(scenes, edge)
    near = [cut for cut in scenes[max(at - 1, 0) : at + 1] if abs(cut - edge) <= most]
    return min(near, key=lambda cut: abs(cut - edge), default=edge)


def _read(writes: FrameRange, reach: int, available: FrameRange) -> FrameRange:
    return FrameRange(
        max(writes.first - reach, available.first), min(writes.last + reach, available.last)
    )
