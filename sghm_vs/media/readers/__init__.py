"""
Opens footage: a movie, a numbered sequence, one picture, or a VapourSynth script.

Every frame is a pure function of its number, no file stays open between frames of a
sequence, and nothing is written beside the footage.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

import vapoursynth as vs

from sghm_vs.color import ocio
from sghm_vs.color.convert import assume_colorspace
from sghm_vs.errors import DAMAGES, SettingsError, SghmError, SourceError, cure, message_of
from sghm_vs.files import why_too_long, with_slashes
from sghm_vs.media.frame_times import Varying
from sghm_vs.media.metadata import SourceMetadata, movie_metadata, picture_metadata
from sghm_vs.media.readers import animated, heif
from sghm_vs.media.readers.deinterlace import at_field_rate, deinterlaced
from sghm_vs.media.readers.images import picture_clip
from sghm_vs.media.readers.movie import open_movie
from sghm_vs.media.readers.timing import timed
from sghm_vs.media.readers.vpy import run_script
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath, frame_files, sequence_in
from sghm_vs.options import DEFAULT_RATE, FrameRange, Missing, Opening, called

__all__ = ["Missing", "Opening", "Source", "open_source"]

ADDRESS = re.compile(r"[A-Za-z][\w+.-]+:/")
ALIKE = 0.75
"""How alike, 0-1, names without endings are one of which may mean the other."""
"""How "https://…" and "smb://…" begin; a Windows drive has one letter."""


@dataclass(frozen=True, slots=True)
class Source:
    """Footage that was opened, and how its frames are numbered."""

    clip: vs.VideoNode
    """The picture; constant format and size."""
    first_number: int
    """The source's number of clip frame 0: from the file name in sequences, else 0."""
    name: str
    """File stem, or a sequence's prefix without its last dot or underscore; never a path."""
    kind: Literal["movie", "sequence", "picture", "script"]
    alpha: vs.VideoNode | None = None
    """The alpha that a script gave to `set_output`; None for everything else."""
    blank: frozenset[int] = frozenset()
    """Clip frames that are missing in a sequence and black instead."""
    origin: SourceMetadata = field(default_factory=SourceMetadata)
    """What the footage says of itself, for outputs to carry on."""
    is_rate_said: bool = True
    """Whether somebody says its frames per second; else they are `DEFAULT_RATE`."""
    varying: Varying | None = None
    """How far a movie's frames stray from one rate; None where they have one, or keep their times."""
    path: Path | None = None
    """Where it is."""
    colorspace: str | None = None
    """What its codes were said to mean, as `ocio.canonical` spells it."""
    deinterlaced: str = ""
    """How frames became pictures of one moment, as the options say it; "" of all that were whole."""
    opening: Opening = field(default_factory=Opening)
    """How it was opened, without what it has no use for."""
    missing: Missing = "error"
    """What was said of numbers without a file: of its own, and of sequences given with it."""
    matte_bits: int | None = None
    """How many bits a sample has of a matte that was opened as one; None is of footage."""

    @property
    def frames(self) -> FrameRange:
        """Its frames, by its own numbers."""
        return FrameRange(self.first_number, self.first_number + self.clip.num_frames - 1)

    @property
    def is_of_fields(self) -> bool:
        """Whether each field became a frame."""
        return self.deinterlaced.startswith("field")

    @property
    def conformed_rate(self) -> Fraction | None:
        """Frames per second to which a movie was brought; None is its own."""
        rate = Fraction(self.clip.fps) / (2 if self.is_of_fields else 1)
        return rate if self.origin.shown else None


def open_source(path: str | Path, opening: Opening | None = None) -> Source:
    """
    Return the footage at `path`.

    A file that exists is taken as it is, whatever its name; a name with `####` or `%04d`
    that isn't a file is a sequence; a folder must hold exactly one numbered sequence.
    A `.vpy` file is code, and is run.

    Args:
        path: A movie, a sequence, a folder, a picture or a script.
        opening: What the footage itself leaves open.

    Raises:
        SettingsError: There is no such color space, or a movie is to keep its times at one rate or
            as two fields a frame.
        SourceError: Nothing is there, it can't be read, it changes its format or size,
            or numbers are missing in the sequence. Frames of a sequence are read when
            they are asked for: a damaged one raises `vs.Error` then.
    """
    path, opening = Path(path), opening or Opening()
    if opening.vfr and opening.rate is not None:
        msg = "--rate conforms a movie to one rate, and --vfr keeps its times; give one of them"
        raise SettingsError(msg)
    if opening.vfr and opening.deinterlace == "field":
        how = cure(script='Opening(deinterlace="frame")', typed="--deinterlace frame")
        msg = (
            "--deinterlace field makes two frames of each, at twice one rate, and --vfr keeps the "
            f"times of a movie that has none; take {how}, or --rate N in place of --vfr"
        )
        raise SettingsError(msg)
    try:
        source = _open(path, opening)
    except SghmError:
        raise
    except DAMAGES as error:
        raise unreadable(path, error) from error
    if source.clip.format.color_family == vs.UNDEFINED or 0 in (
        source.clip.width,
        source.clip.height,
    ):
        how = "write it anew at one size: ffmpeg -i MOVIE -vf scale=1920:1080 -c:v ffv1 NEW.mkv"
        if source.kind == "script":
            how = "give it one in the script: clip.resize.Bicubic(width=…, height=…, format=…)"
        msg = f"{path} changes its format or size between frames; {how}"
        raise SourceError(msg)
    source = _deinterlaced(source, opening)
    if opening.colorspace is not None:
        name = ocio.canonical(opening.colorspace)
        source = replace(source, clip=assume_colorspace(source.clip, name), colorspace=name)
    used = with_used_options(source, opening)
    return replace(source, path=path, opening=used, missing=opening.missing)


