"""Unrelated pictures: each is matted alone and written under its own name."""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import vapoursynth as vs

from sghm_vs.errors import (
    DeviceError,
    ExportError,
    SettingsError,
    SghmError,
    SourceError,
    WeightsError,
)
from sghm_vs.files import names_folder, refuse_existing
from sghm_vs.filter.people import ToldApart, tell_apart
from sghm_vs.matting.people.choice import choose
from sghm_vs.media.name_templates import for_each_of
from sghm_vs.media.readers import Source, open_source
from sghm_vs.media.readers.animated import refuse_moving
from sghm_vs.media.sequences import PICTURE_SUFFIXES, SequencePath, holds_unrelated, pictures_in
from sghm_vs.options import LAYOUTS, Delivery, Guides, Matting, Opening, parse_person
from sghm_vs.progress import Progress
from sghm_vs.shots.people import look_for_people
from sghm_vs.shots.shot import Prepared, prepare, rotoscope

WORD = re.compile(r"\{(name|suffix)\}")
"""What stands for the picture in an output's name."""
PERSON = "{person}"
"""What stands there for each person whom it shows."""

NOT_THE_PICTURES = (SettingsError, WeightsError, DeviceError)
"""Errors that every other picture would meet as well."""

STILLS_A_SIZE = 8
"""So many pictures of one size make up for a program that is made for their size alone."""
SIZES_LOOKED_AT = 24
"""Pictures whose sizes stand for all: to open one may decode it."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture, and what became of it."""

    source: Path
    outputs: tuple[Path, ...]
    """Where its matte goes."""
    error: str | None = None
    """Why nothing was written; None if all went well."""


def are_stills(source: Path, outputs: Sequence[str]) -> bool:
    """Tell whether `source` is a folder of unrelated pictures, or one picture to be named after."""
    if source.is_dir():
        return holds_unrelated(source)
    is_named_after = any(names_folder(output) or WORD.search(output) for output in outputs)
    return source.is_file() and _is_picture(source) and is_named_after


def matte_stills(
    sources: Sequence[Path],
    outputs: Sequence[str],
    *,
    opening: Opening | None = None,
    matting: Matting | None = None,
    delivery: Delivery | None = None,
    progress: Progress | None = None,
) -> list[Still]:
    """
    Matte each of the pictures that `sources` are or hold, alone: no picture sees another.

    One that fails doesn't stop the others.

    Args:
        sources: Pictures, and folders of pictures.
        outputs: Where mattes go: a folder, for NAME.png in it, or a name with `{name}` and
            `{suffix}`, which stand for the picture's own ("portrait", "jpg"), and `{person}`, which
            gives one file a person. Who is who a picture says by itself, from left to right.
        opening: Which layer of EXR pictures.
        matting: Defaults to the shipped model on the best device; its `tr` is taken as 0.
        delivery: Defaults to what `export` does by itself.
        progress: Called with pictures done and pictures in all.

    Returns:
        What became of each picture, in the order of `sources`.

    Raises:
        SourceError: There are no pictures.
        ExportError: Two mattes would meet in a file, or replace one, before any is made.
        SghmError: What all pictures would fail of: the model, the device, a setting.
    """
    matting, delivery = matting or Matting(), delivery or Delivery()
    matting = replace(matting, settings=replace(matting.settings, tr=0))
    delivery = replace(delivery, patterns=False, start_number=0, sidecar=False)
    planned = plan(sources, outputs)
    _refuse_to_meet(planned, sources)
    if not delivery.overwrite:
        refuse_existing(
            [file for still in planned for one in still.outputs for file in _files(one)]
        )
    prepared = prepare(
        matting, many_sizes=are_many_sizes([still.source for still in planned], opening)
    )
    stills = []
    for done, still in enumerate(planned, start=1):
        stills.append(_matted(still, opening, prepared, delivery))
        if progress is not None:
            progress(done, len(planned))
    return stills


def plan(sources: Sequence[Path], outputs: Sequence[str]) -> list[Still]:
    """Return the pictures that `sources` are or hold, each with where its mattes go."""
    templates = [_template(output) for output in outputs]
    return [
        Still(picture, tuple(_filled(template, picture) for template in templates))
        for picture in _pictures(sources)
    ]


