"""Which shots of a batch are to be made, and which of them anew."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sghm_vs.errors import ExportError, listed
from sghm_vs.files import exist_already
from sghm_vs.media.sequences import SequencePath
from sghm_vs.options import BatchOptions
from sghm_vs.shots.batch.checksums import ChecksumReader, Content, output_files, state_of
from sghm_vs.shots.batch.manifest import NAME, Entry, Manifest
from sghm_vs.shots.batch.names import Shot, place
from sghm_vs.shots.batch.record import input_files, inputs_of, settings_of

type PlanStatus = Literal["new", "done", "again"]

UNFINISHED = {"failed": "it failed before", "running": "it was not finished"}
"""Why a shot is made again, by its state."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A shot, and whether it is to be made."""

    shot: Shot
    status: PlanStatus
    reason: str = ""
    """Why again."""
    keeps: bool = False
    """Whether frames that are there, whole, can stay."""


def plan(
    shots: Sequence[Shot],
    folder: Path,
    batch_options: BatchOptions,
    reader: ChecksumReader | None = None,
) -> list[Planned]:
    """
    Return which of `shots` are to be made in `folder`, and why.

    Raises:
        ExportError: Two shots would write the same files, one would write outside of `folder`, or
            files are in the way.
        WeightsError: A model is not there.
    """
    _refuse_meeting(shots, folder)
    planner = _Planner(folder, Manifest(folder), batch_options, reader or ChecksumReader())
    planned = [planner.plan(shot) for shot in shots]
    if planner.in_the_way:
        known = "--resume goes on with what is unfinished, " if planner.manifest.entries else ""
        msg = f"{exist_already(planner.in_the_way)}; {known}--overwrite makes them anew"
        raise ExportError(msg)
    return planned


def _refuse_meeting(shots: Iterable[Shot], folder: Path) -> None:
    taken: dict[str, str] = {NAME: "the manifest"}
    for shot in shots:
        for output in shot.outputs:
            place(folder, output)
            # Where letters have no case, these would be one file.
            before = taken.setdefault(output.casefold(), shot.key)
            if before != shot.key:
                msg = (
                    f"{before} and {shot.key} would both be written to {output}; put {{shot}} into "
                    "the name: --to {shot}.mov"
                )
                raise ExportError(msg)
            if shot.source in (folder / output, (folder / output).parent):
                msg = f"{folder / output} would be written over its footage; choose another folder"
                raise ExportError(msg)


class _Planner:
    """Tells which shots are to be made."""

    def __init__(
        self, folder: Path, manifest: Manifest, batch_options: BatchOptions, reader: ChecksumReader
    ) -> None:
        self._folder = folder
        self._options = batch_options
        self._reader = reader
        self.manifest = manifest
        self.in_the_way: list[str] = []
        """Outputs that exist, and may not be replaced."""

    def plan(self, shot: Shot) -> Planned:
        entry = self.manifest.entries.get(shot.key)
        # Models that are not there are told before any work.
        settings = settings_of(shot)
        if entry is None or not self._options.resume:
            if not self._options.overwrite:
                self.in_the_way += [one for one in shot.outputs if _exists(self._folder / one)]
            return Planned(shot, "new")
        if changed := self._changed(shot, entry, settings):
            return Planned(shot, "again", changed)
        unfinished = (
            UNFINISHED.get(entry.state)
            or self._changed_keys(shot, entry, settings)
            or self._broken_output(entry)
        )
        return Planned(shot, "again" if unfinished else "done", unfinished, bool(unfinished))

    def _changed(self, shot: Shot, entry: Entry, settings: dict[str, Any]) -> str:
        """Return why all of the shot must be made again; nothing if what is there can stay."""
        if entry.outputs != shot.outputs:
            return "other outputs are asked for"
        before, now = (_but_keys(one) for one in (entry.settings, settings))
        if before != now:
            return f"changed: {listed(_differences(before, now))}"
        return self._changed_input(shot, entry, inputs_of(shot).keys() - {"keys"})

    def _changed_keys(self, shot: Shot, entry: Entry, settings: dict[str, Any]) -> str:
        """Return why frames in the span of keys must be made again, and no others."""
        if entry.settings.get("keys") != settings.get("keys"):
            return "the keys changed"
        return self._changed_input(shot, entry, inputs_of(shot).keys() & {"keys"})

    def _changed_input(self, shot: Shot, entry: Entry, names: Collection[str]) -> str:
        for name, path in inputs_of(shot).items():
            if name not in names:
                continue
            before = entry.inputs.get(name)
            try:
                files = input_files(shot, name, path)
                if before is None or not self._is_same(path, files, before):
                    return f"the {name} changed"
            except OSError:
                return f"the {name} can't be read"
        return ""

    def _is_same(self, path: Path, files: Sequence[Path], before: Content) -> bool:
        is_trusted = not self._options.rehash and state_of(files) == before.state
        return is_trusted or self._reader.content(path, files).holds_the_same(before)

    def _broken_output(self, entry: Entry) -> str:
        for output in entry.outputs if self._options.reread else ():
            path, before = self._folder / output, entry.checksums.get(output)
            try:
                found = self._reader.content(path, output_files(path, entry.numbers))
            except OSError:
                return f"{output} is missing, or a part of it"
            if before is None or not found.holds_the_same(before):
                return f"{output} is not what was written"
        return ""


def _but_keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name != "keys"}


def _differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Return the names of settings that differ."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return [] if before == now else [name]
    names = sorted({*before, *now})
    return [d for one in names for d in _differences(before.get(one), now.get(one), one)]


def _exists(path: Path) -> bool:
    sequence = SequencePath.parse(path)
    return path.exists() if sequence is None else bool(sequence.numbers())
