"""When the frames of a movie are shown: at one rate, at one with frames lost, or as it happened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from sghm_vs.errors import SourceError, counted
from sghm_vs.options import RATE_MAX, exact_rate

DEVIATION_MAX = 0.25
"""In frames: what strays no farther from one rate has it."""
OGG_COUNTED = frozenset({"theora", "vp8"})
"""Codecs whose frames Ogg counts; of others it has times."""
WRAPPED_FROM = 2**31
"""Ticks from which one that comes before small ones is a number below zero."""
PLACES_MAX = 2**27
"""Frames that a movie may have at one rate, 64 days at 24 a second; more are of damaged times."""
FASTEST = 960
"""Frames per second to which a movie may be conformed."""
NEVER_AGAIN = frozenset({"av1", "h264", "hevc", "mpeg1video", "mpeg2video", "vc1", "vp8", "vp9"})
"""Codecs in which a packet without a frame is a field, hidden or lost, and never says: as before."""
LOST_MAX = 0.125
"""The share of frames that may be lost at a constant rate; where more are, the rate varies."""
LOST_BY_RATE_MAX = 0.005
"""The share of frames for which a rate may have no place and still fit."""
MOVED_MAX = 2
"""How many places later a frame may find one that is free, and still be where it belongs."""
ON_PLACE = 0.1
"""In frames: what lies no farther from a place of a rate is at it."""
HIGHER_MAX = Fraction(5, 2)
"""How much higher a rate may be whose places are those of the frames."""
NTSC = tuple(Fraction(1000 * n, 1001) for n in (24, 30, 48, 60, 120))
USUAL = tuple(sorted([*map(Fraction, (
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 24, 25, 30, 48, 50, 60, 72, 75, 90, 100, 120, 144, 165, 180,
    200, 240, 300, 480, 960)), *NTSC]))  # fmt: skip
"""Rates to conform to."""

FILMED = (1, 2, 1001)
"""Denominators of rates that anybody films at."""
MEAN_AWAY = Fraction(1, 20)
"""How far the mean of a few rounded times may be from the rate that is meant, as a share of it."""
GUESS_MAX = 2.25
"""In frames: how far from its place the guessed time of a frame may be."""

type Seconds = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """When each frame begins to be shown, in order, and when the last one ends."""

    ticks: tuple[int, ...]
    """Of each frame, and of the end: one more than there are frames."""
    tick: Fraction
    """In seconds."""
    counted_from: int | None = None
    """The number of the movie's first frame where ticks are numbers of frames at one rate: where one
    lacks, the frame before is shown again. None where they are times."""

    def __len__(self) -> int:
        return len(self.ticks) - 1

    @property
    def is_counted(self) -> bool:
        """Whether ticks are numbers of frames."""
        return self.counted_from is not None

    @property
    def exact(self) -> tuple[Fraction, ...]:
        """In seconds from the first frame on."""
        return tuple((tick - self.ticks[0]) * self.tick for tick in self.ticks)

    @property
    def seconds(self) -> Seconds:
        """As `exact`, within a nanosecond."""
        return (np.asarray(self.ticks) - self.ticks[0]) * float(self.tick)


class Conformed(NamedTuple):
    """A movie whose frames were brought to one rate."""

    rate: Fraction
    shown: tuple[int, ...]
    """Which of the movie's frames each frame shows."""
    start_s: float
    """When the first one is shown, in seconds after the movie's first."""

    @property
    def doubled(self) -> int:
        """How many frames show what the frame before shows."""
        return len(self.shown) - len(set(self.shown))

    def dropped(self, frames: int) -> int:
        """Return how many of the movie's `frames` are not shown."""
        return frames - len(set(self.shown))


class Varying(NamedTuple):
    """How far frames stray from the rate that fits them best."""

    rate: Fraction
    stray_s: float
    """How far, at this rate, a frame would be from its time."""
    shortest_s: float
    longest_s: float
    doubled: int
    """Frames that conforming to it doubles."""
    dropped: int

    def __str__(self) -> str:
        least, most = 1000 * self.shortest_s, 1000 * self.longest_s
        return (
            f"its frames last from {least:.1f} to {most:.1f} ms; {self.rate} a second fits best, "
            f"and they stray from it by up to {_span(self.stray_s)}"
        )


