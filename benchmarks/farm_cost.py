"""What a show costs, on paper: a few products, to see what breaks first."""

from __future__ import annotations

from dataclasses import dataclass

from sghm_vs.errors import SettingsError
from sghm_vs.options import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """A show and a farm; the defaults are 10 million frames at 4K on 1,000 GPUs."""

    frames: int = 10_000_000
    shots: int = 5_000
    workers: int = 1000
    frame_s: float = 0.5
    """Seconds that a worker takes for a frame."""
    window_share: float = 0.7
    """What a frame that is only read for its neighbors costs, of one that is written."""
    reach: int = Settings().reach
    """Frames read before and after a chunk."""
    chunk: int = 600
    """Frames of a chunk."""
    start_s: float = 30.0
    """Until a worker is ready."""
    dispatch_s: float = 0.005
    """What the driver does for a chunk, one after another."""
    read_mb: float = 40.0
    """Of a frame of footage."""
    write_mb: float = 2.0
    """Of a frame of mattes."""
    reads_of_source: float = 2.0
    """How often footage is read: for its pixels, and once more for its checksum."""
    lost_after_h: float = 500.0
    """Hours after which a worker is lost, in the mean."""
    back_after_s: float = 600.0
    """Until there is another in its place."""
    slow: float = 0.02
    """The part of workers that are stragglers."""
    slowness: float = 3.0
    """How much longer they take."""

    def __post_init__(self) -> None:
        counts = (self.frames, self.shots, self.workers, self.chunk)
        times = (self.frame_s, self.lost_after_h, self.slowness)
        if min(counts) < 1 or min(times) <= 0 or not 0 <= self.slow < 1:
            msg = "frames, shots, workers and chunks are 1 or more, times above 0, slow is below 1"
            raise SettingsError(msg)

    @property
    def chunk_in_fact(self) -> float:
        """Frames of a chunk; a shot may be shorter than what was asked for."""
        shot = self.frames / self.shots
        return shot / -(-shot // self.chunk)

    @property
    def chunk_s(self) -> float:
        """Seconds that a chunk takes a worker."""
        return self.frame_s * (self.chunk_in_fact + 2 * self.reach * self.window_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a show takes."""

    hours: float
    fps: float
    """Of the whole farm."""
    read_gb_s: float
    write_gb_s: float
    files_s: float
    """Frames' files that are made, each second; each is opened several times."""
    chunks_s: float
    """Chunks that begin each second."""
    losses_h: float
    """Workers lost each hour."""
    lost_share: float
    """Work that is done again, of all."""


def on_paper(show: Show) -> Cost:
    """
    Return what `show` takes, in the mean.

    A lost worker loses half of a chunk and is away for a while; a straggler adds little to the sum of
    the speeds; at the end workers wait for the last chunks, half of the slowest one in the mean.
    """
    away_s = show.back_after_s + show.start_s
    lost_after_s = show.lost_after_h * 3600
    lost_share = min(1.0, show.chunk_s / 2 / lost_after_s)
    up = lost_after_s / (lost_after_s + away_s)
    speed = show.workers * up * (1 - show.slow + show.slow / show.slowness)
    chunk_s = show.chunk_s * (1 + lost_share)
    driver_s = show.dispatch_s * show.workers / speed
    chunks_s = min(speed / chunk_s, 1 / driver_s if driver_s else float("inf"))
    fps = chunks_s * show.chunk_in_fact
    slowest = show.slowness if show.slow * show.workers >= 1 else 1.0
    seconds = show.frames / fps + show.start_s + show.chunk_s * slowest / 2
    twice = 1 + 2 * show.reach / show.chunk_in_fact
    return Cost(
        hours=seconds / 3600,
        fps=fps,
        read_gb_s=fps * (show.read_mb * (twice + show.reads_of_source - 1) + show.write_mb) / 1e3,
        write_gb_s=fps * show.write_mb / 1e3,
        files_s=fps,
        chunks_s=chunks_s,
        losses_h=show.workers * up / show.lost_after_h,
        lost_share=lost_share,
    )
