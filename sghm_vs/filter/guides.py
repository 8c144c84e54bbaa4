"""
Guides as clips: what a user knows of who is where, and what becomes of it.

    screen, and mask steadied by the votes around -> overruled by the trimap -> and by the keys
    -> the network, and the alpha's hold
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.clips import (
    blank_like,
    blank_of_any_size,
    check_gray,
    check_matte,
    computed,
    read_once,
    sized,
    to_gray_frame,
)
from sghm_vs.color import convert
from sghm_vs.errors import SettingsError, UnsupportedClipError
from sghm_vs.filter import screen as screens
from sghm_vs.filter.keys import carried
from sghm_vs.filter.neighbors import IS_MISSING, TemporalNeighbors
from sghm_vs.matting import guides as stage
from sghm_vs.matting import temporal
from sghm_vs.matting.optical_flow import shrunk
from sghm_vs.options import (
    AUTO,
    GUIDE_CLIPS,
    VOTERS,
    Guides,
    Roi,
    Settings,
    called,
    check_roi,
    rois_of,
)

VOTED_AT = 4
"""The votes on a mask are of its means over so many pixels each way, as the network's own are."""


class Said(NamedTuple):
    """What guides say of a clip's frames: 1, 0, and 0.5 where it is left to the network."""

    guide: vs.VideoNode | None
    """All of them, GRAYS; None without any."""
    drawn: vs.VideoNode | None
    """Those that somebody made, without the screen."""
    keyed: vs.VideoNode | None
    """The screen, as `sghm_vs.filter.screen.keyed`."""


@dataclass(frozen=True, kw_only=True)
class GuideClips:
    """Guides of a clip, GRAYS of its size and length; see `sghm_vs.options.Guides`."""

    mask: vs.VideoNode | None = None
    trimap: vs.VideoNode | None = None
    keys: Mapping[int, vs.VideoNode] = field(default_factory=dict)
    """By frame, each as long as the clip."""
    keep: vs.VideoNode | None = None
    holdout: vs.VideoNode | None = None
    screen: str | None = None
    """The color of what is behind everybody; see `sghm_vs.options.screen_hue`."""
    band: float = Guides().guide_band
    """As a part of the picture's short side."""
    mask_tr: int = 0
    key_reach: int = 0
    """How many frames each way the network is guided by a key; the alpha's filter goes on from there."""
    regions: tuple[Region, ...] = ()
    """What is matted of the picture; none is all."""

    @property
    def are_of_network(self) -> bool:
        """Whether the network is guided; else the alpha at most is changed after it."""
        return any((self.mask, self.trimap, self.keys, self.screen))

    @property
    def are_last(self) -> bool:
        """Whether `last` changes an alpha."""
        return self.keep is not None or self.holdout is not None

    def cut(self, region: Region) -> GuideClips:
        """Return the guides of `region` alone."""
        given = {name: getattr(self, name) for name in GUIDE_CLIPS}
        clips = {name: region.cut(clip) for name, clip in given.items() if clip is not None}
        keys = {n: region.cut(key) for n, key in self.keys.items()}
        return replace(self, **clips, keys=keys, band=self.band * region.enlarges, regions=())

    def before(self, rgb: vs.VideoNode, nearby: TemporalNeighbors) -> Said:
        """
        Return what is said before a frame is matted.

        Args:
            rgb: The picture.
            nearby: Its neighbors.
        """
        corrections = []
        if self.trimap is not None:
            corrections.append(_said("trimap", rgb, self.trimap))
        if self.keys:
            corrections.append(carried(rgb, self.keys, nearby.flow, self.key_reach))
        masks = []
        if self.mask is not None:
            masks.append(_steadied(rgb, self.mask, nearby.with_radius(VOTERS * self.mask_tr)))
        drawn = _in_order([*masks, *corrections])
        if self.screen is None:
            return Said(drawn, drawn, None)
        keyed = screens.keyed(rgb, self.screen, self.band, _in_order(corrections))
        guide = _in_order([screens.guide_of(keyed), *masks, *corrections])
        return Said(guide, drawn, keyed)

    def mixed(self, alpha: vs.VideoNode, said: Said) -> vs.VideoNode:
        """Return `alpha`, GRAYS, of each frame, or the screen's; `said` is what `before` returned."""
        return alpha if said.keyed is None else screens.mixed(alpha, said.keyed)

    def held(self, alpha: vs.VideoNode, said: Said) -> vs.VideoNode:
        """Return `alpha`, GRAYS, as the guides hold it; `said` is what `before` returned."""
        if said.keyed is not None:
            alpha = screens.held(alpha, said.keyed)
        if said.drawn is None:
            return alpha
        trimaps = [] if self.trimap is None else [self.trimap]

        def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
            del n
            values, drawn, *trimap = (np.asarray(frame[0]) for frame in frames)
            held = stage.held(values, drawn, self.band * min(values.shape))
            for one in trimap:
                # Keys rule over it: where they say otherwise, it says nothing.
                exact = stage.said(one)
                held = stage.exact(held, np.where(exact == drawn, exact, stage.UNKNOWN))
            return _again(held, frames[0])

        clips = [read_once(clip) for clip in (alpha, said.drawn, *trimaps)]
        return computed(blank_like(alpha), clips, make)

    def last(self, alpha: vs.VideoNode) -> vs.VideoNode:
        """Return `alpha`, GRAYS, at least what is kept, and nothing where it is held out."""
        return kept_and_held_out(alpha, self.keep, self.holdout)


