"""What every form of output has in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color.convert import TaggedClip
from sghm_vs.media.metadata import SourceMetadata
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import Facts, Sample
from sghm_vs.options import OutputFormat


class NamedMatte(NamedTuple):
    """A matte, and what it is called."""

    name: str
    clip: vs.VideoNode


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """What is exported, and how; see `export` for each field's meaning."""

    footage: TaggedClip
    """The color: the clip's own, or the foreground's in its place."""
    alpha: vs.VideoNode
    extra: Mapping[str, vs.VideoNode]
    over: vs.VideoNode | None
    """RGBS in display code, what a review shows the subject over."""
    output_format: OutputFormat
    first_number: int
    origin: SourceMetadata
    metadata: dict[str, str]
    keyed: Mapping[int, str]
    made_by: Mapping[str, str]
    sampled: frozenset[int]
    """Frames whose alpha is compared after writing, counted from 0."""


class Writer(Protocol):
    """One output: `start`, `write` each frame in order, then `finish`; or `abort` at any time."""

    clips: tuple[vs.VideoNode, ...]
    """What it needs of each frame, in this order."""
    facts: Facts
    """What the output says of itself when it is read back; see `verification.readback`."""
    samples: dict[int, Sample]
    """What was sent of the frames in `job.sampled`, by frame, counted from 0."""

    def __init__(self, job: ExportJob, target: Target) -> None: ...

    def start(self) -> None:
        """Begin what must be ended by `finish` or `abort`."""

    def write(self, n: int, frames: Sequence[vs.VideoFrame]) -> None:
        """Take frame `n` of each of `clips`; their pixels are not needed after it returns."""

    def finish(self) -> None:
        """Return when everything is in its place."""

    def abort(self) -> None:
        """Stop, and remove what is not whole."""


def rows(frame: vs.VideoFrame, index: int) -> NDArray[np.generic]:
    """Return a plane of `frame`, (height, width), which lives as long as the frame may."""
    return np.ascontiguousarray(np.asarray(frame[index]))


def plane(frame: vs.VideoFrame, index: int = 0) -> NDArray[np.generic]:
    """Return a copy of a plane of `frame`, (height, width), without the padding of its rows."""
    return np.asarray(frame[index]).copy()