class Header(NamedTuple):
    """What a movie says of the times of a track before any packet is read."""

    codec: str
    tick: Fraction
    """In seconds."""
    rate: Fraction
    """Frames per second; 0 where it says none."""
    is_counted: bool = False
    """Whether a tick is a frame; else the container has times."""
    is_from_zero: bool = False
    """Whether the first frame that is counted is number 0, be there one or not."""
    end: int | None = None
    """Of containers that count, the number of frames that they say, from 0 on."""


def header_of(movie: InputContainer, stream: VideoStream) -> Header:
    """Return what `movie` says of the times of `stream`."""
    tick = Fraction(stream.time_base.numerator, stream.time_base.denominator)
    said = stream.average_rate or stream.guessed_rate or Fraction(0)
    rate = _exact_rate_of(Fraction(said.numerator, said.denominator))
    codec = stream.codec_context.codec.canonical_name
    is_avi = movie.format.name == "avi"
    is_counted = is_avi or (movie.format.name == "ogg" and codec in OGG_COUNTED)
    if not is_counted or stream.duration is None:
        return Header(codec, tick, rate, is_counted, is_avi)
    return Header(codec, tick, rate, is_counted, is_avi, (stream.start_time or 0) + stream.duration)


def read_header(path: Path, track: int = -1) -> Header | None:
    """Return what the movie at `path` says of its track's times; as `packet_times`."""
    return _asked(path, track, header_of)


def frame_times(ticks: Sequence[int], header: Header, packets: FrameTimes | None) -> FrameTimes:
    """
    Return the times of frames that begin at `ticks`, in any order.

    Args:
        ticks: When each is shown, as `header` counts.
        header: What the container says.
        packets: The times of their packets, where they were read: of them is known when the last
            frame ends, and which frames are shown again.
    """
    starts = sorted(ticks)
    step = 1 if header.is_counted else _usual_step(starts)
    ends = [starts[-1] + step, *([] if header.end is None else [header.end])]
    if packets is not None and packets.ticks[-1] > starts[-1]:
        ends = [packets.ticks[-1]]
    times = FrameTimes((*starts, max(ends)), header.tick, _counted_from(header, starts))
    if packets is None or times.is_counted:
        return times
    return _with_repeated(times, packets, header) or times


def _counted_from(header: Header, starts: Sequence[int]) -> int | None:
    if not header.is_counted:
        return None
    return 0 if header.is_from_zero else starts[0]


def _with_repeated(times: FrameTimes, packets: FrameTimes, header: Header) -> FrameTimes | None:
    """
    Return numbers of frames at the rate of packets, of which some give no frame: nothing changed.

    None is where packets without a frame are something else.
    """
    place = {tick: number for number, tick in enumerate(packets.ticks[:-1])}
    is_repeated = header.codec not in NEVER_AGAIN and len(times) < len(packets)
    rate = constant_rate(packets, header.rate) if is_repeated else None
    if rate is None or not place.keys() >= {*times.ticks[:-1]}:
        return None
    numbers = [place[tick] for tick in times.ticks[:-1]]
    return FrameTimes((*numbers, len(packets)), 1 / rate, numbers[0])


def unwrapped(ticks: Sequence[int]) -> tuple[int, ...]:
    """
    Return `ticks` as they were meant where FFmpeg takes numbers below zero for huge ones.

    Ogg counts a frame by the number of its key frame and, in the last bits, by how many frames later
    it is. A stream that was cut by copying begins below zero; FFmpeg shifts the last bits out, and
    the sign becomes a bit like others.
    """
    if not ticks or not ticks[0] >= WRAPPED_FROM > ticks[-1]:
        return tuple(ticks)
    around = 1 << min(tick for tick in ticks if tick >= WRAPPED_FROM).bit_length()
    return tuple(tick - around if tick >= WRAPPED_FROM else tick for tick in ticks)


def packet_times(path: Path, track: int = -1) -> FrameTimes | None:
    """
    Return the times of a movie's frames, by its packets; nothing is decoded.

    Args:
        path: The movie.
        track: The number of the video track; -1 is the first.

    Returns:
        None where packets say no time, or PyAV can't read them.
    """
    return _asked(path, track, times_of)


