"""Words in the names of outputs: {shot}, {layer}, {version}, {frame}, {person}."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sghm_vs.errors import ExportError, cure
from sghm_vs.files import name_pattern
from sghm_vs.media.sequences import PATTERN
from sghm_vs.options import OutputFormat

WORD = re.compile(r"\{([a-z]+)\}")
WORDS = ("shot", "layer", "version", "frame", "person")
IN_FILE_NAMES = ("frame", "person")
"""Words that stand in no folder's name."""
PERSON = re.compile(r"person_(\d+)")
FRAME = "####"
VERSION = "v{:03d}"

type Version = int | Literal["auto"] | None


def person_name(person: int) -> str:
    """Return what the matte of a person is called: a layer, or a part of a file's name."""
    return f"person_{person:02d}"


def person_of(path: Path) -> int | None:
    """Return whose matte the output at `path` is by its name; None is that of all together."""
    found = PERSON.search(path.name)
    return None if found is None else int(found[1])


def fill_names(
    outputs: Sequence[str | Path],
    *,
    shot: str,
    output_format: OutputFormat,
    version: Version = None,
    people: Sequence[int] = (),
) -> list[Path]:
    """
    Return `outputs` with their words filled in.

    Args:
        outputs: Paths; `{frame}` stands for `####`, and in the file's name alone.
        shot: What the footage is called.
        output_format: Says what `{layer}` is: the layout of an EXR file, else rgba, alpha or
            review.
        version: What `{version}` is, as v001; "auto" is one more than the highest that any of
            the outputs has on the disk.
        people: Of whom each `{person}` is one; an output that has it becomes as many.

    Raises:
        ExportError: A word is not known, or `{version}` and a version are not given together.
    """
    templates = [one for output in outputs for one in for_each_of(people, str(output))]
    for template in templates:
        _check(template, version)
    if version is not None and not any("{version}" in template for template in templates):
        msg = f"version {version} was given, and no output has it; write -o x_{{version}}.mov"
        raise ExportError(msg)
    plain = [_with_words(template, shot, output_format) for template in templates]
    if version == "auto":
        version = 1 + newest_version(templates, shot=shot, output_format=output_format)
    word = "" if version is None else VERSION.format(version)
    return [Path(template.replace("{version}", word)) for template in plain]


def newest_version(
    outputs: Sequence[str | Path],
    *,
    shot: str,
    output_format: OutputFormat,
    people: Sequence[int] = (),
) -> int:
    """Return the highest version that any of `outputs` has on the disk; 0 if there is none."""
    templates = [one for output in outputs for one in for_each_of(people, str(output))]
    return max(_newest_version(_with_words(one, shot, output_format)) for one in templates)


def for_each_of(people: Sequence[int], template: str) -> list[str]:
    """Return `template` for each of `people`, if it is of one of them."""
    if "{person}" not in Path(template).name or not people:
        return [template]
    return [template.replace("{person}", person_name(one)) for one in people]


def _check(template: str, version: Version) -> None:
    unknown = [word for word in WORD.findall(template) if word not in WORDS]
    if unknown:
        known = ", ".join(f"{{{word}}}" for word in WORDS)
        msg = f"{template} has the word {{{unknown[0]}}}, and these are known: {known}"
        raise ExportError(msg)
    for word in IN_FILE_NAMES:
        if f"{{{word}}}" in str(Path(template).parent):
            msg = f"{template} has {{{word}}} in a folder; put it into the file's name"
            raise ExportError(msg)
    if "{person}" in template:
        how = cure(
            script="Guides(people=…)", typed="--people people.json, as sghm people writes it"
        )
        msg = f"{template} is of one person, and nobody says who is who; give {how}"
        raise ExportError(msg)
    if "{version}" in template and version is None:
        msg = f"{template} has a version; add --version auto, or a number: --version 3"
        raise ExportError(msg)


def _with_words(template: str, shot: str, output_format: OutputFormat) -> str:
    words = {"shot": shot, "frame": FRAME, "version": "{version}"}
    if "{layer}" in template:
        words["layer"] = output_format.layer_of(Path(template).suffix.lower())
    return WORD.sub(lambda word: words[word[1]], template)


def _newest_version(template: str) -> int:
    """Return the highest version of `template` on the disk, whole or not; 0 if there is none."""
    if "{version}" not in template:
        return 0
    parts = Path(template).parts
    last = max(at for at, part in enumerate(parts) if "{version}" in part)
    *folders, name = parts[: last + 1]
    is_file = last == len(parts) - 1
    if is_file and (match := PATTERN.fullmatch(name)) is not None:
        name = f"{match['prefix']}\0{match['suffix']}"
    path = str(Path(*folders, name))
    pattern = glob.escape(path).replace("{version}", "v*").replace("\0", "*")
    found = name_pattern(
        re.escape(path).replace(re.escape("{version}"), r"v(\d+)").replace("\0", r"-?\d+")
    )
    numbers = (_version(found, existing) for existing in glob.glob(pattern))  # noqa: PTH207
    return max(numbers, default=0)


def _version(pattern: re.Pattern[str], existing: str) -> int:
    match = pattern.fullmatch(existing)
    return 0 if match is None else max(map(int, match.groups()))
