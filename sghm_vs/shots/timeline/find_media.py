"""The media that an edit's clips show: found by place, name, reel and timecode."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path, PureWindowsPath

from sghm_vs.errors import SourceError, counted, listed
from sghm_vs.media.probe import Media, probe
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath
from sghm_vs.options import DEFAULT_RATE, FrameRange
from sghm_vs.shots.batch.find import MOVIE_SUFFIXES, search
from sghm_vs.shots.timeline.read import Cut

PROBED_MAX = 200
"""Media that are looked into for their rate."""


class MediaFinder:
    """Looks for media in folders, each walked through once, and into each file once."""

    def __init__(
        self, folders: Sequence[Path], *, but: Path | None = None, rate: Fraction | None = None
    ) -> None:
        """Look into `folders` but not below `but`; `rate` is that of sequences."""
        self._rate = rate
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._by_reel: dict[str, list[Path]] | None = None
        self._probed: dict[tuple[Path, Fraction | None], Media | SourceError] = {}
        self._exists: dict[Path, bool] = {}
        self._all: list[Path] = []
        for folder in folders:
            if not folder.is_dir():
                msg = f"{folder} is no folder; give one with media"
                raise SourceError(msg)
            for footage in search(folder, but=but).footage:
                self._all.append(footage.path)
                self._by_name[footage.path.name.casefold()].append(footage.path)
                self._by_stem[stem_of(footage.path.name)].append(footage.path)

    def find(self, cut: Cut) -> tuple[Media, FrameRange]:
        """
        Return the media that `cut` shows, and which of its frames, without any more.

        Raises:
            SourceError: It is not found, not readable, lacks these frames, or there are several.
        """
        reasons: list[str] = []
        for paths in self._candidates(cut):
            fitting: list[tuple[Media, FrameRange]] = []
            for path in dict.fromkeys(paths):
                try:
                    media = self.probe(path, cut.rate)
                    fitting.append((media, placed(cut, media)))
                except SourceError as error:
                    reasons.append(str(error))
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                found = listed(media.path for media, _ in fitting)
                msg = f"{len(fitting)} files fit {cut.name!r}: {found}; name fewer --media folders"
                raise SourceError(msg)
        raise SourceError(reasons[0] if reasons else _not_found(cut))

    def probe(self, path: Path, default: Fraction = DEFAULT_RATE) -> Media:
        """
        Return what the media at `path` is, read once.

        Args:
            path: The media.
            default: The rate of sequences of which nobody says one.
        """
        is_movie = path.suffix.lower() not in PICTURE_SUFFIXES
        key = (path, None if is_movie else default)
        if key not in self._probed:
            try:
                self._probed[key] = probe(path, self._rate, default)
            except SourceError as error:
                self._probed[key] = error
        found = self._probed[key]
        if isinstance(found, SourceError):
            raise found
        return found

    def usual_rate(self) -> Fraction | None:
        """Return the rate that most movies in the folders have."""
        rates: Counter[Fraction] = Counter()
        movies = [path for path in self._all if path.suffix.lower() in MOVIE_SUFFIXES]
        for path in movies[:PROBED_MAX]:
            try:
                rates[self.probe(path).rate] += 1
            except SourceError:
                continue
        return rates.most_common(1)[0][0] if rates else None

    def _candidates(self, cut: Cut) -> Iterator[Sequence[Path]]:
        """Yield files that may be meant, the surest first."""
        yield [path for path in cut.files if self._is_there(path)]
        names = [PureWindowsPath(path.name).name for path in cut.files]
        words = [word for word in (*names, cut.name) if word]
        yield [path for word in words for path in self._by_name.get(word.casefold(), ())]
        yield [path for word in words for path in self._by_stem.get(stem_of(word), ())]
        if cut.reel:
            yield self._by_stem.get(stem_of(cut.reel), ())
            yield self._reels().get(cut.reel.casefold(), ())

    def _is_there(self, path: Path) -> bool:
        if path.suffix.lower() not in MOVIE_SUFFIXES | PICTURE_SUFFIXES:
            return False
        if path not in self._exists:
            try:
                sequence = SequencePath.parse(path)
                self._exists[path] = path.is_file() or bool(sequence and sequence.numbers())
            except (OSError, ValueError):
                self._exists[path] = False
        return self._exists[path]

    def _reels(self) -> dict[str, list[Path]]:
        """Return the media by the reel that they say themselves; all are looked into."""
        if self._by_reel is None:
            self._by_reel = defaultdict(list)
            for path in self._all:
                try:
                    reel = self.probe(path).reel
                except SourceError:
                    continue
                if reel:
                    self._by_reel[reel.casefold()].append(path)
        return self._by_reel


def stem_of(name: str) -> str:
    """Return what is left of a file's or clip's name without ending and frame number, folded."""
    path = Path(name)
    known = path.suffix.lower() in MOVIE_SUFFIXES | PICTURE_SUFFIXES
    stem = path.stem if known else name
    sequence = SequencePath.parse(Path(stem)) if known else None
    if sequence is not None:
        stem = sequence.prefix
    return stem.rstrip("._- ").casefold()


def placed(cut: Cut, media: Media) -> FrameRange:
    """
    Return the frames of `media` that `cut` certainly shows, by the media's own numbers.

    Its times may be timecode, count from where the edit says that the media begins, be numbers of
    frames, or count from 0: the first of these by which the media has the frames holds.

    Raises:
        SourceError: By none of these.
    """
    length = in_media(cut.length, cut, media)
    for origin in _origins(cut, media):
        offset = in_media(cut.start - origin, cut, media)
        first = media.frames.first + offset
        if media.frames.first <= first and first + length - 1 <= media.frames.last:
            return FrameRange(first, first + length - 1)
    said = "" if media.timecode is None else f" from {media.timecode}"
    msg = (
        f"{media.path} has {counted(len(media.frames), 'frame')}{said}, and {cut.name!r} shows "
        f"{cut.length} from {_time(cut)}"
    )
    raise SourceError(msg)


def in_media(frames: int, cut: Cut, media: Media) -> int:
    """Return how many frames of `media` last as long as `frames` of `cut`."""
    # 24 of an EDL and 24000/1001 of a movie count the same frames.
    if round(cut.rate) == round(media.rate) or media.kind != "movie":
        return frames
    return round(frames * media.rate / cut.rate)


def _origins(cut: Cut, media: Media) -> Iterator[int]:
    """Yield times of the edit that may be those of the media's first frame."""
    if media.timecode is not None:
        yield (
            round(media.timecode.frame * cut.rate / media.timecode.fps)
            if round(cut.rate) != media.timecode.fps
            else media.timecode.frame
        )
    if cut.available is not None:
        yield cut.available
    yield media.frames.first
    yield 0


def _time(cut: Cut) -> str:
    from sghm_vs.media.timecode import Timecode

    code = Timecode(max(cut.start, 0), round(cut.rate))
    return f"{code} (frame {cut.start})"


def _not_found(cut: Cut) -> str:
    said = f" ({cut.files[0]})" if cut.files else ""
    reel = f", reel {cut.reel}" if cut.reel else ""
    return f"the media of {cut.name!r}{reel}{said} is not found; name its folder with --media"
