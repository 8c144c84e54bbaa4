"""
Which frame of a plate a frame of a matte is of.

What says so, first that speaks: our sidecar, the header of an EXR file of ours, timecode where both
have it, numbers where both are sequences. A matte that says nothing has to be as long as its plate,
or as what the plate's own time says was there before its first frame, and it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import vapoursynth as vs

from sghm_vs.errors import SourceError, counted, if_there
from sghm_vs.media.frame_times import ON_PLACE
from sghm_vs.media.metadata import TIMES, own_start
from sghm_vs.media.readers import Source
from sghm_vs.media.sequences import SequencePath, sequence_in
from sghm_vs.media.targets import Target
from sghm_vs.media.timecode import Timecode
from sghm_vs.media.verification.sidecar import FINISHED, Record, records_of
from sghm_vs.options import FrameRange, Opening, from_words, made_of

logger = logging.getLogger(__name__)


type Reading = tuple[str, ...]
"""What was said of footage so that its frames are counted otherwise than in its file."""


class FirstFrame(NamedTuple):
    """What a delivery says of its first frame."""

    file: str
    """The footage that it was made from, without folders; empty where that isn't said."""
    frame: int
    """Number of the frame there."""
    by: str
    """What says so."""
    reading: Reading = ()
    """How the footage was read."""


class Pairing(NamedTuple):
    """Where a matte begins in its plate."""

    first: int
    """The plate's number of the matte's first frame."""
    by: str
    """What says so."""


def pair(
    matte: Source,
    plate: Source,
    start: int | None = None,
    flag: str = "--alpha-start",
    frames: FrameRange | None = None,
) -> Pairing:
    """
    Return which frame of `plate` the first one of `matte` is of.

    Args:
        matte: What was made of the plate, or of a part of it.
        plate: Its footage, or something else that was made of this.
        start: The frame, where the user says it.
        flag: How the user says it.
        frames: Which of the plate's are asked for; None is all.

    Raises:
        SourceError: Nothing says which, and the matte is neither as long as the plate nor as the
            frames from its first on that are asked for, nor as the time to the plate's end; or
            what says it contradicts itself, as timecodes do that begin at other times.
    """
    if start is not None:
        return Pairing(start, flag)
    found = _by_record(matte, plate, flag) or _by_timecode(matte, plate) or _by_number(matte, plate)
    if found is not None:
        return found
    _check_beginnings(matte, plate, flag)
    counts = matte.clip.num_frames, plate.clip.num_frames
    if counts[0] == counts[1] or _are_first(frames, matte, plate):
        return Pairing(plate.first_number, "their equal length")
    by_time = _by_presentation_time(matte, plate)
    if by_time is not None:
        return by_time
    msg = (
        f"{matte.path} has {counted(counts[0], 'frame')}, {plate.path} has "
        f"{counted(counts[1], 'frame')} ({plate.frames}), and nothing says which of them it is "
        f"of; type {_hint(plate, flag)}"
    )
    raise SourceError(msg)


def _are_first(frames: FrameRange | None, matte: Source, plate: Source) -> bool:
    """Tell whether `frames` are as many of the plate's first ones as the matte has."""
    first = plate.first_number
    return frames == FrameRange(first, first + matte.clip.num_frames - 1)


def _by_presentation_time(matte: Source, plate: Source) -> Pairing | None:
    """
    Pair a matte of all that a movie showed with one that lacks its beginning, and keeps its times.

    As of a stream that was joined late: frame k of the matte, which begins at 0, is the first of
    the plate, which is shown k frames after 0, and both end together.
    """
    late, begun = _frames_after_0(plate), _frames_after_0(matte)
    counts = matte.clip.num_frames, plate.clip.num_frames
    is_one_rate = matte.clip.fps == plate.clip.fps
    if not late or begun != 0 or not is_one_rate or late + counts[1] != counts[0]:
        return None
    by = (
        f"presentation time ({counted(counts[0], 'frame')} from 0 on, and {counts[1]} from "
        f"{counted(late, 'frame')} later on)"
    )
    return Pairing(plate.first_number - late, by)