def _asked[Answer](
    path: Path, track: int, ask: Callable[[InputContainer, VideoStream], Answer | None]
) -> Answer | None:
    """Return what `ask` finds in a movie's track; None where PyAV can't read it."""
    try:
        with av.open(str(path)) as movie:
            videos = [one for one in movie.streams.video if track in (-1, one.index)]
            return ask(movie, videos[0]) if videos else None
    except (av.error.FFmpegError, UnicodeEncodeError):
        return None


def times_of(
    movie: InputContainer, stream: VideoStream, most: int | None = None
) -> FrameTimes | None:
    """Return the times of the next `most` packets of `stream`, or of all; None as `packet_times`."""
    found = [*islice(_packets(movie, stream), most)]
    if not found:
        return None
    if all(one.shown is None for one in found):
        # AVI knows in which order frames are decoded, and shows one a tick.
        found = [one._replace(shown=one.decoded) for one in found]
    shown = [one.shown for one in found if one.shown is not None]
    if len(shown) < len(found):
        return None
    header = header_of(movie, stream)
    times = sorted(zip(unwrapped(shown), (one.lasts for one in found), strict=True))
    late = _lateness(found) if header.is_from_zero else 0
    ticks = [time - late for time, _ in times]
    end = ticks[-1] + (times[-1][1] or _usual_step(ticks))
    if header.end is not None:
        end = max(end, header.end)
    return FrameTimes((*ticks, end), header.tick, _counted_from(header, ticks))


class _Packet(NamedTuple):
    """Times of a packet, in ticks."""

    shown: int | None
    decoded: int | None
    lasts: int


def _packets(movie: InputContainer, stream: VideoStream) -> Iterator[_Packet]:
    """Yield the packets that are shown, until one can't be read."""
    try:
        for packet in movie.demux(stream):
            # At the end PyAV gives a packet of nothing; other empty ones show a frame again.
            is_there = packet.size or packet.pts is not None
            if is_there and not packet.is_discard:
                yield _Packet(packet.pts, packet.dts, packet.duration or 0)
    except av.error.FFmpegError:
        return


def _lateness(packets: Sequence[_Packet]) -> int:
    """
    Return by how many ticks a container that counts shows its frames after their places.

    Its places are of decoding, so FFmpeg shows each frame late by those that it waits for. Nobody
    else does: the first frame is shown at the place of the first packet.
    """
    decoded = [one.decoded for one in packets if one.decoded is not None]
    shown = [one.shown for one in packets if one.shown is not None]
    return max(min(shown) - min(decoded), 0) if decoded and shown else 0


def _usual_step(ticks: Sequence[int]) -> int:
    """Return how long a frame usually lasts."""
    return max(round(float(np.median(np.diff(ticks)))), 1) if len(ticks) > 1 else 1


def constant_rate(times: FrameTimes, said: Fraction) -> Fraction | None:
    """
    Return the one rate of frames with these `times`; None is where there is none.

    Args:
        times: Rounded to a container's ticks, or with a camera's jitter.
        said: What somebody else takes for their rate; of usual rates that fit, it is taken first.
    """
    starts = times.seconds[:-1]
    first = times.counted_from
    if first is not None:
        is_whole = times.ticks == tuple(range(first, first + len(times) + 1))
        return _exact_rate_of(1 / times.tick) if is_whole else None
    if len(starts) < 2:
        return said
    mean = Fraction(len(starts) - 1) / (times.exact[-2] or 1)
    near = sorted(
        (one for one in _rates_near(mean) if _fits(starts, one)),
        key=partial(_max_deviation_s, starts),
    )
    # Somebody's mean of rounded times is no rate that anybody films at.
    usual = [one for one in near if one in USUAL]
    known = [one for one in (_exact_rate_of(said), *usual, *near) if one.denominator in FILMED]
    for rate in (*known, said, *near):
        if rate and _is_rounded(times, rate):
            return _exact_rate_of(rate) if _fits(starts, _exact_rate_of(rate)) else rate
    if near:
        return near[0]
    whole = next((one for one in (said, mean) if one and _fits(starts, one)), None)
    mostly = [one for one in _rates_near(mean) if _mostly_fits(starts, one)]
    return whole or min(mostly, key=lambda rate: _most_frames_deviation(starts, rate), default=None)


