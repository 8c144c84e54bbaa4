"""
A frame's temporal neighbors: those in the same shot, and how each pixel moves to them.

    picture -> luma -> flow from frame to frame -> chained to neighbors

Nodes over shifted clips, each a pure function of a fixed number of frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.clips import blank_of_any_size, computed, shifted, to_gray_frame, to_rgb_array
from sghm_vs.matting import optical_flow
from sghm_vs.matting.temporal import Neighbor, Step
from sghm_vs.options import Settings

IS_APART = "SghmIsApart"
IS_MISSING = "SghmIsMissing"
"""A prop of a frame that is nobody's neighbor: its place is known, and not what it shows."""
FINEST_SCALE = "SghmFinestScale"
"""A prop of luma: at which scale the search for motion ends; see `optical_flow.motions`."""


@dataclass(frozen=True)
class TemporalNeighbors:
    """
    The frames up to `tr` before and after each frame of a clip.

    `flow` has, in frame n, the motion from n to n + 1 above that from n + 1 to n.
    """

    tr: int
    flow: vs.VideoNode

    def with_radius(self, tr: int) -> TemporalNeighbors:
        """Return those of another `tr`, over the same flow."""
        return replace(self, tr=tr)

    def guided_by_mask(self, people: vs.VideoNode) -> TemporalNeighbors:
        """
        Return those whose motion is that of people's outlines; see `optical_flow.guided_by_mask`.

        Args:
            people: Where each frame has them, GRAYS, above 0.5.
        """

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            flow, *where = frames
            if flow.props[IS_APART]:
                return flow
            both = _both_of(flow)
            theirs = [
                optical_flow.guided_by_mask(
                    motion, optical_flow.shrunk(np.asarray(frame[0]), motion.shape[1:])
                )
                for motion, frame in zip(both, where, strict=True)
            ]
            return to_gray_frame(np.concatenate(theirs).reshape(-1, flow.width), flow.props)

        clips = [self.flow, people, shifted(people, 1)]
        return replace(self, flow=computed(blank_of_any_size(people), clips, make))

    def shifted_clips(self, clip: vs.VideoNode) -> list[vs.VideoNode]:
        """Return the clips from whose frames `neighbors` makes those of `clip`, GRAYS or RGBS."""
        flows = [shifted(self.flow, by) for by in range(-self.tr, self.tr)]
        return [*self.frames_around(clip), *flows]

    def frames_around(self, clip: vs.VideoNode) -> list[vs.VideoNode]:
        """Return `clip` shifted by each of the neighbors."""
        return [shifted(clip, by) for by in (*range(-self.tr, 0), *range(1, self.tr + 1))]

    def neighbors(
        self,
        n: int,
        shifted_frames: Sequence[vs.VideoFrame],
        size: tuple[int, int] | None = None,
        small_frames: Sequence[vs.VideoFrame] | None = None,
    ) -> list[Neighbor]:
        """
        Return frame `n`'s neighbors in the same shot, in display order.

        Args:
            n: Number of the frame.
            shifted_frames: Frames n of `shifted_clips`.
            size: (height, width) of their motion; None is that of `flow`.
            small_frames: Frames n of `frames_around` the alphas of `clip`, at the size of `flow`.
        """
        earlier, later = self.sides(n, shifted_frames, small_frames)
        before = [*_chained(earlier, size, is_later=False)]
        return [*reversed(before), *_chained(later, size, is_later=True)]

    def sides(
        self,
        n: int,
        shifted_frames: Sequence[vs.VideoFrame],
        small_frames: Sequence[vs.VideoFrame] | None = None,
    ) -> tuple[list[Step], list[Step]]:
        """Return frame `n`'s neighbors before and after it, the nearest first; see `neighbors`."""
        frames, flows = shifted_frames[: 2 * self.tr], shifted_frames[2 * self.tr :]
        small = small_frames or [None] * len(frames)
        before, after = slice(self.tr - 1, None, -1), slice(self.tr, None)
        earlier = (part[before][:n] for part in (frames, flows, small))
        later = (part[after] for part in (frames, flows, small))
        return [*_steps(*earlier, is_later=False)], [*_steps(*later, is_later=True)]


