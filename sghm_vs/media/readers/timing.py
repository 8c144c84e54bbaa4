"""The rate of a movie: its own, the one that it is conformed to, or none."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.errors import counted
from sghm_vs.media.frame_times import (
    USUAL,
    Conformed,
    FrameTimes,
    Header,
    Varying,
    check_span,
    conform,
    constant_rate,
    filled,
    frame_times,
    packet_times,
    read_header,
    varying,
)
from sghm_vs.media.metadata import TIMES
from sghm_vs.media.readers.movie import NO_TIME, Movie
from sghm_vs.options import Opening

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A movie's clip, and when its frames are shown."""

    clip: vs.VideoNode
    conformed: Conformed | None = None
    """How it was brought to the clip's rate, if it was."""
    times: FrameTimes | None = None
    """Where there is no one rate: the clip's is only near to them."""
    varying: Varying | None = None
    """Why the clip's rate means nothing, where neither was asked for."""


def timed(movie: Movie, path: Path, opening: Opening) -> Timed:
    """
    Return the movie at the rate that `opening` wants, or else at its own.

    Args:
        movie: All its frames.
        path: Where it is.
        opening: Says whether its times are kept or brought to a rate.
    """
    clip, times = movie.clip, _times(movie, path)
    if times is None or clip.format.color_family == vs.UNDEFINED or not clip.width:
        return Timed(clip=clip)
    own = constant_rate(times, Fraction(clip.fps))
    if own is not None and (opening.rate in (None, own) or own in USUAL):
        if opening.rate not in (None, own):
            logger.warning(
                "%s has %s frames a second, and keeps them; --rate is for sequences and for movies "
                "whose rate varies",
                path,
                own,
            )
        return Timed(clip=_at(clip, own))
    if opening.rate is not None:
        return _conformed(clip, path, times, conform(times, opening.rate))
    if opening.vfr:
        return _kept(clip, times)
    whole = filled(times)
    if whole is not None:
        return _conformed(clip, path, times, whole)
    return Timed(clip=clip, times=times, varying=varying(times))


def _times(movie: Movie, path: Path) -> FrameTimes | None:
    """Return when frames are shown: as they were decoded, and else by packets."""
    frames = movie.clip.num_frames
    if len(movie.ticks) != frames or NO_TIME in movie.ticks:
        packets = packet_times(path, movie.track)
        if packets is not None and len(packets) == frames:
            check_span(packets, path)
            return packets
        if packets is not None and len(packets) != 2 * frames:
            logger.warning(
                "%s has %s in %s, and doesn't say when each is shown: numbers of frames may be off; "
                "write it anew: ffmpeg -i %s -c:v ffv1 NEW.mkv",
                path,
                counted(frames, "frame"),
                counted(len(packets), "packet"),
                path,
            )
        return None
    header = read_header(path, movie.track)
    if header is None or header.tick != movie.tick_s:
        return frame_times(movie.ticks, Header("", movie.tick_s, Fraction(0)), None)
    times = frame_times(movie.ticks, header, None)
    check_span(times, path)
    is_told = constant_rate(times, header.rate) == header.rate and _is_last(times, movie.end_s)
    if header.is_from_zero or is_told:
        # Packets would say no more, and to read them is to read the whole file.
        return times
    packets = packet_times(path, movie.track)
    if times.is_counted and packets is not None:
        _warn_of_lost_packets(path, packets)
    return frame_times(movie.ticks, header, packets)


def _is_last(times: FrameTimes, end_s: Fraction | None) -> bool:
    """Tell whether no packet is behind the last of `times`: one may show it again."""
    step = times.ticks[-1] - times.ticks[-2]
    return times.is_counted or end_s is None or end_s < (times.ticks[-1] + step / 2) * times.tick


def _warn_of_lost_packets(path: Path, packets: FrameTimes) -> None:
    """
    Say that frames lack of which Ogg has a packet each, an empty one where nothing changed.

    FFmpeg leaves the empty ones out where it copies. A page has the number of its last frame alone:
    what stands before it is counted on from the page before, as if nothing lacked.
    """
    steps = np.diff(packets.ticks[:-1])
    lost = int((steps - 1).clip(0).sum())
    if lost:
        logger.warning(
            "%s lacks packets of %s, as after a cut by copying: frames before a gap are held, and may "
            "be up to %s early; for exact times cut the whole movie by decoding it: "
            "ffmpeg -ss START -i MOVIE -c:v ffv1 NEW.mkv",
            path,
            counted(lost, "frame"),
            counted(int(steps.max()) - 1, "frame"),
        )


def _at(clip: vs.VideoNode, rate: Fraction) -> vs.VideoNode:
    return clip.std.AssumeFPS(fpsnum=rate.numerator, fpsden=rate.denominator)


def _kept(clip: vs.VideoNode, times: FrameTimes) -> Timed:
    """Return the clip with its frames' own times, and a rate that timecode can count at."""
    near = _at(clip, varying(times).rate)
    # Who writes the clip without its times is told by its frames' lengths.
    return Timed(clip=near.std.CopyFrameProps(clip, props=TIMES), times=times)


def _conformed(clip: vs.VideoNode, path: Path, times: FrameTimes, found: Conformed) -> Timed:
    dropped = found.dropped(len(times))
    logger.warning(
        "%s is brought to %s frames a second: %s doubled, %s dropped",
        path,
        found.rate,
        _count(found.doubled),
        _count(dropped) if dropped else "none",
    )
    shown = found.shown
    blank = clip.std.BlankClip(length=len(shown), keep=True)
    frames = blank.std.FrameEval(lambda n: clip[shown[n]], clip_src=[clip])
    return Timed(clip=_at(frames, found.rate), conformed=found)


def _count(frames: int) -> str:
    return f"{counted(frames, 'frame')} {'is' if frames == 1 else 'are'}"
