"""
AIM-500: natural pictures of people, animals, glass, plants and things.

A network for people is not made for most of it. Where the set's own table of categories lies beside
the pictures, its 100 portraits are a part of their own.

Source:
    Li et al., "Deep Automatic Natural Image Matting", IJCAI 2021: github.com/JizhiziLi/AIM,
    core/README.md has the layout, core/config.py the table's name, core/test.py its form.
"""

from __future__ import annotations

import json
from pathlib import Path

from sghm_vs.errors import SettingsError
from sghm_vs.evaluate.rules import P3M
from sghm_vs.evaluate.sets.base import UNPACK, Item, Part, PublicSet, Row, pictures_with
from sghm_vs.files import parts_of

PICTURES = 500
NAME = "AIM-500"
CATEGORIES = "aim_category_type.json"
PORTRAITS = "portrait"
PUBLISHED = (
    Row(
        "P3M-Net (ViTAE-S)",
        {"sad": 112.5},
        "GenPercept, as notes on it quote it; trained on portraits",
        is_second_hand=True,
    ),
)


def find(folder: Path) -> list[Part]:
    """Return all pictures of `folder`, and the portraits among them where it says which they are."""
    images, masks = folder / "original", folder / "mask"
    if not (images.is_dir() and masks.is_dir()):
        return []
    items = pictures_with(NAME, images, masks, folder / "trimap")
    whole = Part(name=NAME, items=items, rules=P3M, published=PUBLISHED, whole=PICTURES)
    portraits = _portraits(folder / CATEGORIES, items)
    return [
        whole,
        *([Part(name=f"{NAME} portraits", items=portraits, rules=P3M)] if portraits else []),
    ]


def _portraits(table: Path, items: list[Item]) -> list[Item]:
    if not table.is_file():
        return []
    try:
        categories = {name: row["category"] for name, row in json.loads(table.read_bytes()).items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        msg = f"{table} is not the table of categories that the set has; {UNPACK}"
        raise SettingsError(msg) from error
    stems = {Path(name).stem for name, category in categories.items() if category == PORTRAITS}
    return [item for item in items if parts_of(item.name)[-1] in stems]


SET = PublicSet("AIM-500", "the folders original, mask and trimap", find)
