"""Which frames an edit needs: its clips' ranges with handles, each frame of a media once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sghm_vs.errors import SourceError
from sghm_vs.media.probe import Media
from sghm_vs.options import FrameRange
from sghm_vs.shots.timeline.find_media import MediaFinder, media_frames_each, media_frames_of
from sghm_vs.shots.timeline.read import Cut


@dataclass(frozen=True, slots=True)
class Use:
    """A clip, and the frames of its media that are matted for it."""

    cut: Cut
    media: Media
    shown: FrameRange
    """Those it certainly shows."""
    wanted: FrameRange
    """With what transitions and retimes may show, and with handles, as far as the media goes."""

    def time_of(self, number: int) -> int:
        """Return the time of the media's frame `number`, as the edit counts it."""
        ahead = number - self.shown.first
        return self.cut.start + round(ahead / media_frames_each(self.cut.rate, self.media.rate))


@dataclass(frozen=True, slots=True)
class Span:
    """Frames of a media that are matted in one go, and the clips that use them."""

    media: Media
    frames: FrameRange
    uses: tuple[Use, ...]


def find_uses(
    cuts: Sequence[Cut], finder: MediaFinder, handles: int
) -> tuple[list[Use], dict[int, str]]:
    """Return the clips that can be matted; and why others can't, by their number."""
    uses: list[Use] = []
    invalid: dict[int, str] = {}
    for cut in cuts:
        if cut.problem is not None:
            invalid[cut.number] = cut.problem
            continue
        try:
            media, shown = finder.find(cut)
        except SourceError as error:
            invalid[cut.number] = str(error)
            continue
        uses.append(Use(cut, media, shown, _wanted(cut, media, shown, handles)))
    return uses, invalid


def _wanted(cut: Cut, media: Media, shown: FrameRange, handles: int) -> FrameRange:
    first = shown.first - media_frames_of(cut.before, cut, media) - handles
    last = shown.last + media_frames_of(cut.after, cut, media) + handles
    return FrameRange(max(first, media.frames.first), min(last, media.frames.last))


def spans_of(uses: Sequence[Use]) -> list[Span]:
    """Return the ranges to matte, in the order of the edit: those that share a frame are one."""
    by_media: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        by_media[str(use.media.path)].append(use)
    spans = [span for group in by_media.values() for span in _merged(group)]
    return sorted(spans, key=lambda span: span.uses[0].cut.number)


def _merged(uses: Sequence[Use]) -> list[Span]:
    """Return the spans of one media."""
    groups: list[tuple[FrameRange, list[Use]]] = []
    for use in sorted(uses, key=lambda use: use.wanted.first):
        if groups and use.wanted.first <= groups[-1][0].last:
            frames, members = groups[-1]
            last = max(frames.last, use.wanted.last)
            groups[-1] = (FrameRange(frames.first, last), [*members, use])
        else:
            groups.append((use.wanted, [use]))
    return [
        Span(uses[0].media, frames, tuple(sorted(members, key=lambda use: use.cut.number)))
        for frames, members in groups
    ]
