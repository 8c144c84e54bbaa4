"""Where pictures, what teachers say of them, and labels lie."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from weights.training.labels.rules import STREET, Bytes

SOURCES = ("public", "openpeople", "team18f", "faker", "ccp", "sfhq")
COLUMNS = (
    "path", "kept", "iou_rvm_deeplab", "iou_rvm_isnet", "missed", "extra", "haze",
    "pieces_dropped", "holes_filled", "reason",
)  # fmt: skip


class Folders(NamedTuple):
    """The folders of a run."""

    data: Path
    """With `people` and `ccp`, as `pack.py` has it."""
    teachers: Path
    """With the teachers' files, and `cache`."""
    labels: Path

    def pictures(self, source: str) -> list[Path]:
        """Return the pictures of a source that have no label by hand."""
        if source != STREET:
            return sorted((self.data / "people" / source).iterdir())
        by_hand = {path.stem for path in (self.data / "ccp/alpha").iterdir()}
        found = (self.data / "ccp/img").iterdir()
        return sorted(path for path in found if path.stem not in by_hand)

    def said(self, teacher: str, source: str, picture: Path, suffix: str = ".png") -> Path:
        """Return where a teacher's word on a picture is kept."""
        return self.teachers / "cache" / teacher / source / (picture.stem + suffix)

    def label(self, source: str, picture: Path) -> Path:
        """Return where a picture's label is."""
        return self.labels / source / f"{picture.stem}.png"

    def looked_at(self, name: str) -> dict[str, str]:
        """Return what somebody said of labels, by SOURCE/NAME, in a file of lines."""
        path = self.labels / name
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split(maxsplit=1) for line in lines)

    def rows(self) -> list[dict[str, str]]:
        """Return the rows of labels.tsv."""
        with (self.labels / "labels.tsv").open() as table:
            return list(csv.DictReader(table, delimiter="\t"))


def source_of(path: str) -> str:
    """Return the source that a path in labels.tsv is of."""
    parts = Path(path).parts
    return STREET if STREET in parts else parts[-2]


def read_rgb(path: Path) -> Bytes:
    """Return the picture at `path`."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        msg = f"{path} can't be read as a picture"
        raise SystemExit(msg)
    return np.asarray(picture[..., ::-1], np.uint8).copy()


def read_alpha(path: Path) -> Bytes | None:
    """Return the alpha at `path`, if there is one."""
    alpha = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) if path.exists() else None
    return None if alpha is None else np.asarray(alpha, np.uint8)


def write_whole(path: Path, picture: Bytes) -> None:
    """Write a picture under its name only when it is whole, so that a run can be resumed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"part-{path.name}")
    cv2.imwrite(str(part), picture)
    part.replace(path)
