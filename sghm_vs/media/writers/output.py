"""One output's way: planned, written, checked, recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from importlib.metadata import version
from itertools import chain
from pathlib import Path

from sghm_vs.files import discard
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.compare import check
from sghm_vs.media.verification.readback import read_picture
from sghm_vs.media.verification.resume import is_recorded, kept_frames
from sghm_vs.media.verification.sidecar import (
    FINISHED,
    File,
    Record,
    Sample,
    drop_covered,
    file_of,
    files_of,
    sidecar_of,
    state_of,
    utc_now,
    write_record,
)
from sghm_vs.media.writers.base import ExportJob, Writer


class PendingOutput:
    """A target, its writer, and which frames it lacks."""

    def __init__(
        self, writer: Writer, job: ExportJob, target: Target, numbers: range, *, sidecar: bool
    ) -> None:
        self.writer = writer
        self._sampled = job.sampled
        self.missing = frozenset(range(len(numbers)))
        """Frames to be rendered, counted from 0."""
        self._target = target
        self._folder = target.path.parent
        self._sidecar = sidecar_of(target, numbers) if sidecar else None
        self._is_begun = self._is_done = False
        self._record = Record(
            output=target.path.name if target.sequence is None else Path(str(target.sequence)).name,
            first=numbers[0],
            last=numbers[-1],
            source_first=job.origin.first_frame if job.origin.file else None,
            conformed=_conformed(job, len(numbers)),
            shown_s=_shown_s(job, numbers) if target.sequence is not None else {},
            keyed=job.keyed,
            how={
                "version": version("sghm-vs"),
                "form": job.output_format.fields(),
                "settings": dict(job.metadata),
                "file": job.origin.file,
                "made_by": dict(job.made_by),
            },
            facts=self.writer.facts | {"is_sequence": target.sequence is not None},
        )

    def keep(self) -> None:
        """
        Find out which frames are there already, and keep them.

        Raises:
            ExportError: There are files to go on with, and it can't be known whose they are.
        """
        kept = kept_frames(self._target, self._record)
        self.missing -= {number - self._record.first for number in kept}
        self._is_done = not self.missing and is_recorded(self._target, self._record)

    def begin(self) -> None:
        """Start the writer; from now on a sidecar says that the output is not finished."""
        if self._is_done:
            return
        self._is_begun = True
        self._record = replace(self._record, times={"begun": utc_now()}, replaces=self._replaced())
        if self._sidecar is not None:
            write_record(self._sidecar, self._record)
        self.writer.start()

    def finish(self) -> None:
        """
        Give the output its name, read it back, and write its sidecar.

        Raises:
            ExportError: It is not what was sent.
        """
        if not self._is_begun:
            self.writer.abort()
            return
        self.writer.finish()
        first = self._record.first
        files = files_of(self._folder, self._record)
        samples = {n + first: sample for n, sample in self.writer.samples.items()}
        samples |= self._samples_of_kept(files)
        self._record = replace(
            self._record, samples=dict(sorted(samples.items())), files=self._contents(files)
        )
        check(self._folder, self._record)
        if self._sidecar is not None:
            times = {**self._record.times, "finished": utc_now()}
            finished = replace(self._record, state=FINISHED, times=times, replaces={})
            write_record(self._sidecar, finished)
            drop_covered(self._target, self._record.numbers, but=self._sidecar)

    def _replaced(self) -> dict[str, list[int]]:
        """Return what is there of the frames that are missing: it is not this run's."""
        files = files_of(self._folder, self._record).items()
        first = self._record.first
        stale = [file for n, file in files if n - first in self.missing and file.exists()]
        return {file.name: state_of(file) for file in stale}

    def abort(self) -> None:
        """Stop, and leave what is whole; a sidecar of nothing goes as well."""
        self.writer.abort()
        has_files = any(file.exists() for file in files_of(self._folder, self._record).values())
        if self._is_begun and self._sidecar is not None and not has_files:
            discard(self._sidecar)

    def _contents(self, files: Mapping[int, Path]) -> dict[str, File]:
        written: Mapping[str, File] = getattr(self.writer, "files", {})
        return {file.name: written.get(file.name) or file_of(file) for file in files.values()}

    def _samples_of_kept(self, files: Mapping[int, Path]) -> dict[int, Sample]:
        """Return samples of frames that were there before."""
        if not self._target.is_picture:
            return {}
        sampled = self._sampled - self.missing
        return {
            n + self._record.first: read_picture(
                files[n + self._record.first], is_sampled=True
            ).samples[0]
            for n in sampled
        }


def _shown_s(job: ExportJob, numbers: range) -> dict[int, float]:
    """Return when the frames are shown, by their numbers; none at a constant rate."""
    found = {number: job.origin.shown_s(n) for n, number in enumerate(numbers)}
    return {number: shown_s for number, shown_s in found.items() if shown_s is not None}


def _conformed(job: ExportJob, frames: int) -> dict[str, object]:
    """Return the rate that a movie was brought to, and what this did to the frames that are written."""
    shown, first = job.origin.shown, job.origin.first_frame
    if not shown:
        return {}
    numbers = range(max(first, 1), first + frames)
    passed = [range(shown[n - 1] + 1, shown[n]) for n in numbers]
    before = range(shown[0] if first == 0 else 0)
    return {
        "rate": str(Fraction(job.footage.clip.fps)),
        "doubled": [n for n in numbers if shown[n] == shown[n - 1]],
        "dropped": [*before, *chain.from_iterable(passed)],
    }
