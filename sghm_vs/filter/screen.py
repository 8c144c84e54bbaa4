"""A green or blue screen as a guide: what it says of each frame, as a clip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import blank_like, computed, read_once, to_gray_frame, to_rgb_frame
from sghm_vs.matting import screen as stage
from sghm_vs.matting.guides import UNKNOWN, exact
from sghm_vs.matting.screen import Keyed, Plane
from sghm_vs.options import screen_hue


def keyed(
    rgb: vs.VideoNode, screen: str, band: float, corrections: vs.VideoNode | None = None
) -> vs.VideoNode:
    """
    Return what a screen says of each frame: guide, alpha and trust in the planes of an RGBS clip.

    Args:
        rgb: The picture, display-coded.
        screen: Of which color, as `Guides.screen` has it.
        band: How far inside its outline the subject is solid, as a part of the short side.
        corrections: GRAYS: where it is 0 or 1 it rules over the screen.
    """
    channels, hue = screen_hue(screen)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        picture = np.stack([np.nan_to_num(np.asarray(plane)) for plane in frames[0]])
        found, size = stage.find(picture, channels, hue), picture.shape[1:]
        said = stage.nothing(size) if found is None else stage.key(picture, found, band * min(size))
        for rule in frames[1:]:
            said = stage.overruled(said, np.asarray(rule[0]))
        return to_rgb_frame(np.stack(said, axis=2), frames[0].props)

    clips = [rgb] if corrections is None else [rgb, corrections]
    return computed(blank_like(rgb, vs.RGBS), clips, make)


def guide_of(keyed: vs.VideoNode) -> vs.VideoNode:
    """Return where the subject and where the screen is, GRAYS: 1, 0, and 0.5 where it can't be told."""
    return _made_of(keyed, [], lambda said: said.guide)


def view_of(keyed: vs.VideoNode) -> vs.VideoNode:
    """Return the screen's alpha, GRAYS, the nearer to 0.5 the less it is trusted."""
    return _made_of(keyed, [], lambda said: stage.mixed(np.full_like(said.alpha, UNKNOWN), said))


def mixed(alpha: vs.VideoNode, keyed: vs.VideoNode) -> vs.VideoNode:
    """Return `alpha`, GRAYS, or the screen's as far as that is trusted."""
    return _made_of(keyed, [alpha], lambda said, values: stage.mixed(values, said))


def held(alpha: vs.VideoNode, keyed: vs.VideoNode) -> vs.VideoNode:
    """Return `alpha`, GRAYS, exactly 0 and 1 where the screen surely shows and where it does not."""
    return _made_of(keyed, [alpha], lambda said, values: exact(values, stage.sure(said)))


def _made_of(
    keyed: vs.VideoNode, grays: list[vs.VideoNode], make_plane: Callable[..., Plane]
) -> vs.VideoNode:
    """Return the clip of what `make_plane` makes of what is said of a frame, and of `grays`."""

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        said, *others = frames
        planes = (np.asarray(other[0]) for other in others)
        values = make_plane(Keyed(*map(np.asarray, said)), *planes)
        return to_gray_frame(values, (others[0] if others else said).props)

    return computed(blank_like(keyed), [keyed, *map(read_once, grays)], make)
