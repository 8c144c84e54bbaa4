"""Movies, by BestSource: every frame number gives the same frame, however it is reached."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import vapoursynth as vs
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from sghm_vs.clips import computed
from sghm_vs.errors import SourceError, if_there, listed
from sghm_vs.media.frame_times import unwrapped
from sghm_vs.media.readers import heif, planes

logger = logging.getLogger(__name__)

# BestSource's cachemode 0 keeps the index in memory. The other modes save one decode of the
# file per opening, but fail where the cache can't be written, and trust an index whose movie
# was replaced by one of the same size.
INDEX_IN_MEMORY = 0

# FFmpeg shows text files as a movie of a terminal (its `tty` demuxer).
TEXT_SUFFIXES = frozenset({".ans", ".art", ".asc", ".diz", ".ice", ".nfo", ".txt", ".vt"})

NO_TIME = -(2**63)
"""FFmpeg's time of a frame that has none."""
AT_END = 2**62
"""A time behind the last frame of any movie."""
MATROSKA_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)", re.ASCII)
"""As in "00:00:01.500000000"."""
STREAM_PACKETS = {188: 0, 192: 4, 204: 0}
"""Sizes that packets of a transport stream have, and where in them their first letter is, a G."""
PACKETS_DECODED = 16
"""Packets that tell whether each is a field."""
TAIL_S = 2
"""Within so much of a stream's end lies the packet that is shown last."""
EXPLAINED = {
    "Invalid track index": "no video in it",
    "Failed to create filter": "its times give no rate; write it anew, at N frames a second: "
    "ffmpeg -r N -i MOVIE -an -c:v ffv1 NEW.mkv",
}
"""What BestSource means by its words."""
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


TURNS_DEGREES = (0, 90, 180, 270)
FIELD_ORDERS: Mapping[int, int] = {
    2: int(vs.FIELD_TOP), 3: int(vs.FIELD_BOTTOM), 4: int(vs.FIELD_TOP), 5: int(vs.FIELD_BOTTOM)
}  # fmt: skip
"""Which field comes first, by FFmpeg's AVFieldOrder: TT, BB, TB, BT (as in its rawdec.c)."""
SELF_TOLD = frozenset({"dvvideo", "mpeg1video", "mpeg2video", "vc1", "wmv3"})
"""Codecs whose every frame says whether it is interlaced, whatever its container says."""


class Movie(NamedTuple):
    """A movie's picture, and when its frames are shown."""

    clip: vs.VideoNode
    ticks: tuple[int, ...]
    """When each frame is shown, as the container counts time."""
    tick_s: Fraction
    """Seconds of one of these."""
    track: int
    """The number of its track; -1 is BestSource's first."""
    end_s: Fraction | None
    """When its last packet ends, in seconds; None where that can't be told."""

    @property
    def start_s(self) -> Fraction:
        """When the first frame is shown, as the container counts; 0 where it says no time."""
        is_said = bool(self.ticks) and self.ticks[0] != NO_TIME
        return self.ticks[0] * self.tick_s if is_said else Fraction(0)


