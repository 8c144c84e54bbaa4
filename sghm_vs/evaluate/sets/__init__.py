"""Public sets of mattes with a truth, and what was published of them. Adding one is a file and a row."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sghm_vs.errors import SettingsError, counted, listed
from sghm_vs.evaluate.sets import (
    aim,
    aim500,
    crgnn,
    d646,
    p3m,
    ppm,
    videomatte,
    youtubematte,
)
from sghm_vs.evaluate.sets.base import Item, Part, PublicSet, Row

__all__ = ["SETS", "Item", "Part", "PublicSet", "Row", "find_parts"]

logger = logging.getLogger(__name__)

SETS: Mapping[str, PublicSet] = {
    "p3m": p3m.SET,
    "ppm": ppm.SET,
    "aim500": aim500.SET,
    "aim": aim.SET,
    "d646": d646.SET,
    "videomatte": videomatte.SET,
    "youtubematte": youtubematte.SET,
    "crgnn": crgnn.SET,
}
"""By the names of `sghm_vs.options.PUBLIC_SETS`."""


def find_parts(name: str, folder: Path) -> list[Part]:
    """
    Return the parts of the set `name` that `folder` holds.

    Raises:
        SettingsError: It holds none, or a file of one is missing or renamed.
    """
    if not folder.is_dir():
        msg = f"{folder} is not a folder; give the one that holds {SETS[name].title}"
        raise SettingsError(msg)
    parts = SETS[name].find(folder)
    if not parts:
        raise SettingsError(_of_another_layout(name, folder))
    for part in parts:
        if part.whole not in (None, len(part.items)):
            logger.warning(
                "%s has %s here, and %s where it is published: the figures are not those of the set",
                part.name,
                counted(len(part.items), "picture"),
                part.whole,
            )
    return parts


def _of_another_layout(name: str, folder: Path) -> str:
    held = listed(sorted(one.name for one in folder.iterdir())) or "nothing"
    alike = [other for other in SETS if other != name and _is_laid_out(other, folder)]
    hint = f"; it looks like --set {' or '.join(alike)}" if alike else ""
    row = SETS[name]
    return f"{folder} holds {held}, and {row.title} is {row.layout}{hint}"


def _is_laid_out(name: str, folder: Path) -> bool:
    with suppress(SettingsError):
        return bool(SETS[name].find(folder))
    return True
