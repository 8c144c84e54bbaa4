"""Lists of sources with their own settings: TOML or CSV."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sghm_vs.errors import SourceError
from sghm_vs.shots.text import decoded

SUFFIXES = (".toml", ".csv")
DELIMITERS = ",;\t"
SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
"""A first line by which Excel says it."""
SIZE_MAX = 64 * 2**20
"""Bytes: a list of 100,000 shots has 20 MB."""
CODE_SUFFIX = ".vpy"
SCALAR = (str, int, float)
OPTION = re.compile(r"[a-z][a-z-]*")


@dataclass(frozen=True, slots=True)
class ListRow:
    """A source in a list."""

    source: str
    """As written; relative to the list's folder."""
    shot: str | None
    """What to call it; None leaves that to the source."""
    settings: Mapping[str, str | bool]
    """Options of the command line by name, without dashes; True for those without a value."""


def is_list(source: str) -> bool:
    """Tell whether `source` is named as a list."""
    return Path(source).suffix.lower() in SUFFIXES


def read_list(path: Path) -> list[ListRow]:
    """
    Return the rows of the list at `path`.

    TOML: an array of tables `[[shot]]`, each with `source`, perhaps `name`, and options of the
    command line by their names (`tr = 0`, `frames = "1001-1040"`); a table `[defaults]` has
    options for all. CSV: a header with the same words, empty cells say nothing, true is an option
    without a word; commas, semicolons or tabs. In UTF-8, UTF-16, Latin-1 or Mac Roman.

    Raises:
        SourceError: It can't be read, or a row has no source.
    """
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= SIZE_MAX else b""
        text = io.StringIO(decoded(content), newline=None).read()
        tables = _toml(text) if path.suffix.lower() == ".toml" else _csv(text)
    except OSError as error:
        msg = f"{path} can't be read: {error.strerror}; check its name"
        raise SourceError(msg) from None
    except (tomllib.TOMLDecodeError, csv.Error, TypeError) as error:
        msg = f"{path} is no list that can be read: {error}; see sghm batch --help"
        raise SourceError(msg) from None
    if size > SIZE_MAX:
        msg = f"{path} is no list: it has more than {SIZE_MAX // 2**20} MB"
        raise SourceError(msg)
    rows = [_row(table, path, number) for number, table in enumerate(tables, start=1)]
    if not rows:
        msg = f'{path} lists nothing; write [[shot]] and source = "plate.mov", or a row of CSV'
        raise SourceError(msg)
    return rows


def _toml(text: str) -> list[dict[str, Any]]:
    found = tomllib.loads(text)
    unknown = sorted(found.keys() - {"shot", "defaults"})
    if unknown:
        msg = f"it has {unknown[0]!r}, and [[shot]] and [defaults] are known"
        raise TypeError(msg)
    shots, defaults = found.get("shot", []), found.get("defaults", {})
    if not isinstance(shots, list) or not isinstance(defaults, dict):
        msg = "it needs [[shot]] and [defaults]"
        raise TypeError(msg)
    return [defaults | shot for shot in shots]


def _csv(text: str) -> list[dict[str, Any]]:
    first, _, rest = text.partition("\n")
    if separator := SEPARATOR.fullmatch(first):
        text, mark = rest, separator[1]
    else:
        # Spreadsheets write semicolons where a comma is the decimal mark, and tabs in UTF-16.
        mark = max(DELIMITERS, key=first.count)
    reader = csv.DictReader(io.StringIO(text), strict=True, delimiter=mark)
    return [_named_cells(row) for row in reader]


def _named_cells(row: Mapping[str | None, Any]) -> dict[str, Any]:
    """Return the cells of a row that say something; those beyond the header are called ""."""
    named = {key: _cell(cell) for key, cell in row.items() if key is not None and cell}
    beyond = [cell for cell in row.get(None) or [] if cell]
    return named | ({"": ", ".join(beyond)} if beyond else {})


def _cell(text: Any) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text) if isinstance(text, str) else text


def _row(table: Mapping[str, Any], path: Path, number: int) -> ListRow:
    where = f"{path}, row {number}"
    settings: dict[str, str | bool] = {}
    for key, value in table.items():
        if not key:
            msg = (
                f"{where} has {value!r} where the header names no option; name it there, or put "
                'a cell that holds commas or semicolons in quotes: "a, b.mov"'
            )
            raise SourceError(msg)
        if not isinstance(value, SCALAR):
            msg = f"{where}: {key!r} is {value!r}; give a word, a number, or true"
            raise SourceError(msg)
        if key not in ("source", "name") and value is not False:
            settings[_option(key, where)] = value is True or str(value)
    source, name = table.get("source"), table.get("name")
    if not isinstance(source, str) or not source:
        msg = f'{where} has no source; write source = "plate.mov", or a column "source" in CSV'
        raise SourceError(msg)
    for word in (source, *settings.values()):
        _refuse_code(word, where)
    return ListRow(source, None if name is None else str(name), settings)


def _option(key: str, where: str) -> str:
    option = key.strip().replace("_", "-")
    if OPTION.fullmatch(option) is None:
        msg = f"{where}: {key!r} is no option; see sghm batch --help"
        raise SourceError(msg)
    return option


def _refuse_code(word: str | bool, where: str) -> None:
    if isinstance(word, str) and word.lower().endswith(CODE_SUFFIX):
        msg = (
            f"{where} names {word}, which is code, and lists run none; give it on the command line"
        )
        raise SourceError(msg)