def _is_rounded(times: FrameTimes, rate: Fraction) -> bool:
    """Tell whether the times are those of `rate`, rounded to ticks: within half of one."""
    ticks = 1 / (rate * times.tick)
    # Frames of a whole number of ticks are never rounded: 30 in 1/600 has 20 each.
    most = 0.001 if ticks.denominator == 1 else 0.501
    return _max_deviation_s(times.seconds[:-1], rate) <= most * float(times.tick)


def _exact_rate_of(rate: Fraction) -> Fraction:
    """Return the rate that a header's stands for: 30000/1001 for 2997/100."""
    return exact_rate(rate) if 0 < rate <= RATE_MAX else rate


def _rates_near(mean: Fraction) -> list[Fraction]:
    """Return whole and NTSC rates that may be meant where frames have this rate in the mean."""
    if not 0 < mean <= RATE_MAX:
        return []
    usual = [rate for rate in USUAL if abs(rate / mean - 1) < MEAN_AWAY]
    return [*{Fraction(max(round(mean), 1)), exact_rate(mean), *NTSC, *usual}]


def _fits(starts: Seconds, rate: Fraction) -> bool:
    return _max_deviation_s(starts, rate) * float(rate) <= DEVIATION_MAX


def _mostly_fits(starts: Seconds, rate: Fraction) -> bool:
    """
    Tell whether all but a few frames, never the first or the last, are where `rate` has them.

    FFmpeg guesses times that a program stream leaves out, and errs by a frame or two.
    """
    away = _deviations(starts, rate)
    is_begun_and_ended = max(away[0], away[-1]) <= DEVIATION_MAX
    wrong = np.count_nonzero(away > DEVIATION_MAX)
    return bool(is_begun_and_ended and wrong <= LOST_MAX * len(starts) and away.max() <= GUESS_MAX)


def _most_frames_deviation(starts: Seconds, rate: Fraction) -> float:
    """Return by how many frames they are off, as most of them are."""
    return float(np.quantile(_deviations(starts, rate), 1 - LOST_MAX))


def _deviations(starts: Seconds, rate: Fraction) -> Seconds:
    """Return how far each frame is from where `rate` has it, in frames."""
    off = starts * float(rate) - np.arange(len(starts))
    away: Seconds = np.abs(off - np.median(off))
    return away


def _max_deviation_s(starts: Seconds, rate: Fraction) -> float:
    """Return by how many seconds frames are off, at most, where they follow at `rate`."""
    off = starts - np.arange(len(starts)) / float(rate)
    return float(off.max() - off.min()) / 2


def filled(times: FrameTimes) -> Conformed | None:
    """
    Return frames of a constant rate of which some were lost, each held until the next one.

    None is where the times are those of no rate with a few frames lost.
    """
    if times.is_counted:
        return _counted(times)
    if len(times) < 3:
        return None
    rate = _rate_of_steps(times)
    if rate is None:
        return None
    found = conform(times, rate)
    slots = np.round((times.seconds[:-1] - found.start_s) * float(rate))
    is_on_grid = found.dropped(len(times)) == 0 and _grid_deviation(times, rate) <= DEVIATION_MAX
    is_few = found.doubled <= LOST_MAX * len(found.shown)
    is_rare = np.count_nonzero(np.diff(slots) != 1) <= LOST_MAX * len(times)
    return found if is_on_grid and is_few and is_rare else None


def _counted(times: FrameTimes) -> Conformed:
    """Return a frame for each number; before the first that is there, this one is shown."""
    rate = 1 / times.tick
    found, lead = conform(times, rate), max(times.ticks[0] - (times.counted_from or 0), 0)
    shown = (0,) * lead + found.shown
    return Conformed(_exact_rate_of(rate), shown, found.start_s - lead / float(rate))


def _rate_of_steps(times: FrameTimes) -> Fraction | None:
    """Return the rate whose steps, or several of them, lie between frames."""
    starts = times.seconds[:-1]
    step = float(np.median(np.diff(starts)))
    if step <= 0:
        return None
    counts = np.maximum(np.round(np.diff(starts) / step), 1)
    mean = Fraction(int(counts.sum())) / times.exact[-2]
    places = np.concatenate([[0], np.cumsum(counts)])

    def stray(rate: Fraction) -> float:
        off = starts - places / float(rate)
        return float(off.max() - off.min())

    near = [rate for rate in _rates_near(mean) if rate.denominator in FILMED]
    return min(near, key=stray, default=None)