def temporal_neighbors(rgb: vs.VideoNode, settings: Settings) -> TemporalNeighbors:
    """Return those of each frame of `rgb`, RGBS in display code."""
    return TemporalNeighbors(settings.radius, _flow(_luma(rgb), settings))


def _steps(
    frames: Sequence[vs.VideoFrame],
    flows: Sequence[vs.VideoFrame],
    small_frames: Sequence[vs.VideoFrame | None],
    *,
    is_later: bool,
) -> Iterator[Step]:
    """Yield the neighbors on one side, from the nearest on, until the shot ends."""
    for frame, flow, small in zip(frames, flows, small_frames, strict=True):
        if flow.props[IS_APART]:
            return
        values = None if frame.props.get(IS_MISSING) else _values(frame)
        motion = _both_of(flow)[0 if is_later else 1]
        yield Step(values, motion, None if small is None else np.asarray(small[0]))


def _chained(
    steps: Sequence[Step], size: tuple[int, int] | None, *, is_later: bool
) -> Iterator[Neighbor]:
    """Yield the neighbors to which `steps` lead on one side."""
    motion: optical_flow.Motion | None = None
    for values, step, small in steps:
        one = step if size is None else optical_flow.resized(step, size)
        motion = one if motion is None else optical_flow.chained(motion, one)
        if values is not None:
            yield Neighbor(values, motion, is_later, small)


def _both_of(flow: vs.VideoFrame) -> NDArray[np.float32]:
    """Return the motions that a frame of `flow` holds, (2, 3, h, w)."""
    return np.asarray(flow[0]).reshape(2, 3, -1, flow.width)


def _values(frame: vs.VideoFrame) -> NDArray[np.float32]:
    return np.asarray(frame[0]) if frame.format.num_planes == 1 else to_rgb_array(frame)


def _luma(rgb: vs.VideoNode) -> vs.VideoNode:
    """Return luma of the size of motion, GRAY8."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        (picture,) = frames
        luma = to_gray_frame(optical_flow.small_luma(*map(np.asarray, picture)), picture.props)
        finest_scale = optical_flow.FINEST_SCALE
        finest_scale -= optical_flow.coarseness(picture.height, picture.width)
        luma.props[FINEST_SCALE] = finest_scale
        return luma

    return computed(blank_of_any_size(rgb, vs.GRAY8), [rgb], make)


def _flow(luma: vs.VideoNode, settings: Settings) -> vs.VideoNode:
    """Return the motion between frames n and n + 1, both ways, and whether a shot ends there."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        both = None if n + 1 == luma.num_frames else _flow_between(frames[0], frames[1], settings)
        found = np.zeros((1, 1), np.float32) if both is None else both.reshape(-1, frames[0].width)
        return to_gray_frame(found, {IS_APART: both is None})

    return computed(blank_of_any_size(luma), [luma, shifted(luma, 1)], make)


def _flow_between(
    before: vs.VideoFrame, after: vs.VideoFrame, settings: Settings
) -> NDArray[np.float32] | None:
    """Return the motion both ways, (6, h, w), or nothing between frames of two shots."""
    if (before.width, before.height) != (after.width, after.height):
        return None
    lumas = np.asarray(before[0]), np.asarray(after[0])
    new = _share_of_cut(before, after, settings)
    if new > 1:
        return None
    both = optical_flow.motions(*lumas, finest_scale=int(before.props[FINEST_SCALE]))
    # Rooms may be alike: there half as much counts, if motion explains none of it.
    if (
        new > 1 / 2
        and max(optical_flow.explained(*lumas, one) for one in both) < optical_flow.EXPLAINED
    ):
        return None
    return np.concatenate(both)


def _share_of_cut(before: vs.VideoFrame, after: vs.VideoFrame, settings: Settings) -> float:
    """Return how much is new as a part of what a cut takes; above 1 is one."""
    if settings.sc_threshold == "off":
        return 0
    if settings.sc_threshold is None:
        says = _says(before.props, "_SceneChangeNext") or _says(after.props, "_SceneChangePrev")
        return 2 if says else 0
    lumas = (np.asarray(frame[0]) for frame in (before, after))
    return optical_flow.change(*lumas) / settings.sc_threshold


def _says(props: Mapping[str, object], name: str) -> bool:
    return bool(props.get(name))
