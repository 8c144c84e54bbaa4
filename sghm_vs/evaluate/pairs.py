"""Which picture of one folder belongs to which of another."""

from __future__ import annotations

from pathlib import Path

from sghm_vs.errors import SettingsError, listed
from sghm_vs.media.sequences import PICTURE_SUFFIXES

TRUTH_ENDINGS = ("", "_mask", "_alpha")
"""What a truth's stem may have behind that of its picture."""


def pair_folders(pred: Path, truth: Path) -> list[tuple[Path, Path]]:
    """
    Return the pictures of `pred`, each with its truth, in the order of their names.

    Partners have the same stem; a truth's may end in "_mask" or "_alpha" besides. Other
    files and hidden ones are passed over.

    Raises:
        SettingsError: A folder is missing or has no pictures, a picture has no partner or
            several.
    """
    mattes, truths = pictures_by_stem(pred), pictures_by_stem(truth)
    partners = {stem: _partners(stem, truths) for stem in mattes}
    used = {stem for found in partners.values() for stem in found}
    alone = [mattes[stem].name for stem, found in partners.items() if not found]
    unused = [path.name for stem, path in truths.items() if stem not in used]
    if alone or unused:
        raise SettingsError(_without_partner(pred, alone, truth, unused))
    for stem, found in partners.items():
        if len(found) > 1:
            msg = f"{mattes[stem]} has several truths: {listed(found)}; keep one of them"
            raise SettingsError(msg)
    return [(mattes[stem], truths[found[0]]) for stem, found in partners.items()]


def _partners(stem: str, truths: dict[str, Path]) -> list[str]:
    return [stem + ending for ending in TRUTH_ENDINGS if stem + ending in truths]


def pictures_by_stem(folder: Path, *, may_lack: bool = False) -> dict[str, Path]:
    """
    Return the pictures in `folder` by their stems, in the order of their names.

    Raises:
        SettingsError: It is missing or has no pictures, unless it `may_lack` them; or it has two of
            one stem.
    """
    if not folder.is_dir():
        if may_lack:
            return {}
        msg = f"{folder} is not a folder; give the folder that holds the pictures"
        raise SettingsError(msg)
    pictures: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in PICTURE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in pictures:
            msg = f"{path} and {pictures[path.stem].name} have the same name; keep one of them"
            raise SettingsError(msg)
        pictures[path.stem] = path
    if not pictures and not may_lack:
        msg = f"{folder} holds no pictures; their names end in {' '.join(sorted(PICTURE_SUFFIXES))}"
        raise SettingsError(msg)
    return pictures


def _without_partner(pred: Path, alone: list[str], truth: Path, unused: list[str]) -> str:
    sides = [
        f"{listed(names)} in {folder}"
        for folder, names in ((pred, alone), (truth, unused))
        if names
    ]
    return (
        f"pictures without a partner: {'; '.join(sides)}; "
        "partners are NAME and NAME, NAME_mask or NAME_alpha"
    )