def _grid_deviation(times: FrameTimes, rate: Fraction) -> float:
    """Return how far frames are from the places of `rate`, in frames, at most."""
    return float(np.abs(_off_places(times, rate)).max())


def _off_places(times: FrameTimes, rate: Fraction) -> Seconds:
    """Return how far frames are from the places of `rate`, in frames."""
    places = times.seconds[:-1] * float(rate)
    off = places - _phase(places)
    return off - np.round(off)


def check_span(times: FrameTimes, path: Path) -> None:
    """
    Refuse times that lie too far apart for frames at any rate.

    Raises:
        SourceError: They do.
    """
    steps = np.diff(times.ticks)
    least = float(min(steps[steps > 0], default=1)) * float(times.tick)
    span = times.seconds[-1]
    if span * min(1 / least, FASTEST) > PLACES_MAX:
        msg = (
            f"{path} has {counted(len(times), 'frame')}, which by their times are shown over "
            f"{span / 86400:.0f} days: these times are damaged; write new ones, at N frames a second: "
            f"ffmpeg -r N -i {path} -an -c:v ffv1 NEW.mkv"
        )
        raise SourceError(msg)


def conform(times: FrameTimes, rate: Fraction) -> Conformed:
    """
    Return the movie at `rate`: every frame as near to its time as it gets.

    Of several frames at one place the last is shown; where none is, the one before stays.
    """
    places = times.seconds * float(rate)
    phase = _phase(places[:-1])
    # What lies halfway must not depend on the last bit.
    slots = np.floor(places - phase + 0.5 + 1e-6).astype(np.int64)
    first = int(slots[0])
    length = max(int(slots[-1]), int(slots[-2]) + 1) - first
    shown = np.searchsorted(slots[:-1] - first, np.arange(length), side="right") - 1
    return Conformed(rate, tuple(map(int, shown)), (first + phase) / float(rate))


def _phase(places: Seconds) -> float:
    """Return where, between two whole numbers, most places lie: -0.5 to 0.5."""
    angle = np.angle(np.exp(2j * np.pi * places).mean())
    return float(angle) / (2 * np.pi)


def varying(times: FrameTimes) -> Varying:
    """Return how far frames that have no one rate stray from the rate that fits them best."""
    rate = best_rate(times)
    found, starts = conform(times, rate), times.seconds[:-1]
    lasts = np.diff(times.seconds)
    dropped = found.dropped(len(times))
    away = 2 * _max_deviation_s(starts, rate)
    return Varying(rate, away, float(lasts.min()), float(lasts.max()), found.doubled, dropped)


def best_rate(times: FrameTimes) -> Fraction:
    """
    Return the lowest usual rate that has a place for next to every frame.

    Where frames lie at places of a higher one, it is this one: up to `HIGHER_MAX` times as high, or
    as high as the shortest frame says.
    """
    shortest = float(np.diff(times.seconds).min())
    fastest = 1.001 / shortest if shortest > 0 else 0.0
    most = LOST_BY_RATE_MAX * len(times)
    lowest = next(
        (rate for rate in USUAL if _frames_without_a_slot(times, rate, most) <= most), USUAL[-1]
    )
    limit = max(float(HIGHER_MAX * lowest), fastest)
    higher = [rate for rate in USUAL if lowest <= rate <= limit]
    exact = [rate for rate in higher if _grid_deviation(times, rate) <= ON_PLACE]
    best = exact[0] if exact else lowest
    kin = [rate for rate in USUAL if abs(rate / best - 1) < Fraction(2, 1000)]
    # A movie that has neither says so of one by chance.
    doubt = {rate: 1.0 if rate.denominator == 1 else 1.25 for rate in kin}
    return min(kin, key=lambda rate: doubt[rate] * float(np.abs(_off_places(times, rate)).mean()))


def _frames_without_a_slot(times: FrameTimes, rate: Fraction, most: float) -> int:
    """Return how many frames find no place close to theirs at `rate`; counted to beyond `most`."""
    places = times.seconds[:-1] * float(rate)
    taken, lost = -(2**62), 0
    for slot in np.round(places - _phase(places)).astype(np.int64).tolist():
        free = max(slot, taken + 1)
        if free > slot + MOVED_MAX:
            lost += 1
        else:
            taken = free
        if lost > most:
            break
    return lost


def _span(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"
