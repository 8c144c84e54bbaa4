"""A shot's entry in the manifest, as its making begins and as it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sghm_vs.errors import listed
from sghm_vs.media.verification.sidecar import utc_now
from sghm_vs.options import FrameRange
from sghm_vs.shots.batch.checksums import ChecksumReader, Content, output_files, source_files
from sghm_vs.shots.batch.manifest import Entry
from sghm_vs.shots.batch.names import Shot
from sghm_vs.shots.shot import describe

UNRECORDED = ("overwrite", "resume", "sidecar", "version", "patterns")
"""Knobs of the delivery that shape no output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """What the outputs of a shot hold, and what they were made of."""

    is_as_known: bool = False
    """Whether all is as it was recorded; then there is nothing else."""
    broken: tuple[FrameRange, ...] = ()
    """Chunks with frames that are missing, or not what was written; then there is nothing else."""
    checksums: Mapping[str, Content] = field(default_factory=dict)
    """By output."""
    inputs: Mapping[str, Content] = field(default_factory=dict)
    frames: tuple[int, int] | None = None
    """Numbers of the first and the last frame written."""
    warnings: tuple[str, ...] = ()


def read_back(
    shot: Shot,
    paths: Sequence[Path],
    numbers: range,
    reader: ChecksumReader,
    warnings: Sequence[str] = (),
    *,
    is_hashed: bool = True,
) -> Outputs:
    """
    Return what the outputs of `shot` hold, and its inputs.

    Args:
        shot: What was made.
        paths: Where its outputs are, in their order.
        numbers: Of the frames in their names.
        reader: Knows what was read before.
        warnings: What was warned of meanwhile.
        is_hashed: Whether inputs are read as well; else size and date tell them apart.

    Raises:
        OSError: An output is not there, or an input that is not hashed.
    """
    outputs = zip(shot.outputs, paths, strict=True)
    return Outputs(
        checksums={
            output: replace(reader.content(path, output_files(path, numbers)), path=output)
            for output, path in outputs
        },
        inputs=read_inputs(shot, reader) if is_hashed else unread_inputs(shot),
        frames=(numbers[0], numbers[-1]),
        warnings=tuple(warnings),
    )


def running_entry(shot: Shot) -> Entry:
    """Return the entry of a shot whose rendering begins."""
    return Entry(
        shot=shot.name,
        key=shot.key,
        state="running",
        settings=settings_of(shot),
        outputs=shot.outputs,
        started=utc_now(),
    )


def done_entry(entry: Entry, made: Outputs, *, again: str = "") -> Entry:
    """
    Return the entry of a shot that was made.

    Args:
        entry: `running_entry` of the shot.
        made: What its outputs hold now.
        again: What to type where the footage changed meanwhile: the shot has failed then.
    """
    # What changed stays recorded as it was, so that no frame made of it is kept.
    changed = [
        before.path
        for name, before in entry.inputs.items()
        if name not in made.inputs or made.inputs[name].state != before.state
    ]
    if changed:
        return failed_entry(entry, f"{listed(changed)} changed while it was matted; {again}")
    return replace(
        entry,
        state="done",
        finished=utc_now(),
        frames=made.frames,
        inputs=made.inputs,
        checksums=made.checksums,
        warnings=made.warnings,
    )


def failed_entry(entry: Entry, reason: str) -> Entry:
    """Return the entry of a shot that could not be made."""
    return replace(entry, state="failed", finished=utc_now(), error=reason)


def settings_of(shot: Shot) -> dict[str, Any]:
    """
    Return, as JSON has it, all that shapes the outputs of `shot` but the inputs' content.

    Raises:
        WeightsError: Its model is not there.
    """
    delivery = {key: value for key, value in asdict(shot.delivery).items() if key not in UNRECORDED}
    settings = {
        "matting": describe(shot.matting) | {"fp16": shot.matting.fp16},
        "opening": asdict(shot.opening),
        "delivery": delivery,
        **{name: str(path) for name, path in inputs_of(shot).items() if name != "source"},
    }
    if shot.matting.guides.keys is not None:
        settings["keys"] = {"path": settings["keys"], "span": shot.matting.guides.key_span}
    plain: dict[str, Any] = json.loads(json.dumps(settings, default=str))
    return plain


def inputs_of(shot: Shot) -> dict[str, Path]:
    """Return the footage that `shot` reads, by what it is for."""
    found = {"source": shot.source}
    found |= {name: path.absolute() for name, path in shot.matting.guides.files.items()}
    if isinstance(shot.delivery.over, Path):
        found["over"] = shot.delivery.over.absolute()
    return found


def input_files(shot: Shot, name: str, path: Path) -> list[Path]:
    """Return the files of the input `name` at `path`; raises SourceError if there are none."""
    return source_files(path, shot.frames if name == "source" else None)


def read_inputs(shot: Shot, reader: ChecksumReader) -> dict[str, Content]:
    """Return what the inputs of `shot` hold, as far as they can be read."""
    found = {}
    for name, path in inputs_of(shot).items():
        with suppress(OSError):
            found[name] = reader.content(path, input_files(shot, name, path))
    return found


def unread_inputs(shot: Shot) -> dict[str, Content]:
    """Return what the file system says of the inputs of `shot`; raises OSError."""
    return {
        name: Content.unread(path, input_files(shot, name, path))
        for name, path in inputs_of(shot).items()
    }