def unreadable(path: Path, error: Exception) -> SourceError:
    """Return what to say of the footage at `path`, whose content a library stumbles at."""
    return SourceError(
        f"{path} can't be read ({message_of(error)}): it may be damaged; copy it again, or write it "
        f"anew: ffmpeg -i {path} NEW.mkv"
    )


def refuse_unused(source: Source, opening: Opening, beside: Iterable[Path] = ()) -> None:
    """
    Refuse what `opening` says and neither `source` nor what is given `beside` it has a use for.

    Raises:
        SettingsError: There is such a value.
    """
    for name, what in _unused(source, opening, beside).items():
        kind = source.kind if source.kind == "script" else f"{source.kind} {source.origin.file}"
        msg = f"{called(name)} is for {what}, and this is the {kind}; leave it out"
        raise SettingsError(msg)


def with_used_options(source: Source, opening: Opening, beside: Iterable[Path] = ()) -> Opening:
    """Return `opening` with the defaults of what neither `source` nor what is `beside` it uses."""
    unset = Opening()
    needless = _unused(source, opening, beside)
    return replace(opening, **{name: getattr(unset, name) for name in needless})


def _unused(source: Source, opening: Opening, beside: Iterable[Path] = ()) -> dict[str, str]:
    """Return the names of what has no use, each with what has one."""
    is_exr = Path(source.origin.file).suffix.lower() == ".exr"
    has_numbers = source.kind == "sequence" or any(map(is_numbered, beside))
    uses = {
        "missing": (has_numbers, "sequences"),
        "layer": (is_exr, "EXR files"),
        "keep_windows": (is_exr, "EXR files"),
        "track": (source.kind == "movie", "movies"),
    }
    unset = Opening()
    return {
        name: what
        for name, (is_used, what) in uses.items()
        if not is_used and getattr(opening, name) != getattr(unset, name)
    }


def is_numbered(path: Path) -> bool:
    """Tell whether `path` names many files."""
    return not path.is_file()


def _deinterlaced(source: Source, opening: Opening) -> Source:
    """Return `source` with pictures of one moment each, as `opening` says."""
    clip = deinterlaced(source.clip, opening, source.name)
    if opening.deinterlace in (None, "off"):
        return replace(source, clip=clip)
    if source.alpha is not None:
        msg = (
            f"{source.name} brings an alpha of whole frames, and --deinterlace takes frames apart; "
            "deinterlace in the script, before the alpha is made, and leave the option out"
        )
        raise SourceError(msg)
    how = " ".join(filter(None, (opening.deinterlace, opening.field_order)))
    if opening.deinterlace == "frame":
        return replace(source, clip=clip, deinterlaced=how)
    blank = frozenset(2 * n + field for n in source.blank for field in (0, 1))
    origin = at_field_rate(source.origin)
    return replace(source, clip=clip, deinterlaced=how, blank=blank, origin=origin)


def _open(path: Path, opening: Opening) -> Source:
    try:
        path.lstat()
        is_folder, is_file = path.is_dir(), path.is_file()
    except (FileNotFoundError, NotADirectoryError):
        return _pattern(path, opening)
    except OSError as error:
        msg = f"{path} can't be opened: {error.strerror}; check its name and your rights to it"
        raise SourceError(msg) from None
    except ValueError as error:
        msg = f"{str(path)!a} can't be opened: {error}; check its name"
        raise SourceError(msg) from None
    if is_folder:
        return _sequence(sequence_in(path), opening)
    if not is_file:
        msg = f"{path} is no file, but a pipe, a device or a broken link; give a file"
        raise SourceError(msg)
    return _file(path, opening)


