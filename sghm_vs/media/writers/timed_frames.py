"""Raw frames with a time each, as ffmpeg reads them from a pipe: NUT, a container made for that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import av

TICKS_MAX = 10_000_000
"""A second; what needs more is rounded."""
ROUNDED = 90_000
"""To so many: what MPEG counts, and most cameras."""
MATROSKA_TICKS = 1000
"""A second, as FFmpeg writes it."""


class Ticks(NamedTuple):
    """When frames are shown, as a container can say it."""

    starts: tuple[int, ...]
    per_second: int
    last: int
    """How long the last frame is shown."""


def ticks_for(container: str, times: Sequence[Fraction]) -> Ticks:
    """
    Return when frames begin to be shown in a container, no two of them at once.

    Args:
        container: Where they go, as ffmpeg calls it.
        times: In seconds; at last when the last frame ends.
    """
    exact = math.lcm(*(time.denominator for time in times))
    is_usual = ROUNDED % exact == 0 or exact > TICKS_MAX
    per_second = ROUNDED if is_usual else exact * -(-1000 // exact)
    if container == "matroska":
        per_second = MATROSKA_TICKS
    starts = [math.floor(time * per_second + Fraction(1, 2)) for time in times[:-1]]
    for n, (before, start) in enumerate(pairwise(starts), start=1):
        starts[n] = max(start, starts[n - 1] + 1, before + 1)
    last = max(round(times[-1] * per_second) - starts[-1], 1)
    return Ticks(tuple(starts), per_second, last)


class _Sink:
    """A file that can only be written to."""

    def __init__(self, send: Callable[[memoryview], None]) -> None:
        self._send = send

    def write(self, data: bytes) -> int:
        self._send(memoryview(data))
        return len(data)


class TimedFrames:
    """
    Raw frames as NUT.

    Args of the constructor: what takes the bytes; the frames' size and FFmpeg's name of their pixels;
    when each is shown.
    """

    def __init__(
        self,
        send: Callable[[memoryview], None],
        size: tuple[int, int],
        pixel_format: str,
        ticks: Ticks,
    ) -> None:
        self._ticks, self._tick = ticks, Fraction(1, ticks.per_second)
        self._file = av.open(_Sink(send), "w", format="nut")
        # NUT has no lengths of frames: the last one is taken to be as long as the rate says.
        rate = Fraction(ticks.per_second, ticks.last)
        self._stream = self._file.add_stream("rawvideo", rate=rate)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = pixel_format
        self._stream.time_base = self._stream.codec_context.time_base = self._tick

    def send(self, n: int, planes: Sequence[memoryview]) -> None:
        """Send frame `n`, one plane behind the other."""
        packet = av.Packet(b"".join(planes))
        packet.stream, packet.time_base = self._stream, self._tick
        packet.pts = packet.dts = self._ticks.starts[n]
        packet.is_keyframe = True
        self._file.mux(packet)

    def finish(self) -> None:
        """Send what is left."""
        self._file.close()
