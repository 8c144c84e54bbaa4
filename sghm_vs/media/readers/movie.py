"""Movies, by BestSource: every frame number gives the same frame, however it is reached."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import vapoursynth as vs
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from sghm_vs.errors import SourceError, listed

logger = logging.getLogger(__name__)

# BestSource's cachemode 0 keeps the index in memory. The other modes save one decode of the
# file per opening, but fail where the cache can't be written, and trust an index whose movie
# was replaced by one of the same size.
INDEX_IN_MEMORY = 0

# FFmpeg shows text files as a movie of a terminal (its `tty` demuxer).
TEXT_SUFFIXES = frozenset({".ans", ".art", ".asc", ".diz", ".ice", ".nfo", ".txt", ".vt"})
# FFmpeg sees the tiles of such a photo as tracks, and its first tile as the picture.
TILED_SUFFIXES = frozenset({".heic", ".heif", ".hif"})

NO_TIME = -(2**63)
"""FFmpeg's time of a frame that has none."""
AT_END = 2**62
"""A time behind the last frame of any movie."""
MATROSKA_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)", re.ASCII)
"""As in "00:00:01.500000000"."""
STREAM_PACKETS = {188: 0, 192: 4, 204: 0}
"""Sizes that packets of a transport stream have, and where in them their first letter is, a G."""
EARLY_S = Fraction(1, 4)
"""A movie that ends earlier than its header says by more than this was cut off."""


@dataclass(frozen=True, slots=True)
class Track:
    """A video track of a movie."""

    number: int
    """Its place among all the file's tracks, from 0."""
    width: int
    height: int
    is_cover: bool
    """Whether it is a picture that players show beside the sound."""

    def __str__(self) -> str:
        return f"{self.number} ({self.width}x{self.height})"


class Movie(NamedTuple):
    """A movie's picture, and when its frames are shown."""

    clip: vs.VideoNode
    ticks: tuple[int, ...]
    """When each frame is shown, as the container counts time."""
    tick_s: Fraction
    """Seconds of one of these."""

    @property
    def start_s(self) -> Fraction:
        """When the first frame is shown, as the container counts; 0 where it says no time."""
        is_said = bool(self.ticks) and self.ticks[0] != NO_TIME
        return self.ticks[0] * self.tick_s if is_said else Fraction(0)


