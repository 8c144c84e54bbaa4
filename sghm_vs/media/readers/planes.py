"""
What BestSource leaves out of a movie's frames, decoded by PyAV.

VapourSynth's frames hold whole samples of chroma, so of 4:2:0 of 321x181 BestSource gives 320x180;
and the decoder that it takes for VP8 and VP9 leaves their alpha out. Which frames there are, and
when, BestSource says.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import av
import numpy as np
import vapoursynth as vs
from av.video.codeccontext import VideoCodecContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from sghm_vs.clips import computed, to_gray_frame
from sghm_vs.errors import SourceError

ALPHA_DECODERS: Mapping[str, str] = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders that give the alpha as well, by the codec whose usual ones don't."""
KEPT_BYTES = 2**28
"""Of decoded frames, for those who come back a little: a temporal window, several threads."""

type Planes = list[NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class MissingParts:
    """What BestSource's frames of a track lack."""

    width: int
    height: int
    has_cut_chroma: bool
    """Whether a column or a row is cut, for chroma to fit."""
    alpha_decoder: str | None
    """Which decoder gives the alpha; None where BestSource does, or there is none."""


def missing_parts_of(path: Path, number: int) -> MissingParts | None:
    """Return what BestSource's frames of a track at `path` lack; None if PyAV can't tell."""
    try:
        with av.open(str(path)) as movie:
            stream = next(one for one in movie.streams.video if number in (one.index, -1))
            coder = stream.codec_context
            kind: VideoFormat | None = coder.format
            if kind is None:
                return None
            across, down = _chroma_step(kind)
            is_cut = bool(coder.width % across or coder.height % down)
            has_alpha = stream.metadata.get("alpha_mode") == "1"
            decoder = ALPHA_DECODERS.get(coder.codec.canonical_name) if has_alpha else None
            return MissingParts(coder.width, coder.height, is_cut, decoder)
    except (av.error.FFmpegError, UnicodeEncodeError, StopIteration):
        return None


def whole(clip: vs.VideoNode, path: Path, number: int, missing: MissingParts) -> vs.VideoNode:
    """
    Return `clip`, BestSource's, with the columns and rows that it cuts off, in 4:4:4.

    Args:
        clip: YUV of constant format.
        path: The movie.
        number: Of its track.
        missing: The size that the movie says.
    """
    kind = clip.format
    across, down = 1 << kind.subsampling_w, 1 << kind.subsampling_h
    width, height = -(-missing.width // across) * across, -(-missing.height // down) * down
    decoder = Decoder(path, number)
    # As large as whole samples of chroma need; what is beyond the picture is cut behind.
    blank = clip.std.BlankClip(width=width, height=height, keep=True)

    def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        planes = decoder.planes(n, f[0])
        frame = vs.core.create_video_frame(kind, width, height)
        for name, value in f[0].props.items():
            frame.props[name] = value
        for index in range(kind.num_planes):
            _fill(np.asarray(frame[index]), planes[index])
        if len(planes) > kind.num_planes:
            frame.props["_Alpha"] = _alpha_frame(planes[-1], f[0])
        return frame

    full = vs.core.query_video_format(kind.color_family, kind.sample_type, kind.bits_per_sample)
    larger = computed(blank, [clip], make).resize.Bicubic(format=full.id)
    return larger.std.Crop(right=width - missing.width, bottom=height - missing.height)


def with_alpha(clip: vs.VideoNode, path: Path, number: int, coder: str) -> vs.VideoNode:
    """Return `clip`, BestSource's, whose frames bring the alpha that the decoder `coder` gives."""
    decoder = Decoder(path, number, coder)

    def make(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        frame = f[0].copy()
        frame.props["_Alpha"] = _alpha_frame(decoder.planes(n, f[0])[-1], f[0])
        return frame

    return computed(clip, [clip], make)


def _fill(target: NDArray[np.generic], plane: NDArray[np.generic]) -> None:
    """Copy `plane` into the larger `target`, its last column and row repeated."""
    beyond = [(0, t - p) for t, p in zip(target.shape, plane.shape, strict=True)]
    np.copyto(target, np.pad(plane, beyond, mode="edge"))


def _alpha_frame(alpha: NDArray[np.generic], like: vs.VideoFrame) -> vs.VideoFrame:
    kind = like.format
    gray = vs.core.query_video_format(vs.GRAY, kind.sample_type, kind.bits_per_sample)
    timing = {
        name: like.props[name] for name in ("_DurationNum", "_DurationDen") if name in like.props
    }
    return to_gray_frame(alpha, timing, gray.id)


class Decoder:
    """
    The planes of a track's frames, by their number.

    Frames are decoded one after another, and from the start again for one that came before those
    that are kept: as BestSource does where it can't jump.
    """

    def __init__(self, path: Path, number: int, coder: str | None = None) -> None:
        """
        Take a track of the movie at `path`.

        Args:
            path: The movie.
            number: Of its track.
            coder: Another decoder than FFmpeg's usual one.
        """
        self._path, self._number, self._coder = path, number, coder
        self._kept: OrderedDict[int, Planes] = OrderedDict()
        self._coming: Iterator[VideoFrame] = iter(())
        self._next = 0
        self._lock = threading.Lock()

    def planes(self, n: int, like: vs.VideoFrame) -> Planes:
        """
        Return the planes of frame `n`, each (height, width); an alpha comes last.

        Args:
            n: Its number.
            like: What BestSource made of it.

        Raises:
            SourceError: It is not there, or it is another one than `like`.
        """
        with self._lock:
            planes = self._found(n)
        luma = np.asarray(like[0])
        if planes is None or not np.array_equal(planes[0][: luma.shape[0], : luma.shape[1]], luma):
            msg = (
                f"{self._path}: frame {n} is decoded in two ways, and all of its {self._lacking} "
                "can't be read; write the movie anew, in 4:4:4"
            )
            raise SourceError(msg)
        return planes

    @property
    def _lacking(self) -> str:
        return "columns and rows" if self._coder is None else "alpha"

    def _found(self, n: int) -> Planes | None:
        if n not in self._kept and n < self._next:
            self._next = 0
        while n not in self._kept:
            if self._next == 0:
                self._coming = self._frames()
            frame = next(self._coming, None)
            if frame is None:
                return None
            self._keep(self._next, _planes(frame))
        return self._kept[n]

    def _keep(self, at: int, planes: Planes) -> None:
        self._kept[at], self._next = planes, at + 1
        size = sum(plane.nbytes for plane in planes)
        while len(self._kept) > max(2, KEPT_BYTES // size):
            self._kept.popitem(last=False)

    def _frames(self) -> Iterator[VideoFrame]:
        with av.open(str(self._path)) as movie:
            stream = next(one for one in movie.streams.video if self._number in (one.index, -1))
            coder = stream.codec_context
            if self._coder is not None:
                coder = cast("VideoCodecContext", av.CodecContext.create(self._coder, "r"))
            for packet in movie.demux(stream):
                # An empty packet that has a time shows a frame again; at the end comes one without.
                if packet.size or packet.pts is None:
                    yield from coder.decode(packet)


def _chroma_step(kind: VideoFormat) -> tuple[int, int]:
    """Return how many columns and rows of luma a sample of chroma stands for."""
    if kind.is_rgb or len(kind.components) < 3:
        return 1, 1
    # Asked of a length that any step divides.
    return 64 // kind.chroma_width(64), 64 // kind.chroma_height(64)


def _planes(frame: VideoFrame) -> Planes:
    """Return the planes of a YUV frame; one whose samples are interleaved is made planar first."""
    kind = frame.format
    if len(kind.components) != len(frame.planes):
        frame = frame.reformat(format=_planar_name(kind))
        kind = frame.format
    return [_plane(frame, index) for index in range(len(frame.planes))]


def _planar_name(kind: VideoFormat) -> str:
    across, down = _chroma_step(kind)
    name = {(2, 2): "yuv420p", (2, 1): "yuv422p", (4, 1): "yuv411p"}[across, down]
    bits = kind.components[0].bits
    return name if bits == 8 else f"{name}{bits}le"


def _plane(frame: VideoFrame, index: int) -> NDArray[np.generic]:
    plane = frame.planes[index]
    dtype = np.dtype(np.uint8 if frame.format.components[index].bits == 8 else np.uint16)
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)
    # The decoder takes its memory back.
    return rows[: plane.height, : plane.width].copy()