def open_movie(path: Path, track: int | None = None, *, with_alpha: bool = False) -> Movie:
    """
    Return a video track of the movie at `path`, upright, whole, cut as its edit list says.

    A movie that was cut off gives the frames that are there, and a warning.

    Args:
        path: The movie.
        track: The number of the track; None is the first that isn't a cover picture, with a
            warning if there are others.
        with_alpha: Whether frames bring their alpha in the prop `_Alpha`, whatever it costs; those
            that BestSource decodes with their color bring it in any case.

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
                apply_rotation=0,
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
    end_s = _found_end(path, number)
    tick_s = Fraction(read["timebasenum"], read["timebaseden"])
    clip = _completed(read["clip"], path, number, with_alpha=with_alpha)
    if with_alpha and path.suffix.lower() == ".avif":
        clip = _with_alpha_track(clip, path, number)
    ticks = read["timestamps"]
    # VapourSynth gives one number by itself.
    ticks = (ticks,) if isinstance(ticks, int) else tuple(ticks)
    if is_coded_in_fields(path, number):
        clip, ticks = _woven(clip, path), ticks[: len(ticks) // 2 * 2 : 2]
    clip = _upright(_with_fields(clip, path, number), path)
    return Movie(clip, unwrapped(ticks), tick_s, number, end_s)


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


def _completed(clip: vs.VideoNode, path: Path, number: int, *, with_alpha: bool) -> vs.VideoNode:
    """Return `clip` with the columns, rows and alpha that BestSource leaves out."""
    missing = planes.missing_parts_of(path, number)
    if missing is None or clip.format.color_family == vs.UNDEFINED or not clip.width:
        return clip
    if with_alpha and missing.alpha_decoder is not None:
        clip = planes.with_alpha(clip, path, number, missing.alpha_decoder)
    return planes.whole(clip, path, number, missing) if missing.has_cut_chroma else clip


def _with_alpha_track(clip: vs.VideoNode, path: Path, number: int) -> vs.VideoNode:
    """Return `clip` of an animated AVIF, whose alpha is a track of its own."""
    track = heif.alpha_track(path, number)
    if track is None:
        return clip
    alpha = vs.core.bs.VideoSource(
        str(path), track=track, cachemode=INDEX_IN_MEMORY, showprogress=0, apply_rotation=0
    )
    return clip.std.ClipToProp(alpha, "_Alpha")


def is_coded_in_fields(path: Path, number: int) -> bool:
    """
    Tell whether each picture of a track is a field.

    HEVC alone gives fields as they are coded; of other codecs decoders make frames of them.

    Source:
        ITU-T H.265 D.3.3: pic_struct; FFmpeg says of a picture that is a field that it is interlaced.
    """
    try:
        with av.open(str(path)) as movie:
            stream = next(one for one in movie.streams.video if number in (one.index, -1))
            if stream.codec_context.codec.canonical_name != "hevc":
                return False
            return next(movie.decode(stream)).interlaced_frame
    except (av.error.FFmpegError, UnicodeEncodeError, StopIteration):
        return False


def has_packet_a_field(path: Path, number: int) -> bool:
    """Tell whether two packets of a track make a frame, by its first ones."""
    with av.open(str(path)) as movie:
        stream = next(one for one in movie.streams.video if one.index == number)
        packets = [*islice(movie.demux(stream), PACKETS_DECODED)]
        coder = stream.codec_context
        frames = [frame for packet in packets for frame in coder.decode(packet)]
        # What is left is behind a packet of nothing.
        frames += coder.decode(None) if packets[-1].size else []
    return 2 * len(frames) == len([packet for packet in packets if packet.size])


def _woven(fields: vs.VideoNode, path: Path) -> vs.VideoNode:
    """Return the frames of which a clip has the fields, each a frame of half the height."""
    pairs = fields.num_frames // 2
    first, second = (fields[at : 2 * pairs : 2] for at in (0, 1))
    with fields.get_frame(0) as frame:
        order = frame.props.get("_FieldBased")
    plain = fields.std.SetFieldBased(int(vs.FIELD_PROGRESSIVE))
    woven = plain.std.DoubleWeave(tff=order == vs.FIELD_TOP)[: 2 * pairs : 2]

    def make(n: int, frames: list[vs.VideoFrame]) -> vs.VideoFrame:
        found = [frame.props.get("_FieldBased") for frame in frames[1:]]
        if found[0] != order or found[1] == order:
            msg = (
                f"{path} is coded in fields, and from field {2 * n} on one lacks or is another; cut it "
                "before, or give footage in frames"
            )
            raise SourceError(msg)
        return frames[0]

    return computed(woven, [woven, first, second], make)


def _with_fields(clip: vs.VideoNode, path: Path, number: int) -> vs.VideoNode:
    """Return `clip`, said to be interlaced where its container alone says so."""
    try:
        with av.open(str(path)) as container:
            stream = next(one for one in container.streams.video if number in (one.index, -1))
            coder = stream.codec_context
            said = FIELD_ORDERS.get(coder.field_order)
            name = coder.codec.canonical_name
    except (av.error.FFmpegError, UnicodeEncodeError, StopIteration):
        return clip
    if said is None or name in SELF_TOLD:
        return clip
    return clip.std.SetFrameProps(_FieldBased=said)


def _upright(clip: vs.VideoNode, path: Path) -> vs.VideoNode:
    """Return `clip`, the alpha of its frames and the shape of its pixels, turned as it says."""
    if clip.format.color_family == vs.UNDEFINED or not clip.width:
        return clip
    with clip.get_frame(0) as frame:
        degrees, is_flipped = frame.props.get("Rotation", 0), frame.props.get("FlipVertical", 0)
        aspect = frame.props.get("_SARNum"), frame.props.get("_SARDen")
        has_alpha = "_Alpha" in frame.props
    if degrees not in TURNS_DEGREES:
        msg = (
            f"{path} says that it is turned by {degrees} degrees, and only quarter turns are made; "
            "turn it by another program first, or remove that note from it"
        )
        raise SourceError(msg)
    if not degrees and not is_flipped:
        return clip
    turned = _turned(clip, degrees, is_flipped=bool(is_flipped))
    if has_alpha:
        alpha = _turned(clip.std.PropToClip("_Alpha"), degrees, is_flipped=bool(is_flipped))
        turned = turned.std.ClipToProp(alpha, "_Alpha")
    turned = turned.std.SetFrameProps(Rotation=0, FlipVertical=0)
    if degrees in (90, 270) and all(aspect):
        turned = turned.std.SetFrameProps(_SARNum=aspect[1], _SARDen=aspect[0])
    return turned


def _turned(clip: vs.VideoNode, degrees: int, *, is_flipped: bool) -> vs.VideoNode:
    """Return `clip` upside down if it is flipped, and then turned clockwise."""
    if is_flipped:
        clip = clip.std.FlipVertical()
    if degrees == 90:
        return clip.std.FlipVertical().std.Transpose()
    if degrees == 270:
        return clip.std.Transpose().std.FlipVertical()
    return clip.std.Turn180() if degrees == 180 else clip


def _refuse_by_name(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        msg = f"{path} is a text file; give a movie, a picture, a sequence or a .vpy script"
        raise SourceError(msg)
    with path.open("rb") as file:
        head = file.read(heif.HEAD_BYTES)
    heif.refuse_hevc_photo(path, head)
    if heif.is_avif(head) and not heif.is_avif_sequence(head):
        msg = f"{path} is an AVIF photo; call it {path.stem}.avif"
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
        msg = f"{path} holds sound and a cover picture, but no movie; " + if_there(
            "--track", f"to matte the picture type --track {tracks[0].number}", "give a movie"
        )
        raise SourceError(msg)
    if len(movies) > 1:
        logger.warning(
            "%s has video tracks %s; the first is read%s",
            path,
            listed(movies),
            if_there("--track", ": choose with --track"),
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


def _found_end(path: Path, number: int) -> Fraction | None:
    """Return when the last packet that is there ends, in seconds; warn if it isn't the movie's end."""
    try:
        with av.open(str(path)) as container:
            videos = [stream for stream in container.streams.video if number in (stream.index, -1)]
            declared, (found, is_torn) = _declared_end(videos[0]), end_of(container, videos[0])
            is_torn |= container.format.name == "mpegts" and _is_torn_stream(path)
    except (av.error.FFmpegError, IndexError):
        return None
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
    return found


def _declared_end(stream: VideoStream) -> Fraction | None:
    """Return when the track ends, in seconds, as its header says."""
    if stream.container.format.name == "ogg":
        # It has no such word: FFmpeg looks at the last page that is there.
        return None
    if stream.duration is not None:
        # Of fragments, whose header counts no frames, FFmpeg counts from 0.
        is_fragmented = "mov" in stream.container.format.name.split(",") and not stream.frames
        start = 0 if is_fragmented else stream.start_time or 0
        return (start + stream.duration) * stream.time_base
    said = MATROSKA_DURATION.fullmatch(stream.metadata.get("DURATION", ""))
    if said is None:
        return None
    hours, minutes, seconds = map(Fraction, said.groups())
    return hours * 3600 + minutes * 60 + seconds


def end_of(container: InputContainer, stream: VideoStream) -> tuple[Fraction | None, bool]:
    """Return when the last frame that is there ends, in seconds, and whether a part of it lacks."""
    # From the last key frame few packets are left; where its place was cut off, all are read.
    for start in (AT_END, 0):
        packets = _packets_from(container, stream, start)
        if packets and not packets[0].is_keyframe:
            # Streams without an index lead behind the packets that are shown last.
            before = round(TAIL_S / stream.time_base)
            packets = _packets_from(container, stream, (packets[0].pts or 0) - before) or packets
        if packets:
            end = max((packet.pts or 0) + (packet.duration or 0) for packet in packets)
            return end * stream.time_base, packets[-1].is_corrupt
    return None, False


def _packets_from(
    container: InputContainer, stream: VideoStream, start: int
) -> list[Packet[VideoStream]]:
    container.seek(max(start, 0), stream=stream)
    return list(_packets(container, stream))


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
    return words + f" ({EXPLAINED[words]})" if words in EXPLAINED else words
