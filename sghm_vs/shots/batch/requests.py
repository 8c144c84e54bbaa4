"""What a batch is asked for: sources and lists become shots with names and outputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.hosts.presets import outputs_for, with_preset
from sghm_vs.media.name_templates import newest_version
from sghm_vs.options import (
    Delivery,
    FrameRange,
    Matting,
    Opening,
    Values,
    from_words,
    made_of,
    refuse_unused,
    unused,
)
from sghm_vs.shots.batch.find import FoundFootage, find_footage
from sghm_vs.shots.batch.lists import ListRow, is_list, read_list
from sghm_vs.shots.batch.manifest import Manifest
from sghm_vs.shots.batch.names import (
    InvalidShot,
    Shot,
    output_names,
    safe_name,
    unique_names,
)
from sghm_vs.shots.people_file import chosen_of
from sghm_vs.shots.settings import beside, with_review

USUAL_OUTPUT = "{shot}.mov"


@dataclass(frozen=True, slots=True)
class Request:
    """Footage, and the options it was asked for with."""

    footage: FoundFootage
    values: Values
    name: str | None = None
    """What a list calls it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be made, and what can't be."""

    shots: list[Shot]
    invalid: list[InvalidShot] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What is said of shots before any work."""


def requests_from(
    sources: Sequence[str], values: Values, folder: Path, *, reviews: bool = False
) -> tuple[list[Request], Batch]:
    """
    Return what is asked for; and, as a batch without shots, what is missing or left out.

    Args:
        sources: Footage, folders, globs and lists.
        values: What is said of every shot; a list's rows say more.
        folder: Where outputs go; nothing in it is footage.
        reviews: Whether what was saved of a shot beside its footage says the rest.
    """
    rest = Batch([])
    requests: list[Request] = []
    for source in sources:
        if is_list(source):
            requests += _listed(Path(source), values, folder, rest)
            continue
        found = find_footage([source], but=folder)
        requests += [Request(footage, values) for footage in found.footage]
        rest.left_out.extend(found.left_out)
    requests = _unique(requests)
    return [reviewed(one, rest) for one in requests] if reviews else requests, rest


def shots_from(
    requested: tuple[Sequence[Request], Batch], folder: Path, *, resumes: bool = False
) -> Batch:
    """Return the shots that are asked for, with outputs below `folder`."""
    requests, rest = requested
    shots = with_names(
        [_unnamed(request) for request in requests],
        [
            request.footage.names if request.name is None else (request.name,)
            for request in requests
        ],
        [request.values for request in requests],
        folder,
        resumes=resumes,
    )
    return Batch(shots, rest.invalid, rest.left_out, rest.notes)


def reviewed(request: Request, rest: Batch) -> Request:
    """Return `request` with what was saved beside its footage."""
    notes: list[str] = []
    values = with_review(request.values, request.footage.path, notes)
    rest.notes.extend(f"{request.footage.names[0]}: {note}" for note in notes)
    return replace(request, values=values)


def with_names(
    shots: Sequence[Shot],
    wishes: Sequence[Sequence[str]],
    values: Sequence[Values],
    folder: Path,
    *,
    resumes: bool = False,
) -> list[Shot]:
    """
    Return `shots` with names and outputs; those that the manifest knows keep their names.

    Args:
        shots: Without names.
        wishes: What to call each, the best first; any text.
        values: The options of each.
        folder: Where outputs go.
        resumes: Whether the newest version goes on, in place of a new one.

    Raises:
        ExportError: Something is said that none of the shots it is said of has a use for.
    """
    entries = Manifest(folder).entries
    kept = {key: entry.shot for key, entry in entries.items() if entry.outputs}
    wanted = [
        (shot.key, [safe_name(name) for name in names])
        for shot, names in zip(shots, wishes, strict=True)
    ]
    named = zip(shots, unique_names(wanted, kept), values, strict=True)
    made = [
        (_delivered(replace(shot, name=name), own, folder, resumes=resumes), own)
        for shot, name, own in named
    ]
    needless = [unused(own, shot.outputs, shot.delivery.output_format) for shot, own in made]
    used = {
        name for (_, own), left in zip(made, needless, strict=True) for name in own.keys() - left
    }
    # What is said of many shots may be for some of them.
    for left in needless:
        refuse_unused({name: needed for name, needed in left.items() if name not in used})
    return [
        _without_unused(shot, own, left) for (shot, own), left in zip(made, needless, strict=True)
    ]


def _without_unused(shot: Shot, values: Values, needless: Collection[str]) -> Shot:
    """Return `shot` with the defaults of what no output of it has a use for."""
    if not needless:
        return shot
    rest = {name: value for name, value in values.items() if name not in needless}
    delivery = made_of(Delivery, with_preset(rest))
    delivery = replace(delivery, version=shot.delivery.version)
    return replace(shot, matting=made_of(Matting, rest), delivery=delivery)


def shot_of(values: Values, source: Path, frames: FrameRange | None) -> Shot:
    """Return the footage at `source` as a shot without name and outputs."""
    return Shot(
        name="",
        source=source,
        outputs=(),
        frames=frames,
        opening=made_of(Opening, values),
        matting=made_of(Matting, values),
        delivery=made_of(Delivery, with_preset(values)),
    )


def _unnamed(request: Request) -> Shot:
    footage = request.footage
    return shot_of(request.values, footage.path, footage.frames or request.values.get("frames"))


def _unique(requests: Sequence[Request]) -> list[Request]:
    """Return each shot once; one that is asked for in two ways would be written over itself."""
    unique: dict[str, Request] = {}
    for request in requests:
        key = _unnamed(request).key
        before = unique.setdefault(key, request)
        if before.values is not request.values:
            msg = (
                f"{key} is asked for twice, with options of each; give it once, or make another "
                "batch in another folder"
            )
            raise SettingsError(msg)
    return list(unique.values())


def _listed(path: Path, values: Values, folder: Path, rest: Batch) -> list[Request]:
    """Return what a list asks for; a source of it that is not there is invalid, and no more."""
    requests = []
    for number, row in enumerate(read_list(path), start=1):
        own = _row_values(row, path, number, values)
        source = str(path.absolute().parent / row.source)
        try:
            found = find_footage([source], but=folder)
        except SourceError as error:
            name = safe_name(row.shot or Path(row.source).stem)
            rest.invalid.append(InvalidShot(name, source, str(error)))
            continue
        requests += [Request(footage, own, row.shot) for footage in found.footage]
        rest.left_out.extend(found.left_out)
    return requests


def _row_values(row: ListRow, path: Path, number: int, values: Values) -> Values:
    """Return `values` with the settings of `row`."""
    words = [
        f"--{name}" if value is True else f"--{name}={beside(name, str(value), path)}"
        for name, value in row.settings.items()
    ]
    try:
        return {**values, **from_words(words)}
    except SettingsError as error:
        msg = f"{path}, row {number}: {error}; options are those of sghm batch --help"
        raise SettingsError(msg) from None


def _delivered(shot: Shot, values: Values, folder: Path, *, resumes: bool) -> Shot:
    """Return `shot` with the names of its outputs."""
    host = values.get("host")
    templates = list(values.get("to") or ["{shot}" if host else USUAL_OUTPUT])
    templates = outputs_for(host, templates) if host else templates
    delivery = shot.delivery
    if delivery.version == "auto":
        paths = [folder / template for template in templates]
        newest = newest_version(
            paths,
            shot=shot.name,
            output_format=delivery.output_format,
            people=chosen_of(shot.matting.guides),
        )
        # What is resumed is the newest version; a new one would be made from the start.
        is_new = newest == 0 or not resumes
        delivery = replace(delivery, version=newest + is_new)
    outputs = output_names(templates, shot.name, delivery, chosen_of(shot.matting.guides))
    return replace(shot, outputs=outputs, delivery=delivery)
