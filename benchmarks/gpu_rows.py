"""Files that a check leaves: whole at any moment, so that whoever is stopped keeps what was known."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REASON_MAX = 300

type Row = dict[str, Any]


def keep(rows: Iterator[Row], path: Path) -> int:
    """
    Write `rows` to `path` each time there is another, and at last why there are no more.

    Returns:
        0, or 1 if they broke off.
    """
    found: Row = {"rows": []}
    try:
        for row in rows:
            found["rows"].append(row)
            write(path, json.dumps(found))
    except Exception as error:
        traceback.print_exc()
        write(path, json.dumps(found | {"why": in_words(error)}))
        return 1
    return 0


def in_words(error: Exception) -> str:
    """Return what went wrong in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:REASON_MAX]


def write(path: Path, text: str) -> None:
    """Write `text` to `path`, which holds what it did until all of it is there."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)
