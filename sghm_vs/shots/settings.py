"""
Settings of a shot in a file: options of the command line by their names, in TOML.

What `sghm review` saves of a shot lies beside its footage, in `SHOT.review`, and is found there.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from sghm_vs.errors import DeviceError, SettingsError, SourceError, standing
from sghm_vs.files import with_slashes
from sghm_vs.media.sequences import SequencePath, sequence_in
from sghm_vs.options import READ_FILES, Option, ShotOptions, Values, from_words, options_of
from sghm_vs.shots.batch.find import REVIEW
from sghm_vs.shots.text import decoded

NAME = "settings.toml"
SIZE_MAX = 2**20
CODE_SUFFIX = ".vpy"
NO_SETTINGS = "--no-settings"
OF_MANY = ("to",)
"""Knobs that say where mattes go: of a command, not of a shot."""


def read_settings(path: Path) -> dict[str, Any]:
    """
    Return what the file at `path` says, by the knob's name.

    It has options of sghm matte by their names: `tr = 3`, `frames = "1001-1040"`, `fp16 = false`.
    Files that it names are beside it, unless their paths are absolute.

    Raises:
        SourceError: It can't be read.
        SettingsError: It has a word that is no option, or a value that is none.
    """
    try:
        size = path.stat().st_size
        table = tomllib.loads(decoded(path.read_bytes()) if size <= SIZE_MAX else "")
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; check its name"
        raise SourceError(msg) from None
    except tomllib.TOMLDecodeError as error:
        msg = f'{path} is no TOML: {error}; write lines as: tr = 3, frames = "1001-1040"'
        raise SettingsError(msg) from None
    if size > SIZE_MAX:
        msg = f"{path} is no file of settings: it has more than {SIZE_MAX // 2**20} MB"
        raise SourceError(msg)
    return values_of(table, path)


def values_of(table: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """
    Return what `table` says, options by their names, by the knob's name.

    Args:
        table: Words, numbers, true and false.
        path: The file that it stands in, or would.

    Raises:
        SettingsError: As `read_settings` says.
    """
    known = {option.flag.removeprefix("--"): option for option in _options()}
    words = []
    for key, value in table.items():
        option = known.get(key.replace("_", "-"))
        if option is None:
            msg = f"{path}: {key!r} is no setting; known are {', '.join(known)}"
            raise SettingsError(msg)
        words += _word(option, value, path)
    try:
        with standing(at_command_line=True):
            return from_words(words)
    except (SettingsError, DeviceError) as error:
        msg = f"{path}: {error}"
        raise SettingsError(msg) from None


def settings_text(values: Values, path: Path) -> str:
    """
    Return the file at `path`, TOML, that says `values`; files below its folder are named from there.

    Args:
        values: By the knob's name; what is a default is left out.
        path: Where the file will be.
    """
    lines = ["# Options of sghm matte, by their names. Files are relative to this one."]
    for option in _options():
        value = values.get(option.name, option.default)
        if value != option.default:
            lines.append(f"{option.flag.removeprefix('--')} = {_toml(option, value, path)}")
    return "\n".join(lines) + "\n"


def review_folder(footage: Path) -> Path:
    """Return the folder beside `footage` where its review is kept, whether it is there or not."""
    if footage.is_dir():
        footage = Path(str(sequence_in(footage)))
    sequence = None if footage.is_file() else SequencePath.parse(footage)
    if sequence is None:
        return footage.with_name(f"{footage.name}{REVIEW}")
    stem = sequence.prefix.rstrip("._- ") or sequence.folder.absolute().name
    return sequence.folder / f"{stem}{sequence.suffix}{REVIEW}"


def with_review(
    values: Values, footage: Path, notes: list[str], but: Collection[str] = ()
) -> Values:
    """
    Return `values` with what was saved of `footage` for what they leave open; notes get where that is.

    Args:
        values: By the knob's name.
        footage: A movie, a sequence, a folder with one, a picture or a script.
        notes: Get a line.
        but: Knobs that are left out.

    Raises:
        SourceError: What was saved can't be read.
        SettingsError: It has a word that is no option, or a value that is none.
    """
    try:
        path = review_folder(footage) / NAME
    except SourceError:
        # Who opens it says why it is no footage.
        return values
    if not path.is_file():
        return values
    saved = {name: value for name, value in read_settings(path).items() if name not in but}
    taken = [option.flag for option in _options() if option.name in saved.keys() - values.keys()]
    if taken:
        notes.append(f"settings of {path}: {', '.join(taken)}; {NO_SETTINGS} leaves them out")
    return {**saved, **values}


def beside(name: str, value: str, path: Path) -> str:
    """Return `value` of the option `name`, without dashes; files that `path` names are beside it."""
    files = {option.flag for option in options_of(ShotOptions) if option.knob.is_file}
    found = path.absolute().parent / value
    # What may be a color as well is a file only where there is one.
    is_file = f"--{name}" in files and (name in READ_FILES or found.exists())
    return str(found) if is_file else value


def _options() -> list[Option]:
    return [option for option in options_of(ShotOptions) if option.name not in OF_MANY]


def _word(option: Option, value: object, path: Path) -> list[str]:
    name = option.flag.removeprefix("--")
    if option.is_switch:
        if not isinstance(value, bool):
            msg = f"{path}: {name} is {value!r}; write true or false"
            raise SettingsError(msg)
        if value:
            return [option.flag]
        return [f"--no-{name}"] if option.has_opposite else []
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        msg = f"{path}: {name} is {value!r}; write a number or a word in quotes"
        raise SettingsError(msg)
    if str(value).lower().endswith(CODE_SUFFIX):
        msg = (
            f"{path} names {value}, which is code, and settings run none; give it as {option.flag}"
        )
        raise SettingsError(msg)
    return [f"{option.flag}={beside(name, str(value), path)}"]


def _toml(option: Option, value: Any, path: Path) -> str:
    if option.is_switch:
        return "true" if value else "false"
    if isinstance(value, int | float) and option.knob.write is str:
        return f"{value}"
    folder = path.absolute().parent
    if isinstance(value, Path) and value.absolute().is_relative_to(folder):
        return _quoted(with_slashes(value.absolute().relative_to(folder)))
    return _quoted(option.knob.write(value))


def _quoted(text: str) -> str:
    """Return `text` as TOML has it: as JSON, but for one sign."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
