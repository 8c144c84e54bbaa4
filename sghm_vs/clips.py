"""Clips whose frames are pure functions of other clips' frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import cv2
import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.errors import SghmError, UnsupportedClipError, counted, cure, speaking_as_here

TRACED_MAX = 4
"""Of a traceback's frames, those that are told."""

type Make = Callable[[int, list[vs.VideoFrame]], vs.VideoFrame]


DROPPED_PROPS = frozenset(
    {"_Alpha", "_ChromaLocation", "_ColorRange", "_Matrix", "_Primaries", "_Range", "_Transfer",
     "SghmColorspace"}
)  # fmt: skip
"""Props of a picture that make no sense on its alpha."""


def computed(like: vs.VideoNode, clips: list[vs.VideoNode], make: Make) -> vs.VideoNode:
    """
    Return a clip of `like`'s format, length and rate.

    Args:
        like: Says what kind of clip it is; its frames are not read.
        clips: Of the same length.
        make: Returns frame n from n and the frames n of `clips`.
    """

    @speaking_as_here
    def call(n: int, f: vs.VideoFrame | list[vs.VideoFrame]) -> vs.VideoFrame:
        try:
            return make(n, f if isinstance(f, list) else [f])
        except Exception as error:
            # VapourSynth cuts long tracebacks at their end, where it says what went wrong.
            raise error.with_traceback(_last_frames(error.__traceback__)) from error.__cause__

    # ModifyFrame alone runs one frame at a time; made anew for each frame it runs several.
    return like.std.FrameEval(lambda **_: like.std.ModifyFrame(clips, call), clip_src=clips)


def _last_frames(traceback: TracebackType | None) -> TracebackType | None:
    """Return what of `traceback` is nearest to where it was raised."""
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    return frames[-TRACED_MAX:][0] if frames else None


def blank_like(clip: vs.VideoNode, format_id: int = vs.GRAYS) -> vs.VideoNode:
    """Return a gray clip of `clip`'s size, length and rate, to be written over."""
    if clip.width:
        return uncached(clip.std.BlankClip(format=format_id, keep=True))
    return blank_of_any_size(clip, format_id)


def blank_of_any_size(clip: vs.VideoNode, format_id: int = vs.GRAYS) -> vs.VideoNode:
    """Return a gray clip of `clip`'s length and rate whose frames may each have their own size."""
    # A clip of changing size has none of its own to be taken over.
    any_size = {"width": 64, "height": 64, "varsize": True}
    return uncached(clip.std.BlankClip(format=format_id, keep=True, **any_size))


def shifted(clip: vs.VideoNode, by: int) -> vs.VideoNode:
    """Return the clip whose frame n is frame n + `by`; beyond the ends, the first or the last."""
    last = clip.num_frames - 1
    steps = min(abs(by), last)
    if steps == 0:
        return clip
    if by > 0:
        parts = [clip[steps:], clip[last].std.Loop(steps)]
    else:
        parts = [clip[0].std.Loop(steps), clip[:-steps]]
    return uncached(vs.core.std.Splice([uncached(part) for part in parts], mismatch=True))


def uncached(clip: vs.VideoNode) -> vs.VideoNode:
    """
    Return `clip`, of whose frames VapourSynth keeps none: they are made in no time or read once.

    Where nobody asks for a frame again, it would remember up to 4,096 of a node's frames after they
    have gone (`cacheHistoryMax` in its `vscore.h`): small blocks between which the heap grows, frame
    by frame.
    """
    clip.std.SetVideoCache(mode=0)
    return clip


def kept(clip: vs.VideoNode, frames: int) -> vs.VideoNode:
    """
    Return `clip`, of whose frames VapourSynth keeps the last that were read, in place of 20.

    Args:
        clip: One of our own nodes.
        frames: How many, if no two were asked for at once.
    """
    clip.std.SetVideoCache(mode=1, fixedsize=True, maxsize=frames + 2 * vs.core.num_threads + 2)
    return clip


def read_once(clip: vs.VideoNode) -> vs.VideoNode:
    """
    Return `clip` for a reader that asks for each frame once: if there is no other, none is kept.

    VapourSynth keeps whatever a `FrameEval` reads, and what only Python does, as they may ask again.
    Of this node it knows that it doesn't, so how many read `clip` decides.
    """
    return uncached(clip.std.SetFrameProps())


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
    for plane, channel in zip(frame, cv2.split(values), strict=True):
        np.copyto(np.asarray(plane), channel)
    for name, value in props.items():
        frame.props[name] = value
    return frame


def to_rgb_array(frame: vs.VideoFrame) -> NDArray[np.float32]:
    """Return an RGBS `frame` as (height, width, 3)."""
    return np.asarray(cv2.merge([np.asarray(plane) for plane in frame]), np.float32)


def check_constant(
    name: str, node: object, error: type[SghmError] = UnsupportedClipError
) -> vs.VideoNode:
    """Return `node`, once it is a clip of one format and size; else raise `error`."""
    if not isinstance(node, vs.VideoNode):
        msg = f"the {name} is not a clip but {type(node).__name__}"
        raise error(msg)
    if node.format.color_family == vs.UNDEFINED or 0 in (node.width, node.height):
        msg = f"the {name} changes its format or size along the way; convert it to one first"
        raise error(msg)
    return node


def check_gray(name: str, node: object, error: type[SghmError] = UnsupportedClipError) -> None:
    """Raise `error` if `node` is no GRAY clip."""
    if not isinstance(node, vs.VideoNode) or node.format.color_family != vs.GRAY:
        plane = f"{name.split()[0]}.std.ShufflePlanes(0, vs.GRAY)"
        msg = f"the {name} must be a GRAY clip; take a plane: {plane}"
        raise error(msg)


def check_extent(
    name: str,
    node: vs.VideoNode,
    clip: vs.VideoNode,
    error: type[SghmError] = UnsupportedClipError,
) -> None:
    """Raise `error` if `node` is not of the size and length of `clip`."""
    found, needed = (
        f"{one.width}x{one.height} with {counted(one.num_frames, 'frame')}" for one in (node, clip)
    )
    if found != needed:
        msg = f"the {name} is {found}, and the clip {needed}; {_equalled(name, node, clip)}"
        raise error(msg)


def check_matte(name: str, matte: object, clip: vs.VideoNode) -> None:
    """Raise UnsupportedClipError if `matte` is no GRAY clip of the size and length of `clip`."""
    check_gray(name, matte)
    check_extent(name, matte, clip)


def sized(name: str, width: int, height: int) -> str:
    """Return how to bring what is called `name` to this size, as words to type."""
    return cure(
        script=f"scale it: {name}.resize.Bicubic({width}, {height})",
        typed=f"scale it: ffmpeg -i {name.upper()} -vf scale={width}:{height} -c:v ffv1 NEW.mkv",
    )


def _equalled(name: str, node: vs.VideoNode, clip: vs.VideoNode) -> str:
    """Return how `node`, called `name`, gets the size or else the length of `clip`."""
    node_name, lacking = name.split()[-1].strip("'"), clip.num_frames - node.num_frames
    if (node.width, node.height) != (clip.width, clip.height):
        return sized(node_name, clip.width, clip.height)
    if lacking < 0:
        return f"take the frames that are the clip's: {node_name}[:{clip.num_frames}]"
    return f"hold its last frame: {node_name} + {node_name}[-1] * {lacking}"