@dataclass(frozen=True)
class Region:
    """A rectangle of a clip's picture."""

    roi: Roi
    size: tuple[int, int]
    """(width, height) of the picture."""
    chroma: tuple[int, int]
    """How many pixels across and down a sample of chroma has."""

    @property
    def outer(self) -> Roi:
        """The smallest rectangle around it that cuts no sample of chroma."""
        left, top, width, height = self.roi
        across, down = self.chroma
        first = left // across * across, top // down * down
        last = -(-(left + width) // across) * across, -(-(top + height) // down) * down
        return (*first, last[0] - first[0], last[1] - first[1])

    @property
    def enlarges(self) -> float:
        """How many times shorter its short side is than the picture's."""
        return min(self.size) / min(self.outer[2:])

    def cut(self, clip: vs.VideoNode) -> vs.VideoNode:
        """Return what `clip`, of the picture's size, shows there."""
        left, top, width, height = self.outer
        return clip.std.CropAbs(width, height, left, top)

    def paste(self, made: NDArray[Any], values: NDArray[Any]) -> None:
        """Put what was made of what is cut into `values` of the picture; what is more stays."""
        (left, top, width, height), outer = self.roi, self.outer
        x, y = left - outer[0], top - outer[1]
        inside = values[top : top + height, left : left + width]
        np.maximum(inside, made[y : y + height, x : x + width], out=inside)


def placed(regions: Sequence[Region], inner: Sequence[vs.VideoNode]) -> vs.VideoNode:
    """Return the gray clips `inner`, each made of what a region has, in a picture that is else 0."""
    format_id, (width, height) = inner[0].format.id, regions[0].size

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        values = np.zeros((height, width), np.asarray(frames[0][0]).dtype)
        for region, frame in zip(regions, frames, strict=True):
            region.paste(np.asarray(frame[0]), values)
        return _again(values, frames[0], format_id)

    like = inner[0].std.BlankClip(width=width, height=height, keep=True)
    return computed(like, [read_once(clip) for clip in inner], make)


def region_of(clip: vs.VideoNode, roi: Roi) -> Region:
    """
    Return the part of `clip` that `roi` names.

    Raises:
        SettingsError: It is not in the picture.
        UnsupportedClipError: The clip's size changes.
    """
    if not clip.width:
        msg = (
            "the clip changes its size along the way, and roi is a rectangle of one; give it one: "
            "clip.resize.Bicubic(width, height)"
        )
        raise UnsupportedClipError(msg)
    check_roi(roi, (clip.width, clip.height))
    chroma = 1 << clip.format.subsampling_w, 1 << clip.format.subsampling_h
    return Region(roi, (clip.width, clip.height), chroma)


def read_guides(
    clip: vs.VideoNode,
    given: Guides,
    settings: Settings,
    clips: Mapping[str, vs.VideoNode | None],
    keys: Mapping[int, vs.VideoNode] | None = None,
) -> GuideClips:
    """
    Return the guides of `clip`.

    Args:
        clip: What is matted.
        given: What is said of them.
        settings: How it is matted.
        clips: By their names in `given`, gray.
        keys: By frame, gray.

    Raises:
        UnsupportedClipError: One is not gray, or not of the size and length of `clip`.
        SettingsError: A rectangle that is not in the picture, a key of no frame, or a span that is
            less than how far the alpha's filter goes, or a screen of a gray clip.
    """
    keys = keys or {}
    found = {name: node for name, node in clips.items() if node is not None}
    for name, node in found.items():
        check_matte(name, node, clip)
    _check_span(given, settings, keys)
    if given.screen is not None and clip.format.color_family == vs.GRAY:
        msg = f"{called('screen')} is {given.screen}, and the clip is gray; leave it out"
        raise SettingsError(msg)
    return GuideClips(
        **{name: convert.to_full_range_gray(node, vs.GRAYS) for name, node in found.items()},
        screen=given.screen,
        band=given.guide_band,
        mask_tr=settings.radius if given.mask_tr is None else given.mask_tr,
        keys={n: _key(n, key, clip) for n, key in keys.items()},
        key_reach=given.key_span - settings.radius,
        regions=_regions(clip, given),
    )


def _regions(clip: vs.VideoNode, given: Guides) -> tuple[Region, ...]:
    if given.roi == AUTO:
        msg = (
            "roi is 'auto', and where people are in the whole clip no frame knows; make a file of it "
            "once with: sghm people SHOT -o people.json, then give people='people.json'; or the "
            "rectangles that sghm matte SHOT -o MATTE.mov --roi auto prints"
        )
        raise SettingsError(msg)
    return tuple(region_of(clip, roi) for roi in rois_of(given.roi))


def _check_span(given: Guides, settings: Settings, keys: Mapping[int, vs.VideoNode]) -> None:
    if keys and given.key_span < settings.radius:
        msg = (
            f"{called('key_span')} is {given.key_span}, and neighbors steady a frame over "
            f"{settings.radius}, across its end; give {settings.radius} or more, or a smaller "
            f"{called('tr')}"
        )
        raise SettingsError(msg)


def _key(n: int, key: vs.VideoNode, clip: vs.VideoNode) -> vs.VideoNode:
    """Return the key of frame `n` as long as `clip`, and what it says in each frame."""
    name = f"key of frame {n}"
    if not 0 <= n < clip.num_frames:
        msg = f"there is a {name}, and the clip has frames 0-{clip.num_frames - 1}"
        raise SettingsError(msg)
    check_gray(name, key)
    _check_size_of_key(name, key, clip)
    gray = convert.to_full_range_gray(key[0], vs.GRAYS).std.Loop(clip.num_frames)
    timed = gray.std.AssumeFPS(src=clip) if clip.fps else gray
    return _said(name, clip, timed)


def _check_size_of_key(name: str, key: vs.VideoNode, clip: vs.VideoNode) -> None:
    """Refuse a key that is of another size than its clip."""
    if (key.width, key.height) != (clip.width, clip.height):
        msg = (
            f"the {name} is {key.width}x{key.height}, and the clip {clip.width}x{clip.height}; "
            f"scale it: key.resize.Bicubic({clip.width}, {clip.height})"
        )
        raise UnsupportedClipError(msg)


def kept_and_held_out(
    alpha: vs.VideoNode, keep: vs.VideoNode | None, holdout: vs.VideoNode | None
) -> vs.VideoNode:
    """Return `alpha`, GRAYS, at least `keep`, and at most what `holdout` leaves."""
    if keep is None and holdout is None:
        return alpha
    named = {"keep": keep, "holdout": holdout}
    given = {name: clip for name, clip in named.items() if clip is not None}

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        for name, frame in zip(given, frames[1:], strict=True):
            check_size(name, n, frame, frames[0])
        values, *guides = (np.asarray(frame[0]) for frame in frames)
        by_name = dict(zip(given, guides, strict=True))
        if "keep" in by_name:
            values = np.maximum(values, by_name["keep"])
        if "holdout" in by_name:
            values = np.minimum(values, 1 - by_name["holdout"])
        return _again(values, frames[0])

    clips = [read_once(clip) for clip in (alpha, *given.values())]
    return computed(blank_like(alpha), clips, make)


def check_size(name: str, n: int, found: vs.VideoFrame, picture: vs.VideoFrame) -> None:
    """Refuse a guide that changes its size otherwise than its clip does."""
    if (found.width, found.height) != (picture.width, picture.height):
        msg = (
            f"frame {n} of the {name} is {found.width}x{found.height}, and the clip's "
            f"{picture.width}x{picture.height}; {sized(name, picture.width, picture.height)}"
        )
        raise UnsupportedClipError(msg)


def _steadied(rgb: vs.VideoNode, mask: vs.VideoNode, nearby: TemporalNeighbors) -> vs.VideoNode:
    """Return `mask`, 0 and 1, where `nearby` vote on it as on what the network sees."""
    small = _small(mask)
    nearby = nearby.guided_by_mask(small)

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        picture, whole, own, *others = frames
        check_size("mask", n, whole, picture)
        values, seen = np.asarray(whole[0]), np.asarray(own[0])
        voters = nearby.sides(n, others)
        if any(voters):
            voted = temporal.fuse(seen, voters, nearby.tr, is_seen=not own.props.get(IS_MISSING))
            values = stage.corrected(values, seen, voted)
        return to_gray_frame(stage.decided(values), picture.props)

    return computed(blank_like(mask), [rgb, mask, small, *nearby.shifted_clips(small)], make)


def _small(mask: vs.VideoNode) -> vs.VideoNode:
    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        values = np.asarray(frames[0][0])
        height, width = (max(length // VOTED_AT, 1) for length in values.shape)
        return to_gray_frame(shrunk(values, (height, width)), frames[0].props)

    return computed(blank_of_any_size(mask), [mask], make)


def _said(name: str, rgb: vs.VideoNode, trimap: vs.VideoNode) -> vs.VideoNode:
    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        check_size(name, n, frames[1], frames[0])
        return to_gray_frame(stage.said(np.asarray(frames[1][0])), frames[0].props)

    return computed(blank_like(trimap), [rgb, trimap], make)


def _in_order(guides: Sequence[vs.VideoNode]) -> vs.VideoNode | None:
    """Return what the last of `guides` says, and where it says nothing, the one before it."""
    if not guides:
        return None
    first, *others = guides
    if not others:
        return first

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        del n
        guide, *rest = (np.asarray(frame[0]) for frame in frames)
        for by in rest:
            guide = stage.overruled(guide, by)
        return to_gray_frame(guide, frames[0].props)

    return computed(blank_like(first), [*guides], make)


def _again(values: NDArray[Any], before: vs.VideoFrame, format_id: int = vs.GRAYS) -> vs.VideoFrame:
    """Return `values` as a frame with the props of `before`, where the coverage is theirs."""
    frame = to_gray_frame(values, before.props, format_id)
    if "SghmCoverage" in before.props:
        is_float = before.format.sample_type == vs.FLOAT
        top = 1 if is_float else (1 << before.format.bits_per_sample) - 1
        frame.props["SghmCoverage"] = float(values.mean(dtype=np.float64)) / top
    return frame
