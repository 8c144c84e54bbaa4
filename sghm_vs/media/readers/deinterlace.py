"""Interlaced footage becomes pictures of one moment each, by BWDIF."""

from __future__ import annotations

import logging
from dataclasses import replace

import vapoursynth as vs

from sghm_vs.errors import MissingPackageError, SettingsError, SourceError, last_words
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.options import Opening

KEEP_FIRST, BOTH = 1, 3
"""What `bwdif.Bwdif` makes of a frame; the frame's prop says which of its fields is first."""
ORDERS = {"top": int(vs.FIELD_TOP), "bottom": int(vs.FIELD_BOTTOM)}

logger = logging.getLogger(__name__)


def deinterlaced(clip: vs.VideoNode, opening: Opening, name: str) -> vs.VideoNode:
    """
    Return `clip` as `opening` says: a picture of each frame, of each field, or frames as they are.

    Frames that say that they are progressive stay as they are, and at field rate come twice,
    unless `opening.field_order` says that all of them are interlaced.

    Args:
        clip: Of constant format and size.
        opening: Its `deinterlace` and `field_order`.
        name: What to call the footage in a warning.

    Returns:
        Progressive frames, of the clip's rate or, of fields, of twice that.

    Raises:
        SettingsError: There is an order of fields, and no deinterlacing.
        MissingPackageError: BWDIF is not installed.
        SourceError: It can't take the clip, for its format or its size.
    """
    how, order = opening.deinterlace, opening.field_order
    if order is not None and how not in ("frame", "field"):
        msg = "--field-order is for footage that is deinterlaced; add --deinterlace frame or field"
        raise SettingsError(msg)
    if how is None:
        return clip
    if how == "off":
        return clip.std.SetFieldBased(int(vs.FIELD_PROGRESSIVE))
    if order is not None:
        clip = clip.std.SetFieldBased(ORDERS[order])
    elif not _is_interlaced(clip):
        logger.warning(
            "%s doesn't say that its first frame is interlaced, and frames that don't stay as they "
            "are; if they show two moments, say which field is first: --field-order top or bottom",
            name,
        )
    return _pictures(clip, of_fields=how == "field")


def at_field_rate(origin: SourceMetadata) -> SourceMetadata:
    """Return `origin` of footage whose every field became a frame: two have each timecode."""
    shown = tuple(n for n in origin.shown for _ in (0, 1))
    timecode = origin.timecode
    if timecode is not None:
        timecode = replace(
            timecode, frame=2 * timecode.frame, fps=2 * timecode.fps, repeat=2 * timecode.repeat
        )
    return replace(origin, timecode=timecode, shown=shown)


def _is_interlaced(clip: vs.VideoNode) -> bool:
    with clip.get_frame(0) as frame:
        return bool(frame.props.get("_FieldBased"))


def _pictures(clip: vs.VideoNode, *, of_fields: bool) -> vs.VideoNode:
    try:
        split = clip.bwdif.Bwdif(BOTH if of_fields else KEEP_FIRST)
    except AttributeError:
        msg = "deinterlacing needs BWDIF, which is not installed; pip install vapoursynth-bwdif"
        raise MissingPackageError(msg) from None
    except vs.Error as error:
        msg = f"the footage can't be deinterlaced: {last_words(error)}; leave --deinterlace out"
        raise SourceError(msg) from None
    whole = vs.core.std.Interleave([clip, clip]) if of_fields else clip

    def chosen(n: int, f: vs.VideoFrame) -> vs.VideoNode:
        del n
        return split if f.props.get("_FieldBased") else whole

    return split.std.FrameEval(chosen, prop_src=whole, clip_src=[split, whole])
