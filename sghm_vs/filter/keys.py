"""
Keys: what is said of some frames alone, carried to those around along the motion.

    key -> motion from the frame beside it -> from the next -> ... -> what it says of each of them

A node for each distance, whose frame n is a pure function of the flow between n and its key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import blank_like, blank_of_any_size, computed, shifted, to_gray_frame
from sghm_vs.filter.neighbors import IS_APART
from sghm_vs.matting import guides as stage
from sghm_vs.matting.guides import Side
from sghm_vs.matting.optical_flow import shrunk

CARRIED_AT = 4
"""Of the picture's size; motion is searched for no finer."""
KEPT = 2
"""Frames that each distance's node keeps: in order, the one before is needed once more."""


def carried(
    rgb: vs.VideoNode, keys: Mapping[int, vs.VideoNode], flow: vs.VideoNode, most: int
) -> vs.VideoNode:
    """
    Return what `keys` say of each frame, GRAYS: 1, 0, and 0.5 where they say nothing.

    Args:
        rgb: The picture.
        keys: By frame, each a clip as long as `rgb`, whose every frame is 1, 0 or 0.5.
        flow: As `TemporalNeighbors` has it.
        most: How many frames each way a key is carried.
    """
    numbers = sorted(keys)
    way_to = {by: _way(rgb, keys, flow, most, by) for by in (-1, 1)}
    nothing = _nothing(rgb)

    def sides(n: int) -> dict[int, int]:
        """Return the keys of which frame `n` is told, each by the direction that it lies in."""
        at = bisect_left(numbers, n)
        beside = {-1: numbers[:at][-1:], 1: numbers[at:][:1]}
        return {by: one for by, found in beside.items() for one in found if abs(one - n) <= most}

    gaps = {tuple(sides(n).items()) for n in range(rgb.num_frames)}
    told = {gap: _of_sides(rgb, keys, dict(gap), way_to) if gap else nothing for gap in gaps}

    def node(n: int) -> vs.VideoNode:
        return keys[n] if n in keys else told[tuple(sides(n).items())]

    return blank_like(rgb).std.FrameEval(node, clip_src=[*keys.values(), *told.values()])


def _longest(numbers: Sequence[int], length: int, most: int, by: int) -> int:
    """Return how far from any key the farthest frame is that it is carried to, before or after."""
    ends = [*numbers[1:], length] if by < 0 else [-1, *numbers[:-1]]
    gaps = (abs(end - number) - 1 for number, end in zip(numbers, ends, strict=True))
    return min(max(gaps, default=0), most)


def _way(
    rgb: vs.VideoNode, keys: Mapping[int, vs.VideoNode], flow: vs.VideoNode, most: int, by: int
) -> vs.VideoNode:
    """
    Return the motion from each frame to the nearest key, if that is at most so many frames away.

    Args:
        rgb: The picture.
        keys: As for `carried`.
        flow: As for `carried`.
        most: How far keys are carried.
        by: 1 for keys that are later, -1 for those that are earlier.
    """
    numbers = sorted(keys)
    small = {n: _small(key) for n, key in keys.items()}
    blank = blank_of_any_size(rgb)
    track = blank.std.FrameEval(lambda n: small.get(n, blank), clip_src=[blank, *small.values()])
    step, half = (flow, 0) if by > 0 else (shifted(flow, -1), 1)
    ways: list[vs.VideoNode] = []

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        flow, key, *onward = frames
        for one in (flow, *onward):
            if one.props[IS_APART]:
                return _apart()
        motion = np.asarray(flow[0]).reshape(2, 3, -1, flow.width)[half]
        beyond = [np.asarray(one[0]).reshape(3, -1, one.width) for one in onward]
        found = stage.toward(np.asarray(key[0]), motion, beyond[0] if beyond else None)
        return to_gray_frame(found.reshape(-1, key.width), {IS_APART: 0})

    for far in range(1, _longest(numbers, rgb.num_frames, most, by) + 1):
        clips = [step, shifted(track, by * far), *(shifted(way, by) for way in ways[-1:])]
        way = computed(blank, clips, make)
        way.std.SetVideoCache(mode=1, fixedsize=True, maxsize=KEPT)
        ways.append(way)
    apart = computed(blank, [blank], lambda *_: _apart())

    def nearest(n: int) -> vs.VideoNode:
        at = bisect_left(numbers, n)
        beside = numbers[at:][:1] if by > 0 else numbers[:at][-1:]
        far = abs(beside[0] - n) if beside else 0
        return ways[far - 1] if 0 < far <= len(ways) else apart

    return blank.std.FrameEval(nearest, clip_src=[apart, *ways])


def _apart() -> vs.VideoFrame:
    """Return that no motion leads there."""
    return to_gray_frame(np.zeros((1, 1), np.float32), {IS_APART: 1})


def _of_sides(
    rgb: vs.VideoNode,
    keys: Mapping[int, vs.VideoNode],
    beside: Mapping[int, int],
    way_to: Mapping[int, vs.VideoNode],
) -> vs.VideoNode:
    """
    Return what is said of the frames between two keys, or beside one.

    Args:
        rgb: The picture.
        keys: As for `carried`.
        beside: These keys, each by the direction that it lies in.
        way_to: The motion in each direction.
    """

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, *rest = frames
        found = [
            Side(np.asarray(key[0]), np.asarray(way[0]).reshape(3, -1, way.width), abs(at - n))
            for key, way, at in zip(rest[::2], rest[1::2], beside.values(), strict=True)
            if not way.props[IS_APART]
        ]
        said = stage.carried(found, (picture.height, picture.width))
        return to_gray_frame(said, picture.props)

    clips = [clip for by, at in beside.items() for clip in (keys[at], way_to[by])]
    return computed(blank_like(rgb), [rgb, *clips], make)


def _nothing(rgb: vs.VideoNode) -> vs.VideoNode:
    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        picture = frames[0]
        values = np.full((picture.height, picture.width), stage.UNKNOWN, np.float32)
        return to_gray_frame(values, picture.props)

    return computed(blank_like(rgb), [rgb], make)


def _small(key: vs.VideoNode) -> vs.VideoNode:
    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        values = np.asarray(frames[0][0])
        height, width = (max(length // CARRIED_AT, 1) for length in values.shape)
        return to_gray_frame(shrunk(values, (height, width)), {})

    return computed(blank_of_any_size(key), [key], make)