def are_many_sizes(pictures: Sequence[Path], opening: Opening | None = None) -> bool:
    """Return whether `pictures`, of those that are looked at, have too many sizes for a program each."""
    some = pictures[:: max(-(-len(pictures) // SIZES_LOOKED_AT), 1)]
    sizes = Counter(size for picture in some if (size := _size_of(picture, opening)))
    return len(sizes) * STILLS_A_SIZE > sizes.total()


def _size_of(picture: Path, opening: Opening | None) -> tuple[int, int] | None:
    try:
        clip = open_source(picture, opening).clip
    except (SghmError, vs.Error):
        return None
    return clip.width, clip.height


def _pictures(sources: Iterable[Path]) -> list[Path]:
    pictures: list[Path] = []
    for source in sources:
        if source.is_dir():
            pictures += pictures_in(source)
        elif _is_picture(source):
            pictures.append(source)
        else:
            known = " ".join(sorted(PICTURE_SUFFIXES))
            msg = f"{source} isn't a picture or a folder of pictures; their names end in {known}"
            raise SourceError(msg)
    return pictures


def _template(output: str) -> Path:
    path = Path(output)
    if names_folder(output):
        return path / "{name}.png"
    if WORD.search(str(path.parent)) or PERSON in str(path.parent):
        msg = (
            f"{output} has a word in its folder; {{name}}, {{suffix}} and {PERSON} are for the file's "
            "name"
        )
        raise ExportError(msg)
    if SequencePath.parse(Path(WORD.sub("", path.name))) is not None:
        msg = f"{output} has a frame number, which unrelated pictures lack; write {{name}} for it"
        raise ExportError(msg)
    return path


def _filled(template: Path, picture: Path) -> Path:
    words = {"name": picture.stem, "suffix": picture.suffix[1:]}
    return template.with_name(WORD.sub(lambda word: words[word[1]], template.name))


def _refuse_to_meet(stills: Sequence[Still], sources: Sequence[Path]) -> None:
    """Refuse two mattes of one name, and mattes in the place of pictures or among them."""
    read = {still.source.resolve() for still in stills}
    folders = {source.resolve() for source in sources if source.is_dir()}
    taken: dict[Path, Path] = {}
    for still in stills:
        for output in still.outputs:
            file = output.parent.resolve() / output.name
            if file in read or file.parent in folders:
                msg = f"{output} would be written among the pictures; choose another folder"
                raise ExportError(msg)
            if file in taken:
                msg = (
                    f"{taken[file]} and {still.source} would both be written to {output}; "
                    "tell them apart: -o DIR/{name}_{suffix}.png"
                )
                raise ExportError(msg)
            taken[file] = still.source


def _files(output: Path) -> list[Path]:
    """Return `output`, or of each person's those that exist."""
    if PERSON not in output.name:
        return [output]
    any_of_them = glob.escape(output.name).replace(PERSON, "person_*")
    return sorted(output.parent.glob(any_of_them))


def _matted(still: Still, opening: Opening | None, matting: Prepared, delivery: Delivery) -> Still:
    try:
        refuse_moving(still.source)
        source, people = open_source(still.source, opening), None
        if _tells_apart(still, matting, delivery):
            people = _told_apart(source, matting)
            still = replace(still, outputs=_of_each(still, people))
        rotoscope(source, still.outputs, matting=matting, delivery=delivery, people=people)
    except (SghmError, vs.Error) as error:
        if isinstance(error.__cause__ or error, NOT_THE_PICTURES):
            raise
        return replace(still, error=str(error))
    return still


def _tells_apart(still: Still, matting: Prepared, delivery: Delivery) -> bool:
    """Tell whether it matters who is who."""
    is_asked = matting.matting.guides.person != Guides().person
    needs_it = LAYOUTS[delivery.output_format.layout].needs_extra
    return is_asked or needs_it or any(PERSON in output.name for output in still.outputs)


def _told_apart(source: Source, matting: Prepared) -> ToldApart:
    """
    Return the people of a picture, of whom some are meant.

    Raises:
        SourceError: Nobody is.
    """
    people = look_for_people(source, matting)
    try:
        ids = choose(people, parse_person(matting.matting.guides.person))
    except SettingsError as error:
        # Other pictures may show whom this one does not.
        raise SourceError(str(error)) from None
    if not ids:
        msg = (
            f"{source.path} shows nobody, and each person's matte was asked for; nothing is written"
        )
        raise SourceError(msg)
    return tell_apart(source.clip, people, ids)


def _of_each(still: Still, people: ToldApart) -> tuple[Path, ...]:
    """Return the outputs of `still`, those of one person as many as there are."""
    return tuple(
        Path(name) for output in still.outputs for name in for_each_of(people.ids, str(output))
    )


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES
