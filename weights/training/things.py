"""
Lay out pictures of things, animals, places and people for `pack --things`, as `things.json` lists them.

    python -m weights.training.things SOURCES OUT

SOURCES holds what README.md names: a checkout of each repository as OWNER/NAME, and each Debian
package unpacked as PACKAGE. OUT then has `nobody/*.jpg`, those of which earlier weights covered a part
with names that begin with `hard_`; `thing/*.png`, cut out; and `unseen/*.jpg`, kinds that are held back
whole. Long sides are 512 px at most. Pictures with people were taken out of these by a look.
`people/*.jpg`, of 1,024 px at most, are photos of people for `labels`, as its `people/public`.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from weights.training.pack import HARD, Bytes, shrunk_to

LISTED = Path(__file__).with_name("things.json")
LONG_SIDE_PX, OF_PEOPLE_PX = 512, 1024
JPEG_QUALITY = 93
ARCHIVE = ".rcc"
"""Qt's resources: pictures lie in them one after another, each after its length in four bytes."""
PICTURE_BEGINS = re.compile(rb"RIFF....WEBP|\xff\xd8\xff|\x89PNG\r\n", re.DOTALL)
LEAST_BYTES, LEAST_PX = 3000, 100
"""Of a picture in an archive: smaller ones are buttons."""
PLAIN_KINDS = {"nobody": "", "hard": HARD, "unseen": "", "people": ""}


class Listed(NamedTuple):
    """A picture of the list."""

    kind: str
    source: str
    folder: str
    name: str

    @property
    def target(self) -> str:
        """Its name in the folder that is laid out, without an ending."""
        said = f"{self.source}_{self.folder.rpartition('/')[2]}_{Path(self.name).stem}"
        return PLAIN_KINDS.get(self.kind, "") + re.sub(r"[^A-Za-z0-9]+", "-", said)


def listed() -> Iterator[Listed]:
    """Yield the pictures of the list."""
    for kind, sources in json.loads(LISTED.read_text()).items():
        for source, folders in sources.items():
            for folder, names in folders.items():
                for name in names:
                    yield Listed(kind, source, folder, name)


@cache
def in_archive(path: Path) -> list[Bytes]:
    """Return the pictures in the archive at `path` that are no buttons, in order."""
    data, found = path.read_bytes(), []
    for match in PICTURE_BEGINS.finditer(data):
        start = match.start()
        length = int.from_bytes(data[start - 4 : start], "big")
        if LEAST_BYTES < length <= len(data) - start:
            picture = decoded(data[start : start + length])
            if picture is not None and min(picture.shape[:2]) >= LEAST_PX:
                found.append(picture)
    return found


def decoded(data: bytes) -> Bytes | None:
    """Return the picture in `data`, uint8 (h, w, 3 or 4), blue first; None if it is none."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        return None
    if picture.dtype == np.uint16:
        picture = (picture / 257).astype(np.uint8)
    if picture.ndim < 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return np.asarray(picture, np.uint8)


def picture_of(sources: Path, entry: Listed) -> Bytes:
    """Return a picture of the list, uint8 (h, w, 3 or 4)."""
    folder = sources / entry.source / entry.folder
    path = folder if folder.suffix == ARCHIVE else folder / entry.name
    if not path.exists():
        msg = f"{path} is not there: README.md says what SOURCES holds"
        raise SystemExit(msg)
    if path == folder:
        return in_archive(folder)[int(entry.name)]
    picture = decoded(path.read_bytes())
    if picture is None:
        msg = f"{path} can't be read as a picture"
        raise SystemExit(msg)
    return picture


def over_white(picture: Bytes) -> Bytes:
    """Return `picture` without its alpha."""
    if picture.shape[2] == 3:
        return picture
    alpha = picture[..., 3:] / 255.0
    return (picture[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def lay_out(sources: Path, out: Path) -> int:
    """Write all pictures of the list; return how many."""
    count = 0
    for entry in listed():
        long_side = OF_PEOPLE_PX if entry.kind == "people" else LONG_SIDE_PX
        picture = shrunk_to(picture_of(sources, entry), long_side)
        if entry.kind in PLAIN_KINDS:
            folder = out / ("nobody" if entry.kind == "hard" else entry.kind)
            flags = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
            target, picture = folder / f"{entry.target}.jpg", over_white(picture)
        else:
            target, flags = out / entry.kind / f"{entry.target}.png", []
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), picture, flags)
        count += 1
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("sources", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{args.out}: {lay_out(args.sources, args.out)} pictures")


if __name__ == "__main__":
    main()