def _frames_after_0(source: Source) -> int | None:
    """Return after how many frames of its own time a movie's first is shown; None of no whole number."""
    is_at_one_rate = source.varying is None and not source.origin.times
    if source.kind != "movie" or source.path is None or not is_at_one_rate:
        return None
    place = own_start(source.path, source.origin.sound_start) * Fraction(source.clip.fps)
    return round(place) if abs(place - round(place)) <= ON_PLACE else None


def opening_of(matte: Source) -> Opening:
    """Return how to open the footage that `matte` is of, so that its frames are counted as there."""
    try:
        said = first_frame_of(matte)
    except SourceError:
        said = None
    words = {} if said is None else from_words([word.replace(" ", "=") for word in said.reading])
    return made_of(Opening, {"vfr": not words.keys() & {"rate", "deinterlace"}, **words})


def aligned(
    clip: vs.VideoNode,
    pairing: Pairing,
    matte: Source,
    plate: Source,
    frames: FrameRange | None = None,
    flag: str = "--alpha-start",
    *,
    may_lack: int = 0,
    else_do: str = "",
) -> vs.VideoNode:
    """
    Return `clip`, which `matte` shows, with each frame where `plate` has the one that it is of.

    It has the length and the times of the plate. Where the matte has no frame, its nearest stands.

    Args:
        clip: As long as the matte.
        pairing: What `pair` found.
        matte: Where the clip is from.
        plate: Its footage.
        frames: Of the plate: those that the matte must have; None is all.
        flag: How the user says where the matte begins.
        may_lack: How many it may lack at either end.
        else_do: What also helps if it lacks more.

    Raises:
        SourceError: It lacks more of them.
    """
    covered, needed = _covered_frames(matte, pairing), frames or plate.frames
    lacking = max(covered.first - needed.first, needed.last - covered.last)
    if lacking > may_lack or covered.first > needed.last or covered.last < needed.first:
        also = f", or {else_do}" if else_do else ""
        raise _missing_frames_error(matte, plate, pairing, needed, f"{_hint(plate, flag)}{also}")
    if (covered.first, covered.last) != (needed.first, needed.last):
        logger.warning(
            "%s is of frames %s of %s, by %s: %s are taken",
            matte.path,
            covered,
            _name(plate),
            pairing.by,
            needed,
        )
    return _timed(_moved_to(clip, pairing.first - plate.first_number, plate.clip.num_frames), plate)


def in_common(
    matte: Source, others: Sequence[tuple[Source, Pairing]], flag: str
) -> list[vs.VideoNode]:
    """
    Return the frames that `matte` and all of `others` have: its own, and theirs in their order.

    What `matte` has beyond one of them is told.

    Args:
        matte: What was made of the others' frames.
        others: Each with where the matte begins in it.
        flag: How the user says it.

    Raises:
        SourceError: They have no frame in common.
    """
    first, last = 0, matte.clip.num_frames - 1
    for other, pairing in others:
        check_meeting(matte, pairing, other, flag)
        start = other.first_number - pairing.first
        first, last = max(first, start), min(last, start + other.clip.num_frames - 1)
    if first > last:
        met = " and ".join(_extents(matte, other, pairing) for other, pairing in others)
        msg = f"{met}: no frame is in all of them; type {_hint(others[0][0], flag)}"
        raise SourceError(msg)
    shifts = [pairing.first - other.first_number for other, pairing in others]
    cut = [matte.clip, *(other.clip for other, _ in others)]
    return [
        clip[first + shift : last + shift + 1]
        for clip, shift in zip(cut, [0, *shifts], strict=True)
    ]


def check_meeting(matte: Source, pairing: Pairing, plate: Source, flag: str) -> None:
    """
    Warn where `matte` goes on beyond `plate`.

    Raises:
        SourceError: They have no frame in common.
    """
    covered, whole = _covered_frames(matte, pairing), plate.frames
    if covered.first > whole.last or covered.last < whole.first:
        raise _extents_error(matte, plate, pairing, flag)
    if not whole.holds(covered):
        logger.warning("%s", _extents(matte, plate, pairing))


def first_frame_of(source: Source) -> FirstFrame | None:
    """
    Return what `source`, if it is a delivery of ours, says of its first frame.

    Raises:
        SourceError: Its frames don't follow one another as those of its footage do.
    """
    found = [*_recorded(source)] or [*_headed(source)]
    if len({(one.file, one.frame) for one in found}) > 1:
        frames = " and ".join(sorted({f"{one.frame}" for one in found}))
        msg = (
            f"{source.path} is not of frames that follow one another: by {found[0].by} its first "
            f"is frame {frames}"
        )
        raise SourceError(msg)
    return found[0] if found else None