def _file(path: Path, opening: Opening) -> Source:
    if path.stat().st_size == 0:
        msg = f"{path} is empty (0 bytes); copy or render it again"
        raise SourceError(msg)
    suffix = path.suffix.lower()
    reader = next(one for one in READERS if one.suffixes is None or suffix in one.suffixes)
    return reader.open(path, opening)


def _script(path: Path, opening: Opening) -> Source:
    del opening
    clip, alpha = run_script(path)
    origin = SourceMetadata(file=_text(path.name))
    return Source(clip, 0, _text(path.stem), "script", alpha, origin=origin)


def _picture(path: Path, opening: Opening) -> Source:
    if animated.is_movie(path):
        return _moving_picture(path, opening)
    origin, rate = picture_metadata({0: path}, _text(path.name), opening.rate)
    clip = _pictures([path], rate, opening)
    return Source(clip, 0, _text(path.stem), "picture", origin=origin)


def _moving_picture(path: Path, opening: Opening) -> Source:
    animated.refuse_moving_jxl(path)
    is_avif = path.suffix.lower() == ".avif"
    track = heif.sequence_track(path) if is_avif and opening.track is None else opening.track
    return _movie(path, replace(opening, track=track))


def _movie(path: Path, opening: Opening) -> Source:
    movie = open_movie(path, opening.track, with_alpha=opening.with_alpha)
    made = timed(movie, path, opening)
    origin = movie_metadata(path, Fraction(made.clip.fps), movie.start_s)
    if made.times is not None:
        origin = replace(origin, times=made.times.exact)
    if made.conformed is not None:
        start = origin.sound_start + Fraction(made.conformed.start_s).limit_denominator(10**6)
        origin = replace(origin, shown=made.conformed.shown, sound_start=start)
    name = _text(path.stem)
    return Source(made.clip, 0, name, "movie", origin=origin, varying=made.varying)


class Reader(NamedTuple):
    """A row of `READERS`."""

    suffixes: Collection[str] | None
    """Of files that it opens, in lower case; None is all others."""
    open: Callable[[Path, Opening], Source]


READERS = (
    Reader((".vpy",), _script),
    Reader(PICTURE_SUFFIXES, _picture),
    Reader(None, _movie),
)
"""Kinds of files; the first that fits opens one. Adding one is a function, or a file, and a row."""


def _pictures(
    files: Sequence[Path | None], rate: Fraction | None, opening: Opening
) -> vs.VideoNode:
    return picture_clip(
        files,
        rate or DEFAULT_RATE,
        opening.layer,
        keep_windows=opening.keep_windows,
        with_alpha=opening.with_alpha,
        channel=opening.channel,
        is_color_said=opening.colorspace is not None,
    )


def _pattern(path: Path, opening: Opening) -> Source:
    sequence = SequencePath.parse(path)
    if sequence is None or not sequence.numbers():
        raise SourceError(_missing(path))
    return _sequence(sequence, opening)


def _sequence(sequence: SequencePath, opening: Opening) -> Source:
    files = frame_files(sequence, opening.missing)
    origin, rate = picture_metadata(files, _text(Path(str(sequence)).name), opening.rate)
    clip = _pictures(list(files.values()), rate, opening)
    name = sequence.prefix.rstrip("._") or sequence.folder.resolve().name
    blank = frozenset(n for n, file in enumerate(files.values()) if file is None)
    name = _text(name) or "sequence"
    return Source(
        clip,
        origin.first_frame,
        name,
        "sequence",
        blank=blank,
        origin=origin,
        is_rate_said=rate is not None,
    )


def _text(name: str) -> str:
    """Return a file's name as text that metadata can hold, whatever bytes it is made of."""
    return name.encode(errors="surrogateescape").decode(errors="replace")


def _close(stem: str, names: Iterable[str]) -> list[str]:
    """Return up to three of `names` that may be meant; an ending that they share says nothing."""
    matcher = difflib.SequenceMatcher(b=stem.casefold())
    alike = []
    for name in sorted(names):
        matcher.set_seq1(Path(name).stem.casefold())
        alike.append((-matcher.ratio(), name))
    return [name for unlike, name in sorted(alike)[:3] if -unlike >= ALIKE]


def _missing(path: Path) -> str:
    """Say what isn't there, and which names come close."""
    if ADDRESS.match(with_slashes(path)):
        return f"{path} is an address, and only files are read; copy it here, or mount its share"
    if too_long := why_too_long(path, is_written=False):
        return f"{path} can't be found: {too_long}"
    if not path.parent.is_dir():
        return f"{path} doesn't exist, nor does its folder {path.parent}; check the path"
    names = [entry.name for entry in path.parent.iterdir()]
    named = SequencePath.in_brackets(path)
    close = _close(path.stem, names)
    if named is not None and named[0].numbers():
        close = [Path(str(named[0])).name]
    hint = f"did you mean {', '.join(close)}?" if close else "check the name"
    return f"{path} doesn't exist; {hint}"
