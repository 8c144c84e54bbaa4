"""
A frame's window: its neighbors in the same shot, and how each pixel moves to them.

    picture -> luma -> scenes -> pairs

Nodes over shifted clips, each a pure function of a fixed number of frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import vapoursynth as vs

from sghm_vs import flow
from sghm_vs.frames import to_gray_frame
from sghm_vs.nodes import blank_of_any_size, computed, shifted
from sghm_vs.settings import FlowEffort, Settings
from sghm_vs.stages.temporal import Neighbor

STARTS_SCENE = "SghmStartsScene"
IS_APART = "SghmIsApart"


@dataclass(frozen=True)
class Window:
    """
    The frames up to `tr` before and after each frame of a clip.

    `pairs[k - 1]` has, in frame n, the motion from n to n + k above that from n + k to n; each
    is computed once and serves both frames.
    """

    tr: int
    pairs: tuple[vs.VideoNode, ...]

    @property
    def offsets(self) -> tuple[int, ...]:
        """Of the neighbors, in display order."""
        return *range(-self.tr, 0), *range(1, self.tr + 1)

    def around(self, clip: vs.VideoNode) -> list[vs.VideoNode]:
        """Return the clips from whose frames `neighbors` makes the neighbors of `clip`, GRAYS."""
        shifts = [shifted(clip, offset) for offset in self.offsets]
        return [*shifts, *(shifted(self.pairs[abs(o) - 1], min(o, 0)) for o in self.offsets)]

    def neighbors(self, n: int, around: Sequence[vs.VideoFrame]) -> list[Neighbor]:
        """Return frame `n`'s neighbors in the same shot, from frames n of the clips `around`."""
        frames, pairs = around[: 2 * self.tr], around[2 * self.tr :]
        found = []
        for offset, frame, pair in zip(self.offsets, frames, pairs, strict=True):
            if n + offset < 0 or pair.props[IS_APART]:
                continue
            both = np.asarray(pair[0]).reshape(2, 3, -1, pair.width)
            is_later = offset > 0
            found.append(Neighbor(np.asarray(frame[0]), both[0 if is_later else 1], is_later))
        return found


def open_window(rgb: vs.VideoNode, settings: Settings) -> Window:
    """Return the window of `rgb`, RGBS in display code."""
    scenes = _scenes(_luma(rgb), settings)
    distances = range(1, settings.radius + 1)
    return Window(settings.radius, tuple(_pairs(scenes, k, settings.flow) for k in distances))


def _luma(rgb: vs.VideoNode) -> vs.VideoNode:
    """Return half-size luma, GRAY8."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        return to_gray_frame(flow.half_luma(*map(np.asarray, frames[0])), frames[0].props)

    return computed(blank_of_any_size(rgb, vs.GRAY8), [rgb], make)


def _scenes(luma: vs.VideoNode, settings: Settings) -> vs.VideoNode:
    """Return `luma` with a prop that says whether a scene starts."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        after, before = frames
        marked = after.copy()
        marked.props[STARTS_SCENE] = n == 0 or _is_cut(before, after, settings)
        return marked

    return computed(blank_of_any_size(luma, vs.GRAY8), [luma, shifted(luma, -1)], make)


def _is_cut(before: vs.VideoFrame, after: vs.VideoFrame, settings: Settings) -> bool:
    if (before.width, before.height) != (after.width, after.height):
        return True
    if not settings.sc:
        return False
    if settings.sc_threshold is None:
        return _says(before.props, "_SceneChangeNext") or _says(after.props, "_SceneChangePrev")
    return flow.change(*(np.asarray(frame[0]) for frame in (before, after))) > settings.sc_threshold


def _says(props: Mapping[str, object], name: str) -> bool:
    return bool(props.get(name))


def _pairs(scenes: vs.VideoNode, distance: int, effort: FlowEffort) -> vs.VideoNode:
    """Return the motion between frames n and n + `distance`, both ways."""
    between = [shifted(scenes, k) for k in range(distance + 1)]

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        first, *later = frames
        is_apart = n + distance >= scenes.num_frames or any(
            bool(frame.props[STARTS_SCENE]) for frame in later
        )
        lumas = np.asarray(first[0]), np.asarray(later[-1][0])
        there, back = flow.motions(*lumas, None if is_apart else effort)
        stacked = np.concatenate([there, back]).reshape(-1, first.width)
        return to_gray_frame(stacked, {IS_APART: is_apart})

    return computed(blank_of_any_size(scenes), between, make)
