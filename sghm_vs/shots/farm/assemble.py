"""A shot's end: what its chunks made is read once more, and becomes the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import vapoursynth as vs

from sghm_vs.files import each
from sghm_vs.media.metadata import WINDOWS
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.mattes import open_matte
from sghm_vs.media.sequences import SequencePath
from sghm_vs.media.targets import Target
from sghm_vs.media.verification.sidecar import FINISHED, join, records_of
from sghm_vs.options import FrameRange
from sghm_vs.progress import Progress
from sghm_vs.shots.batch.checksums import ChecksumReader, Content, output_files
from sghm_vs.shots.batch.record import Outputs, read_back
from sghm_vs.shots.batch.render import Renderer, collected_warnings, delivery_of
from sghm_vs.shots.farm.job import Job
from sghm_vs.shots.guides import guided_by, open_guides, open_keys
from sghm_vs.shots.people_file import open_people
from sghm_vs.shots.shot import deliver, describe, without_missing_audio

TIMES = ("_DurationNum", "_DurationDen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """What a worker is given to make a shot whole."""

    job: Job
    known: Mapping[str, Content] | None = None
    is_hashed: bool = True

    def __call__(self, render: Renderer, progress: Progress) -> Outputs:
        """Make it; nothing is matted."""
        del render, progress
        return assemble(self.job, self.known, is_hashed=self.is_hashed)


def assemble(
    job: Job, known: Mapping[str, Content] | None = None, *, is_hashed: bool = True
) -> Outputs:
    """
    Read what the chunks of `job` made, write what no chunk could, and join the sidecars.

    Args:
        job: The shot.
        known: What its outputs held when it was done before.
        is_hashed: Whether the footage is read once more, for its checksum.

    Raises:
        SghmError: An output can't be written, or the footage can't be read.
    """
    reader = ChecksumReader()
    if known and _outputs_hold(job, known, reader):
        return Outputs(is_as_known=True)
    broken = _broken(job, reader)
    if broken:
        return Outputs(broken=broken)
    with collected_warnings() as warnings:
        if job.planned.has_movie:
            _write_from_alpha(job)
    for path in job.paths:
        if sequence := SequencePath.parse(path):
            join(Target(path, sequence), job.written)
    return read_back(job.shot, job.paths, job.written, reader, tuple(warnings), is_hashed=is_hashed)


def _outputs_hold(job: Job, known: Mapping[str, Content], reader: ChecksumReader) -> bool:
    """Tell whether the outputs of `job` hold what is `known` of them."""
    try:
        return all(
            reader.content(path, output_files(path, job.written)).holds_the_same(known[output])
            for output, path in zip(job.planned.outputs, job.paths, strict=True)
        )
    except (KeyError, OSError):
        return False


def _write_from_alpha(job: Job) -> None:
    """Write all outputs in one pass, as if the alpha had just been made."""
    source = open_source(job.shot.source, job.shot.opening)
    guides = job.shot.matting.guides
    deliver(
        source,
        _kept_alpha(job, source),
        job.paths,
        made_of=guides.files,
        guides=open_guides(guides.last, source, job.planned.frames),
        guided=guided_by(job.shot.matting, source, open_keys(guides, source)[0]),
        people=open_people(guides, source, job.planned.frames),
        frames=job.planned.frames,
        delivery=without_missing_audio(delivery_of(job.task_of_all), source),
        metadata={"source": source.name, **describe(job.shot.matting)},
    )


def _kept_alpha(job: Job, source: Source) -> vs.VideoNode:
    """Return the alpha that the chunks left, of the length of `source`; black where nothing is."""
    kept = open_matte(job.kept_alpha).clip
    first = job.planned.frames.first - source.first_number
    after = source.clip.num_frames - first - kept.num_frames
    black = [kept.std.BlankClip(length=length) if length else None for length in (first, after)]
    parts = [clip for clip in (black[0], kept, black[1]) if clip is not None]
    alpha = vs.core.std.Splice(parts)
    timed = alpha.std.AssumeFPS(src=source.clip) if source.clip.fps else alpha
    return timed.std.CopyFrameProps(source.clip, props=[*TIMES, *WINDOWS])


def _broken(job: Job, reader: ChecksumReader) -> tuple[FrameRange, ...]:
    """Return the chunks of `job` with frames that are not as they were recorded."""
    bad = {
        number for target in job.chunked for number in _broken_frames(target, job.numbers, reader)
    }
    chunks = [chunk.writes for chunk in job.planned.chunks]
    return tuple(
        one
        for one in chunks
        if any(number - job.shift in range(one.first, one.last + 1) for number in bad)
    )


def _broken_frames(target: Target, numbers: range, reader: ChecksumReader) -> list[int]:
    recorded = {
        name: file.sha256
        for _, record in records_of(target, numbers)
        if record.state == FINISHED
        for name, file in record.files.items()
    }

    def is_whole(number: int) -> bool:
        file = target.file(number)
        try:
            return reader.digest(file) == recorded[file.name]
        except (KeyError, OSError):
            return False

    whole = each(is_whole, numbers)
    return [number for number, is_so in zip(numbers, whole, strict=True) if not is_so]