def open_movie(path: Path, track: int | None = None) -> Movie:
    """
    Return a video track of the movie at `path`, upright, cut as its edit list says.

    A movie that was cut off gives the frames that are there, and a warning.

    Args:
        path: The movie.
        track: The number of the track; None is the first that isn't a cover picture, with a
            warning if there are others.

    Raises:
        SourceError: The file holds no video or no such track, or BestSource can't read it.
    """
    _refuse_by_name(path)
    number = _track_number(path, track)
    try:
        with _quietly():
            read = vs.core.bs.VideoSource(
                str(path),
                track=number,
                cachemode=INDEX_IN_MEMORY,
                showprogress=0,
                apply_rotation=1,
                exporttimestamps=1,
            )
    except AttributeError:
        msg = (
            "BestSource, which reads movies, is not installed; "
            "type: pip install vapoursynth-bestsource"
        )
        raise SourceError(msg) from None
    except UnicodeEncodeError:
        msg = f"{str(path)!a} isn't a name in UTF-8, which BestSource needs; rename the movie"
        raise SourceError(msg) from None
    except vs.Error as error:
        msg = (
            f"{path} can't be read as a movie: {_reason(error)}; "
            "give a complete file with a video track"
        )
        raise SourceError(msg) from None
    _warn_of_early_end(path, number)
    tick_s = Fraction(read["timebasenum"], read["timebaseden"])
    return Movie(read["clip"], tuple(read["timestamps"]), tick_s)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keep VapourSynth from saying that BestSource gives more than it announces."""
    log = logging.getLogger("vapoursynth")

    def is_other(record: logging.LogRecord) -> bool:
        return "no return value(s) named" not in record.getMessage()

    log.addFilter(is_other)
    try:
        yield
    finally:
        log.removeFilter(is_other)


def _refuse_by_name(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        msg = f"{path} is a text file; give a movie, a picture, a sequence or a .vpy script"
        raise SourceError(msg)
    if suffix in TILED_SUFFIXES:
        msg = f"{path} is a HEIF photo, which isn't read; save it as JPEG or PNG"
        raise SourceError(msg)


def _track_number(path: Path, wanted: int | None) -> int:
    """Return the number of the track to read; -1, BestSource's first, if PyAV can't tell."""
    tracks = _video_tracks(path)
    movies = [track for track in tracks if not track.is_cover]
    if wanted is not None and wanted not in (track.number for track in tracks):
        held = listed(tracks) or "none"
        msg = f"{path} has no video track {wanted}; its video tracks are: {held}"
        raise SourceError(msg)
    if wanted is not None:
        return wanted
    if tracks and not movies:
        msg = (
            f"{path} holds sound and a cover picture, but no movie; "
            f"to matte the picture type --track {tracks[0].number}"
        )
        raise SourceError(msg)
    if len(movies) > 1:
        logger.warning(
            "%s has video tracks %s; the first is read: choose with --track", path, listed(movies)
        )
    return movies[0].number if movies else -1


def _video_tracks(path: Path) -> list[Track]:
    try:
        with av.open(str(path)) as container:
            return [
                Track(
                    stream.index,
                    # Streams of a codec that isn't known have no size.
                    getattr(stream, "width", 0),
                    getattr(stream, "height", 0),
                    bool(stream.disposition & Disposition.attached_pic),
                )
                for stream in container.streams.video
            ]
    except (av.error.FFmpegError, UnicodeEncodeError):
        # BestSource will say what is wrong, or read it all the same.
        return []


def _warn_of_early_end(path: Path, number: int) -> None:
    try:
        with av.open(str(path)) as container:
            videos = [stream for stream in container.streams.video if number in (stream.index, -1)]
            declared, (found, is_torn) = _declared_end(videos[0]), _end(container, videos[0])
            is_torn |= container.format.name == "mpegts" and _is_torn_stream(path)
    except (av.error.FFmpegError, IndexError):
        return
    if declared is not None and found is not None and declared - found > EARLY_S:
        logger.warning(
            "%s ends after %.2f of the %.2f seconds that its header says: it was cut off; "
            "what is there is read",
            path,
            found,
            declared,
        )
    elif is_torn:
        logger.warning("%s ends within a frame: it was cut off; what is there is read", path)


def _declared_end(stream: VideoStream) -> Fraction | None:
    """Return when the track ends, in seconds, as its header says."""
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * stream.time_base
    said = MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if said is None:
        return None
    hours, minutes, seconds = map(Fraction, said.groups())
    return hours * 3600 + minutes * 60 + seconds


def _end(container: InputContainer, stream: VideoStream) -> tuple[Fraction | None, bool]:
    """Return when the last frame that is there ends, in seconds, and whether a part of it lacks."""
    # From the last key frame few packets are left; where its place was cut off, all are read.
    for start in (AT_END, 0):
        container.seek(start, stream=stream)
        if packets := list(_packets(container, stream)):
            end = max((packet.pts or 0) + (packet.duration or 0) for packet in packets)
            return end * stream.time_base, packets[-1].is_corrupt
    return None, False


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    with contextlib.suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            if packet.pts is not None:
                yield packet


def _is_torn_stream(path: Path) -> bool:
    """Tell whether the transport stream at `path` ends within one of its packets of equal size."""
    with path.open("rb") as file:
        head = file.read(2 * max(STREAM_PACKETS))
    for size, at in STREAM_PACKETS.items():
        if head[at : at + 1] == head[at + size : at + size + 1] == b"G":
            return path.stat().st_size % size != 0
    return False


def _reason(error: vs.Error) -> str:
    """Return BestSource's words, explained where they are opaque."""
    words = str(error).removeprefix("VideoSource: ")
    # What it says of a file whose tracks are all sound.
    return words + " (no video in it)" if words == "Invalid track index" else words
