"""The media that an edit's clips show: found by place, name, reel and timecode."""

from __future__ import annotations

import contextlib
import difflib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from sghm_vs.errors import SettingsError, SourceError, counted, listed
from sghm_vs.media.probe import Media, probe
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath
from sghm_vs.media.timecode import DROP_RATES, Timecode
from sghm_vs.options import DEFAULT_RATE, FrameRange
from sghm_vs.shots.batch.find import MOVIE_SUFFIXES, search
from sghm_vs.shots.timeline.media_names import sequence_named
from sghm_vs.shots.timeline.read import Cut

PROBED_MAX = 200
"""Media that are looked into for their rate."""
NEAR = 0.6
"""How alike a name must be to be called the nearest."""
NTSC = Fraction(1000, 1001)
AVID_PARTS = re.compile(r"(\.(copy|dupe?|gro?u?p|new|sub)\.\d+)+$", re.IGNORECASE)
"""What Avid adds to the names of subclips, groups and retimed clips."""


class MediaFinder:
    """Looks for media in folders, each walked through once, and into each file once."""

    def __init__(
        self, folders: Sequence[Path], *, but: Path | None = None, rate: Fraction | None = None
    ) -> None:
        """Look into `folders` but not below `but`; `rate` is that of sequences."""
        self._folders = folders
        self._rate = rate
        self._by_name: dict[str, list[Path]] = defaultdict(list)
        self._by_stem: dict[str, list[Path]] = defaultdict(list)
        self._by_reel: dict[str, list[Path]] | None = None
        self._probed: dict[tuple[Path, Fraction | None], Media | SourceError] = {}
        self._there: dict[Path, list[Path]] = {}
        self._all: list[Path] = []
        for folder in folders:
            if not folder.is_dir():
                msg = f"{folder} is no folder; give one with media"
                raise SourceError(msg)
            for footage in search(folder, but=but).footage:
                self._all.append(footage.path)
                self._by_name[name_key(footage.path.name)].append(footage.path)
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
                    fitting.append((media, frames_shown(cut, media)))
                except SourceError as error:
                    reasons.append(str(error))
            if len(fitting) == 1:
                return fitting[0]
            if fitting:
                found = listed(media.path for media, _ in fitting)
                msg = f"{len(fitting)} files fit {cut.name!r}: {found}; name fewer --media folders"
                raise SourceError(msg)
        raise SourceError(reasons[0] if reasons else self._not_found(cut))

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
        if found.varying is not None:
            msg = (
                f"{path} has a varying frame rate, and an edit counts frames: {found.varying}; "
                f"type --media-rate {found.rate} to conform it"
            )
            raise SourceError(msg)
        return found

    def usual_rate(self) -> Fraction | None:
        """Return the rate to which most movies in the folders are counted; see `counted_rate`."""
        rates: Counter[Fraction] = Counter()
        movies = [path for path in self._all if path.suffix.lower() in MOVIE_SUFFIXES]
        for path in movies[:PROBED_MAX]:
            try:
                rates[counted_rate(self.probe(path))] += 1
            except SourceError:
                continue
        return rates.most_common(1)[0][0] if rates else None

    def _candidates(self, cut: Cut) -> Iterator[Sequence[Path]]:
        """Yield files that may be meant, the surest first."""
        yield [path for said in cut.files for path in self._at(said)]
        yield [path for name in cut.names for path in self._by_name.get(name_key(name), ())]
        yield [path for name in cut.names for path in self._by_stem.get(stem_of(name), ())]
        if cut.reel:
            yield self._by_stem.get(stem_of(cut.reel), ())
            yield self._reels().get(comparable_name(cut.reel), ())

    def _at(self, path: Path) -> list[Path]:
        """Return what lies at `path`: of a numbered picture the sequence, too."""
        if path.suffix.lower() not in MOVIE_SUFFIXES | PICTURE_SUFFIXES:
            return []
        if path not in self._there:
            self._there[path] = _lying_at(path)
        return self._there[path]

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
                    self._by_reel[comparable_name(reel)].append(path)
        return self._by_reel

    def _not_found(self, cut: Cut) -> str:
        """Return what was looked for, where, and what comes nearest."""
        name = cut.names[0] if cut.names else cut.name
        reel = f" or reel {cut.reel}" if cut.reel else ""
        places = [f"at {path}" for path in cut.files]
        if self._folders:
            places.append(f"among the {len(self._all)} media in {listed(self._folders)}")
        looked = f"not {' nor '.join(places)}" if places else "named without a place"
        near = difflib.get_close_matches(name_key(name), self._by_name, 1, NEAR)
        nearest = f"; nearest is {self._by_name[near[0]][0]}" if near else ""
        return (
            f"the media of {cut.name!r} is not found: {name}{reel} is {looked}{nearest}; "
            "name its folder with --media DIR"
        )


def counted_rate(media: Media) -> Fraction:
    """Return the numbers of its timecode to a second: 30000/1001 of 60000/1001 counted to 30."""
    code = media.timecode
    return media.rate if code is None else media.rate / code.repeat


