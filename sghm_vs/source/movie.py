"""Movies, by BestSource: every frame number gives the same frame, however it is reached."""

from __future__ import annotations

from pathlib import Path

import vapoursynth as vs

from sghm_vs.errors import SourceError

# BestSource's cachemode 0 keeps the index in memory. The other modes save one decode of the
# file per opening, but fail where the cache can't be written, and trust an index whose movie
# was replaced by one of the same size.
INDEX_IN_MEMORY = 0

# FFmpeg shows text files as a movie of a terminal (its `tty` demuxer).
TEXT_SUFFIXES = frozenset({".ans", ".art", ".asc", ".diz", ".ice", ".nfo", ".txt", ".vt"})


def open_movie(path: Path) -> vs.VideoNode:
    """
    Return the first video track of the movie at `path`, upright.

    Raises:
        SourceError: The file holds no video, or BestSource can't read it.
    """
    if path.suffix.lower() in TEXT_SUFFIXES:
        msg = f"{path} is a text file; give a movie, a picture, a sequence or a .vpy script"
        raise SourceError(msg)
    try:
        return vs.core.bs.VideoSource(
            str(path), cachemode=INDEX_IN_MEMORY, showprogress=0, apply_rotation=1
        )
    except AttributeError:
        msg = (
            "BestSource, which reads movies, is not installed; "
            "type: pip install vapoursynth-bestsource"
        )
        raise SourceError(msg) from None
    except vs.Error as error:
        msg = (
            f"{path} can't be read as a movie: {_reason(error)}; "
            "give a complete file with a video track"
        )
        raise SourceError(msg) from None


def _reason(error: vs.Error) -> str:
    """Return BestSource's words, explained where they are opaque."""
    words = str(error).removeprefix("VideoSource: ")
    # What it says of a file whose tracks are all sound.
    return words + " (no video in it)" if words == "Invalid track index" else words
