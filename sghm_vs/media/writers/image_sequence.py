"""What sequences of pictures have in common: a file a frame, compressed by a few threads."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.files import WritePool, disk_of, refuse_another_disk, whole_file
from sghm_vs.media.metadata import WINDOWS
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import Facts, File, Sample
from sghm_vs.media.writers.base import ExportJob, plane

type Planes = list[NDArray[Any]]
"""Each (height, width); every plane of every clip, in order."""
type Props = dict[str, list[int]]
"""The windows of an EXR plate, by the frame prop's name; see `sghm_vs.media.metadata`."""


class SequenceWriter(ABC):
    """Takes frames, and hands each to a thread that makes its file; frames that are whole stay."""

    def __init__(self, job: ExportJob, target: Target, *clips: vs.VideoNode) -> None:
        self.clips = clips
        self.job = job
        self.target = target
        self.facts: Facts = {"size": [clips[0].width, clips[0].height]}
        self.samples: dict[int, Sample] = {}
        self.files: dict[str, File] = {}
        self._disk = disk_of(target.path.parent)
        self._pool = WritePool()

    def start(self) -> None:  # noqa: B027 - nothing is to be done
        """Do nothing: a thread starts with its first file."""

    def write(self, n: int, frames: Sequence[vs.VideoFrame]) -> None:
        """Hand frame `n` to a thread."""
        planes = [plane(frame, at) for frame in frames for at in range(frame.format.num_planes)]
        props = {name: [*frames[-1].props[name]] for name in WINDOWS if name in frames[-1].props}
        self._pool.submit(partial(self._write_there, n, planes, props))

    def finish(self) -> None:
        """Wait for the threads."""
        self._pool.finish()
        refuse_another_disk(self.target.path, self._disk)

    def abort(self) -> None:
        """Stop the threads; frames that are whole stay."""
        self._pool.abort()

    def _write_there(self, n: int, planes: Planes, props: Props) -> None:
        refuse_another_disk(self.target.path, self._disk)
        content = self.encode(n, planes, props)
        path = self.target.file(self.job.first_number + n)
        # Written by us: on a full disk a library may lose the end of a small file unnoticed.
        with whole_file(path) as part:
            part.write_bytes(content)
        self.files[path.name] = File(len(content), hashlib.sha256(content).hexdigest())

    @abstractmethod
    def encode(self, n: int, planes: Planes, props: Props) -> bytes:
        """Return the file of clip frame `n`, and keep its sample if one is asked for."""