def _by_record(matte: Source, plate: Source, flag: str) -> Pairing | None:
    try:
        said, of_plate = first_frame_of(matte), first_frame_of(plate)
    except SourceError as error:
        msg = f"{error}; type {_hint(plate, flag)}"
        raise SourceError(msg) from None
    if said is None:
        return None
    if of_plate is not None and said.file == of_plate.file != plate.origin.file:
        # Both were made of the same footage.
        return Pairing(plate.first_number + said.frame - of_plate.frame, said.by)
    if said.file == plate.origin.file:
        _check_reading(matte, said, plate)
    elif said.file:
        logger.warning(
            "%s is of frames of %s, by %s, and those of %s with the same numbers are taken; "
            "if they are others, type %s N",
            matte.path,
            said.file,
            said.by,
            _name(plate),
            flag,
        )
    return Pairing(said.frame, said.by)


def _reading(settings: Mapping[str, str]) -> Reading:
    rate, fields = settings.get("conformed_rate"), settings.get("deinterlace", "")
    return (
        *([f"--rate {rate}"] if rate else []),
        *(["--deinterlace field"] if fields.startswith("field") else []),
    )


def _reading_of(plate: Source) -> Reading:
    rate = plate.conformed_rate
    settings = {} if rate is None else {"conformed_rate": str(rate)}
    return _reading(settings | {"deinterlace": plate.deinterlaced})


def _check_reading(matte: Source, said: FirstFrame, plate: Source) -> None:
    """Refuse a matte whose frames are counted otherwise than those of its plate."""
    found, needed = _reading_of(plate), said.reading
    if found == needed:
        return
    here, at_delivery = (" ".join(one) or "its own frames" for one in (found, needed))
    change = [*needed, *(f"no {one}" for one in found if one not in needed)]
    msg = (
        f"{matte.path} is of {_name(plate)} read by {at_delivery}, and here it is read by {here}, whose "
        f"numbers are others; type {' and '.join(change)}"
    )
    raise SourceError(msg)


def _by_timecode(matte: Source, plate: Source) -> Pairing | None:
    one, other = matte.origin.timecode, plate.origin.timecode
    if one is None or other is None or replace(one, frame=0) != replace(other, frame=0):
        return None
    return Pairing(plate.first_number + _frames_between(other, one), f"timecode {one}")


def _check_beginnings(matte: Source, plate: Source, flag: str) -> None:
    """Refuse timecodes that are counted otherwise, and that say of other times that they begin."""
    one, other = matte.origin.timecode, plate.origin.timecode
    if one is None or other is None or one.numbers() == other.numbers():
        return
    msg = (
        f"{matte.path} begins at timecode {_counted(one)}, {_name(plate)} at {_counted(other)}, and "
        f"these can't be compared by frames; type {_hint(plate, flag)}"
    )
    raise SourceError(msg)


def _counted(timecode: Timecode) -> str:
    """Return a timecode with how it counts."""
    return f"{timecode} ({timecode.count} to a second{', drop-frame' if timecode.is_drop else ''})"


def _frames_between(early: Timecode, late: Timecode) -> int:
    """Return how many frames later `late` is; of two ways around the day, the shorter one."""
    day = (replace(early, frame=0) + -1).frame + 1
    later = (late.frame - early.frame) % day
    return later if later <= day // 2 else later - day


def _by_number(matte: Source, plate: Source) -> Pairing | None:
    if matte.kind == plate.kind == "sequence":
        return Pairing(matte.first_number, "its numbers")
    return None


def _recorded(source: Source) -> Iterator[FirstFrame]:
    """Yield what sidecars say that are of the files as they are."""
    path, sequence = source.path, _sequence(source)
    if path is None or source.kind == "script":
        return
    last = source.first_number + source.clip.num_frames
    first = source.first_number if sequence is not None else None
    target = Target(path if sequence is None else Path(str(sequence)), sequence)
    numbers = None if first is None else range(first, last)
    for _, record in records_of(target, numbers):
        file = record.how.get("file")
        if file and record.source_first is not None and _describes_target(record, target):
            start = record.first if first is None else first
            number = record.source_first + start - record.first
            settings = record.how.get("settings", {})
            yield FirstFrame(file, number, "its sidecar", _reading(settings))


