"""What footage says of itself besides its pixels, for outputs to carry on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from sghm_vs.errors import SettingsError
from sghm_vs.media.timecode import Timecode

DATA_WINDOW = "SghmDataWindow"
"""Frame prop: the data window of an EXR plate, first column and row, last column and row."""
DISPLAY_WINDOW = "SghmDisplayWindow"
"""Frame prop: the display window of an EXR plate, as `DATA_WINDOW`."""
PICTURE_WINDOW = "SghmPictureWindow"
"""Frame prop: where the clip's picture lies in the plate's coordinates, as `DATA_WINDOW`."""
WINDOWS = [DATA_WINDOW, DISPLAY_WINDOW, PICTURE_WINDOW]


logger = logging.getLogger(__name__)
TIMECODED_SUFFIXES = frozenset({".exr", ".dpx"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMetadata:
    """Where the frames of a clip come from."""

    file: str = ""
    """The name of the footage's file or sequence, without folders."""
    first_frame: int = 0
    """The source's number of clip frame 0."""
    timecode: Timecode | None = None
    """Of clip frame 0."""
    reel: str = ""
    sound: Path | None = None
    """A movie whose sound goes with the frames."""
    sound_start: Fraction = Fraction(0)
    """Seconds into that movie at which clip frame 0 is shown."""

    def at(self, frames: int, rate: Fraction) -> SourceMetadata:
        """Return the origin of a clip cut to begin `frames` later, at `rate` frames a second."""
        return replace(
            self,
            first_frame=self.first_frame + frames,
            timecode=None if self.timecode is None else self.timecode + frames,
            sound_start=self.sound_start + (Fraction(frames) / rate if rate else 0),
        )


def movie_metadata(path: Path, rate: Fraction, track: int | None = None) -> SourceMetadata:
    """
    Return what the movie at `path` says, as far as PyAV can read it.

    Args:
        path: The movie.
        rate: Its frames per second.
        track: The number of the video track; None is the first.
    """
    try:
        with av.open(str(path)) as movie:
            videos = [s for s in movie.streams.video if track in (None, s.index)]
            start = Fraction(0)
            if videos and videos[0].start_time is not None and videos[0].time_base is not None:
                start = videos[0].start_time * videos[0].time_base
            said = _said(movie)
            has_sound = bool(movie.streams.audio)
    except (av.error.FFmpegError, UnicodeEncodeError):
        return SourceMetadata(file=path.name)
    return SourceMetadata(
        file=path.name,
        timecode=_parsed(path, said.get("timecode", ""), rate),
        reel=said.get("reel_name", ""),
        sound=path.absolute() if has_sound else None,
        sound_start=start,
    )


def picture_metadata(path: Path, name: str, number: int, rate: Fraction) -> SourceMetadata:
    """
    Return what the picture at `path`, first of the sequence `name`, says.

    Args:
        path: The picture.
        name: What to call the footage's file.
        number: The picture's number.
        rate: Frames per second.
    """
    if path.suffix.lower() not in TIMECODED_SUFFIXES:
        return SourceMetadata(file=name, first_frame=number)
    import OpenImageIO

    file = OpenImageIO.ImageInput.open(str(path))
    if file is None:
        OpenImageIO.geterror()
        return SourceMetadata(file=name, first_frame=number)
    try:
        code = file.spec().getattribute("smpte:TimeCode")
        reel = file.spec().get_string_attribute("reelName")
    except UnicodeDecodeError:
        code, reel = None, ""
    finally:
        file.close()
    return SourceMetadata(
        file=name, first_frame=number, timecode=_decoded(path, code, rate), reel=reel
    )


def _said(movie: InputContainer) -> dict[str, str]:
    """Return what tracks and file say of timecode and reel; a track of timecode says it best."""
    said = dict(movie.metadata)
    for kind in ("video", "data"):
        for stream in movie.streams:
            if stream.type == kind:
                said |= {key: value for key, value in stream.metadata.items() if value}
    return {key.lower(): value for key, value in said.items()}


def _parsed(path: Path, text: str, rate: Fraction) -> Timecode | None:
    try:
        return Timecode.parse(text, rate) if text else None
    except SettingsError as error:
        logger.warning("%s: its timecode is left out: %s", path, error)
        return None


def _decoded(path: Path, code: Any, rate: Fraction) -> Timecode | None:
    # A header without a timecode has zeros or ones throughout.
    if not isinstance(code, tuple) or code[0] & 0xFFFFFFFF == 0xFFFFFFFF:
        return None
    try:
        return Timecode.from_smpte(code[0] & 0xFFFFFFFF, rate)
    except SettingsError as error:
        logger.warning("%s: its timecode is left out: %s", path, error)
        return None
