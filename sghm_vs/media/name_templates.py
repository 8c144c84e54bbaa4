"""Words in the names of outputs: {shot}, {layer}, {version}, {frame}."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sghm_vs.errors import ExportError
from sghm_vs.files import name_pattern
from sghm_vs.media.sequences import PATTERN
from sghm_vs.options import OutputFormat

WORD = re.compile(r"\{([a-z]+)\}")
WORDS = ("shot", "layer", "version", "frame")
FRAME = "####"
VERSION = "v{:03d}"

type Version = int | Literal["auto"] | None


def fill_names(
    outputs: Sequence[str | Path],
    *,
    shot: str,
    output_format: OutputFormat,
    version: Version = None,
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

    Raises:
        ExportError: A word is not known, or `{version}` and a version are not given together.
    """
    templates = [str(output) for output in outputs]
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


def newest_version(outputs: Sequence[str | Path], *, shot: str, output_format: OutputFormat) -> int:
    """Return the highest version that any of `outputs` has on the disk; 0 if there is none."""
    return max(_newest_version(_with_words(str(output), shot, output_format)) for output in outputs)


def _check(template: str, version: Version) -> None:
    unknown = [word for word in WORD.findall(template) if word not in WORDS]
    if unknown:
        known = ", ".join(f"{{{word}}}" for word in WORDS)
        msg = f"{template} has the word {{{unknown[0]}}}, and these are known: {known}"
        raise ExportError(msg)
    if "{frame}" in str(Path(template).parent):
        msg = f"{template} has {{frame}} in a folder; put it into the file's name"
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