def _describes_target(record: Record, target: Target) -> bool:
    """Tell whether `record` is of what is there, which another program may have replaced."""
    path = target.file(record.first)
    found = record.files.get(path.name)
    is_same = found is not None and path.is_file() and path.stat().st_size == found.size
    return record.state == FINISHED and is_same


def _headed(source: Source) -> Iterator[FirstFrame]:
    """Yield what the headers of the first and the last EXR file say of the first frame."""
    path, sequence = source.path, _sequence(source)
    if path is None or path.suffix.lower() == ".vpy":
        return
    numbers = (0, source.clip.num_frames - 1) if sequence is not None else (0,)
    for n in numbers:
        file = path if sequence is None else sequence.frame(source.first_number + n)
        said = _header(file)
        if said is not None:
            yield said._replace(frame=said.frame - n)


def _header(path: Path) -> FirstFrame | None:
    if path.suffix.lower() != ".exr":
        return None
    import OpenImageIO

    file = OpenImageIO.ImageInput.open(str(path))
    if file is None:
        OpenImageIO.geterror()
        return None
    try:
        spec = file.spec()
        frame = spec.getattribute("sghm_vs:source_frame")
        name = spec.get_string_attribute("sghm_vs:source_file")
        settings = {
            key: spec.get_string_attribute(f"sghm_vs:{key}")
            for key in ("conformed_rate", "deinterlace")
        }
    except UnicodeDecodeError:
        return None
    finally:
        file.close()
    return (
        FirstFrame(name, frame, "its EXR headers", _reading(settings))
        if isinstance(frame, int)
        else None
    )


def _sequence(source: Source) -> SequencePath | None:
    if source.kind != "sequence" or source.path is None:
        return None
    return sequence_in(source.path) if source.path.is_dir() else SequencePath.parse(source.path)


def _missing_frames_error(
    matte: Source, plate: Source, pairing: Pairing, needed: FrameRange, hint: str
) -> SourceError:
    covered = _covered_frames(matte, pairing)
    first, last = max(covered.first, needed.first), min(covered.last, needed.last)
    cut = if_there("--frames", f"--frames {first}-{last} for those that it has, or ")
    cut = cut if first <= last else ""
    return SourceError(
        f"{_extents(matte, plate, pairing)}, and {needed} are needed; type {cut}{hint}"
    )


def _extents_error(matte: Source, plate: Source, pairing: Pairing, flag: str) -> SourceError:
    return SourceError(f"{_extents(matte, plate, pairing)}; type {_hint(plate, flag)}")


def _extents(matte: Source, plate: Source, pairing: Pairing) -> str:
    """Say which frames the two have."""
    covered = _covered_frames(matte, pairing)
    return (
        f"{matte.path} has {counted(len(covered), 'frame')}, by {pairing.by} {covered} of "
        f"{_name(plate)}, which has {plate.frames}"
    )


def _hint(plate: Source, flag: str) -> str:
    return f"{flag} N, where N is the frame of {_name(plate)} that its first frame is of"


def _moved_to(clip: vs.VideoNode, at: int, length: int) -> vs.VideoNode:
    """Return `clip` begun at frame `at` of `length` frames; its ends go on where it has none."""
    shown = clip[-at:] if at < 0 else clip
    parts = [shown[0].std.Loop(at), shown] if at > 0 else [shown]
    lacking = length - sum(part.num_frames for part in parts)
    parts += [shown[-1].std.Loop(lacking)] if lacking > 0 else []
    return vs.core.std.Splice(parts)[:length]


def _timed(clip: vs.VideoNode, plate: Source) -> vs.VideoNode:
    timed = clip.std.AssumeFPS(src=plate.clip) if plate.clip.fps else clip
    return timed.std.CopyFrameProps(plate.clip, props=TIMES)


def _name(source: Source) -> str:
    return source.name if source.path is None else source.path.name


def _covered_frames(matte: Source, pairing: Pairing) -> FrameRange:
    """Return the plate's numbers of the matte's frames."""
    return FrameRange(pairing.first, pairing.first + matte.clip.num_frames - 1)
