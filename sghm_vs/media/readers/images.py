"""Pictures as a clip: each is read when its frame is asked for."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import vapoursynth as vs

from sghm_vs.clips import to_gray_frame
from sghm_vs.errors import SourceError
from sghm_vs.media.readers.animated import refuse_moving
from sghm_vs.media.readers.oiio import (
    OIIO_SUFFIXES,
    TIFF_SUFFIXES,
    has_palette,
    read_with_oiio,
    whole_window,
)
from sghm_vs.media.readers.opencv import read_with_opencv
from sghm_vs.media.readers.picture import FORMATS, Picture, ReadOptions

logger = logging.getLogger(__name__)


def read_picture(path: Path, wanted: ReadOptions) -> Picture:
    """
    Return the picture at `path`, upright.

    Args:
        path: The file.
        wanted: What of it; a layer and a window are an EXR file's, see `read_with_oiio`.

    Raises:
        SourceError: The file is missing, damaged, or of a kind that isn't read.
    """
    suffix = path.suffix.lower()
    if wanted.layer is not None and suffix != ".exr":
        msg = f"{path} has no layers, and layer {wanted.layer!r} was asked for; leave --layer out"
        raise SourceError(msg)
    picture = PICTURE_READERS.get(suffix, read_with_opencv)(path, wanted)
    if picture.format is None:
        msg = (
            f"{path} has {picture.planes[0].dtype} pixels; "
            "8-bit, 16-bit and 32-bit float pictures are read"
        )
        raise SourceError(msg)
    return picture


def _tiff(path: Path, wanted: ReadOptions) -> Picture:
    # Of a palette OpenImageIO makes colors that are a code too dark.
    return (read_with_opencv if has_palette(path) else read_with_oiio)(path, wanted)


PICTURE_READERS = dict.fromkeys(OIIO_SUFFIXES, read_with_oiio) | dict.fromkeys(TIFF_SUFFIXES, _tiff)
"""By a file's ending; OpenCV reads all others."""


def picture_clip(
    paths: Sequence[Path | None],
    rate: Fraction,
    layer: str | None = None,
    *,
    keep_windows: bool = False,
    with_alpha: bool = False,
    channel: str | None = None,
    is_color_said: bool = False,
) -> vs.VideoNode:
    """
    Return a clip whose frame n is the picture `paths[n]`, read when it is asked for.

    Args:
        paths: At least one; the first one, which must be there, says the clip's format and
            size. None is a black frame.
        rate: Frames per second.
        layer: Which layer of EXR files.
        keep_windows: Whether overscan of EXR files is shown, as much as the first one has, and
            every frame says its windows; see `sghm_vs.media.metadata`.
        with_alpha: Whether frames bring their alpha, in the prop `_Alpha`.
        channel: Of mattes: which channel of EXR files.
        is_color_said: Whether the color space is known already, and no warning is due.

    Raises:
        SourceError: The first picture can't be read.
    """
    # Frames are read later, when a script's working folder may be another.
    files = [None if path is None else path.absolute() for path in paths]
    assert files[0] is not None  # noqa: S101 - a sequence begins with a frame that is there
    first_file = files[0]
    refuse_moving(first_file)
    is_exr = first_file.suffix.lower() == ".exr"
    window = whole_window(first_file, layer) if keep_windows and is_exr else None
    wanted = ReadOptions(layer, window, with_alpha, channel)
    first = read_picture(first_file, wanted)
    if first.warning and not is_color_said:
        logger.warning(first.warning)
    blank = _blank(first, len(files), rate)

    def read(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        file = files[n]
        if file is not None:
            refuse_moving(file)
        picture = first.black() if file is None else read_picture(file, wanted)
        if str(picture) != str(first):
            msg = (
                f"{file} is {picture}, but {first_file.name} is {first}; frames of a sequence "
                "are of one size and format (unrelated pictures: sghm matte --stills)"
            )
            raise SourceError(msg)
        return _frame(picture, f)

    # ModifyFrame alone never runs twice at a time; one made for each frame does.
    return blank.std.FrameEval(lambda n: blank.std.ModifyFrame(blank, read))  # noqa: ARG005


def _blank(picture: Picture, length: int, rate: Fraction) -> vs.VideoNode:
    height, width = picture.planes[0].shape
    return vs.core.std.BlankClip(
        format=picture.format,
        width=width,
        height=height,
        length=length,
        fpsnum=rate.numerator,
        fpsden=rate.denominator,
        keep=True,
    )


def _frame(picture: Picture, like: vs.VideoFrame) -> vs.VideoFrame:
    """Return `picture` as a frame with the format and timing of `like`."""
    frame = vs.core.create_video_frame(like.format, like.width, like.height)
    for index, plane in enumerate(picture.planes):
        np.copyto(np.asarray(frame[index]), plane)
    timing = {name: like.props[name] for name in ("_DurationNum", "_DurationDen")}
    for name, value in {**timing, **picture.props}.items():
        frame.props[name] = value
    if picture.alpha is not None:
        kind = FORMATS[picture.alpha.dtype.name, 1]
        frame.props["_Alpha"] = to_gray_frame(picture.alpha, timing, kind)
    return frame