def _lying_at(path: Path) -> list[Path]:
    """Return the files or sequences that `path` names, in whichever form of Unicode."""
    forms = [path, *(Path(unicodedata.normalize(form, str(path))) for form in ("NFC", "NFD"))]
    for form in forms:
        try:
            named = sequence_named(str(form))
            is_file = form.is_file()
            numbers = named[0].numbers() if named is not None else []
        except (OSError, ValueError):
            continue
        of_sequence = [Path(str(named[0]))] if named and (len(numbers) > 1 or not is_file) else []
        if is_file or numbers:
            return [*of_sequence, *([form] if is_file else [])]
    return []


def comparable_name(text: str) -> str:
    """Return `text` so that names that are read as equal are equal."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def name_key(name: str) -> str:
    """Return what names of one file or sequence have in common: of a sequence without number."""
    named = sequence_named(name)
    return (
        comparable_name(name)
        if named is None
        else comparable_name(f"{named[0].prefix}#{named[0].suffix}")
    )


def stem_of(name: str) -> str:
    """Return what is left of a file's or clip's name without ending and frame number, folded."""
    name = AVID_PARTS.sub("", name)
    path = Path(name)
    known = path.suffix.lower() in MOVIE_SUFFIXES | PICTURE_SUFFIXES
    stem = path.stem if known else name
    if known and SequencePath.of_frame(path) is None and (named := sequence_named(name)):
        stem = named[0].prefix
    return comparable_name(stem.rstrip("._- "))


def frames_shown(cut: Cut, media: Media) -> FrameRange:
    """
    Return the frames of `media` that `cut` certainly shows, by the media's own numbers.

    Its times may be timecode, count from where the edit says that the media begins, be numbers of
    frames, or count from 0: the first of these by which the media has the frames holds.

    Raises:
        SourceError: By none of these.
    """
    length = max(media_frames_of(cut.length, cut, media), 1)
    for offset in _offsets(cut, media):
        first = media.frames.first + round(offset)
        if media.frames.first <= first and first + length - 1 <= media.frames.last:
            return FrameRange(first, first + length - 1)
    said = "" if media.timecode is None else f" from {media.timecode}"
    msg = (
        f"{media.path} has {counted(len(media.frames), 'frame')}{said}, and {cut.name!r} shows "
        f"{cut.length} from {_time(cut, media)}; give the clip other media, or trim it to these"
    )
    raise SourceError(msg)


def media_frames_of(frames: int, cut: Cut, media: Media) -> int:
    """Return how many frames of `media` last as long as `frames` of `cut`."""
    return round(frames * media_frames_each(cut.rate, media.rate))


def media_frames_each(edit_rate: Fraction, media_rate: Fraction) -> Fraction:
    """
    Return how many frames of media a frame of the edit lasts.

    24 of an edit and 24000/1001 of a movie count the same frames, 30 and 60000/1001 one and two:
    hosts run those as fast as these.
    """
    counted = Fraction(nominal_rate(media_rate), nominal_rate(edit_rate))
    if 1 in (counted.numerator, counted.denominator):
        return counted
    return media_rate / edit_rate


def nominal_rate(rate: Fraction) -> Fraction:
    """Return the numbers of timecode to a second: 30 of 30000/1001; of odd rates themselves."""
    whole = Fraction(max(round(rate), 1))
    return whole if abs(rate - whole) <= whole - whole * NTSC else rate


def _offsets(cut: Cut, media: Media) -> Iterator[Fraction]:
    """Yield where `cut` may begin, in frames of `media` after its first."""
    each = media_frames_each(cut.rate, media.rate)
    if media.timecode is not None:
        code = media.timecode
        numbers = Fraction(code.fps, max(round(cut.rate), 1))
        for start in _starts(cut, code):
            yield (start * numbers - code.frame) * round(media.rate) / code.fps
    # What the edit calls the first frame of a sequence need not be the first on the disk.
    base = 0 if cut.first_number is None else cut.first_number - media.frames.first
    if cut.available is not None:
        yield base + (cut.start - cut.available) * each
    yield (cut.start - media.frames.first) * each
    yield base + cut.start * each
    yield cut.start * each


def _starts(cut: Cut, code: Timecode) -> Iterator[int]:
    """Yield the source time of `cut`, first by its numbers where the media counts them else."""
    if cut.is_drop is not None and cut.is_drop != code.is_drop and cut.rate in DROP_RATES:
        text = str(Timecode(max(cut.start, 0), round(cut.rate), cut.is_drop))
        mark = ";" if code.is_drop else ":"
        # The media may have no such number.
        with contextlib.suppress(SettingsError):
            yield Timecode.parse(f"{text[:8]}{mark}{text[9:]}", cut.rate).frame
    yield cut.start


def _time(cut: Cut, media: Media) -> str:
    counted = media.timecode.is_drop if media.timecode is not None else False
    is_drop = counted if cut.is_drop is None else cut.is_drop
    code = Timecode(max(cut.start, 0), round(cut.rate))
    code = replace(code, is_drop=is_drop and cut.rate in DROP_RATES)
    return f"{code} (frame {cut.start})"
