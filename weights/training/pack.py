"""
Pack pictures to train on into one file, a zip of JPEG and PNG that anybody can open.

    python -m weights.training.pack DATA PACK [--rendered DIR] [--labels DIR] [--things DIR]
    python -m weights.training.pack DATA PACK --add --parts things --things DIR

DATA is the folder with `ccp`, `people`, `rendered`, `hair`, `negatives` and `bg`; `--rendered` names
more renders by `weights/training/rendered` (NAME.png, 16-bit straight RGBA), `--labels` the mattes of
pictures that have none (FOLDER/NAME.png, and `labels.tsv` says which are kept), `--things` what
`weights.training.things` laid out. `--max-mib 60` shrinks and leaves out pictures until the file
fits: for a machine that little can be taken along to. `--add` writes into a PACK that is there, and
`--parts` makes some of the parts alone: a pack of all takes minutes.

Entries are `KIND/NAME.jpg`, and `KIND/NAME.png` for the alpha of the same name:

    photo    a picture as it was taken, and the alpha of everyone in it
    cutout   a person: straight color, also where alpha is 0, and alpha
    front    furniture, floors and held things of the cutout of the same name, which hide parts of it
    shape    something with a soft edge that need not be a person: for matting only
    nobody   a picture without people
    clothes  clothes without people
    thing    a thing or an animal that is cut out: straight color and alpha, but nobody
    unseen   pictures without people, of kinds of which none is trained on

One in 14 of each, by its name, is `held_KIND`: never trained on, to choose weights by. All of `unseen`
are held.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from weights.training.strands import draw_shape

PASSERSBY = Path(__file__).with_name("passersby.json")
JPEG_QUALITY = 95
SMALL_JPEG_QUALITY = 82
SMALL_LONG_SIDE_PX = 384
SHAPES = 600
HELD_ONE_IN = 14
UNSEEN = "unseen"
HARD = "hard_"
"""How pictures without people begin of which earlier weights covered a part."""
FRONT = "_front"
"""How the renders end that have furniture and floors, without the people."""
SHAPE_PX = 512
EMPTY, FULL = 6, 249
"""Of 255: alphas kept as JPEG are 0 below and 1 above."""

type Bytes = NDArray[np.uint8]


class Entry(NamedTuple):
    """A picture to pack."""

    kind: str
    name: str
    color: Bytes
    """(h, w, 3), blue first as OpenCV has it."""
    alpha: Bytes | None
    """(h, w)."""


def read(path: Path, flags: int = cv2.IMREAD_COLOR) -> Bytes:
    """Return the picture at `path` as uint8."""
    picture = cv2.imread(str(path), flags)
    if picture is None:
        msg = f"{path} can't be read as a picture"
        raise SystemExit(msg)
    if picture.dtype == np.uint16:
        picture = (picture / 257 + 0.5).astype(np.uint8)
    return np.asarray(picture, np.uint8)


def read_alpha(path: Path, size: tuple[int, int]) -> Bytes:
    """Return the alpha at `path`, at `size` (height, width), with what is nearly 0 or 1 made so."""
    alpha = read(path, cv2.IMREAD_GRAYSCALE)
    if alpha.shape != size:
        alpha = np.asarray(cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.where(alpha < EMPTY, 0, np.where(alpha > FULL, 255, alpha)).astype(np.uint8)


def foreground(color: Bytes, alpha: Bytes) -> Bytes:
    """Return the color of what `alpha` shows without what is behind it (Germer et al., 2020)."""
    from pymatting import estimate_foreground_ml

    found = estimate_foreground_ml(color / 255.0, alpha / 255.0)
    return np.asarray(found.clip(0, 1) * 255 + 0.5, np.uint8)


def filled(color: Bytes, alpha: Bytes) -> Bytes:
    """Return `color` with that of the nearest covered parts where `alpha` is 0, ever blurrier."""
    weight = (alpha / 255.0).astype(np.float32)[..., None]
    total, known = color * weight, weight
    result = np.where(weight > 0, color, 0).astype(np.float32)
    lacking = weight[..., 0] == 0
    size = 2
    while lacking.any() and size < max(alpha.shape):
        blurred = cv2.blur(total, (size * 2 + 1,) * 2)
        reached = cv2.blur(known[..., 0], (size * 2 + 1,) * 2)
        now = lacking & (reached > 1e-4)
        result[now] = blurred[now] / reached[now][:, None]
        lacking &= ~now
        size *= 2
    return result.clip(0, 255).astype(np.uint8)


def photos(data: Path) -> Iterator[Entry]:
    """Yield photos with alpha: as they are where everyone is in it, and each person cut out."""
    others_pass = set(json.loads(PASSERSBY.read_text()))
    for path in sorted((data / "ccp/img").glob("*.jpg")):
        if not (truth := data / "ccp/alpha" / path.name).exists():
            continue
        color = read(path)
        alpha = read_alpha(truth, color.shape[:2])
        if path.stem not in others_pass:
            yield Entry("photo", f"ccp_{path.stem}", color, alpha)
        yield Entry("cutout", f"ccp_{path.stem}", foreground(color, alpha), alpha)


def labelled(data: Path, labels: Path) -> Iterator[Entry]:
    """Yield the pictures that teachers labelled alike."""
    with (labels / "labels.tsv").open() as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["kept"] == "1"]
    for row in rows:
        path = data.parent / row["path"]
        folder = "ccp" if path.parent.name == "img" else path.parent.name
        color = read(path)
        alpha = read_alpha(labels / folder / f"{path.stem}.png", color.shape[:2])
        yield Entry("photo", f"{folder}_{path.stem}", color, alpha)
        if folder != "ccp":
            yield Entry("cutout", f"{folder}_{path.stem}", foreground(color, alpha), alpha)


def rendered(data: Path, more: Path | None) -> Iterator[Entry]:
    """Yield rendered people and generated people before flat backdrops, whose alpha is exact."""
    for path in sorted((data / "rendered/img").iterdir()):
        color = read(path)
        alpha = read(data / "rendered/alpha" / f"{path.stem}.png", cv2.IMREAD_GRAYSCALE)
        yield Entry("cutout", f"render_{path.stem}", filled(color, alpha), alpha)
    for path in sorted(more.glob("*.png")) if more else ():
        picture = read(path, cv2.IMREAD_UNCHANGED)
        color, alpha = picture[..., :3], np.ascontiguousarray(picture[..., 3])
        kind = "front" if path.stem.endswith(FRONT) else "cutout"
        name = f"render_{path.stem.removesuffix(FRONT)}"
        yield Entry(kind, name, filled(color, alpha), alpha)
    for path in sorted((data / "hair/img").iterdir()):
        color = read(path)
        alpha = read_alpha(data / "hair/alpha" / f"{path.stem}.png", color.shape[:2])
        yield Entry("cutout", f"hair_{path.stem}", foreground(color, alpha), alpha)


def without_people(data: Path) -> Iterator[Entry]:
    """Yield pictures of things, animals and places, and of clothes."""
    for kind, folder in (
        ("nobody", "negatives/things"),
        ("nobody", "bg"),
        ("clothes", "negatives/clothes"),
    ):
        for path in sorted((data / folder).iterdir()):
            yield Entry(kind, f"{folder.rpartition('/')[2]}_{path.stem}", read(path), None)


def things(folder: Path) -> Iterator[Entry]:
    """Yield what `weights.training.things` laid out."""
    for kind in ("nobody", UNSEEN):
        for path in sorted((folder / kind).glob("*.jpg")):
            yield Entry(kind, path.stem, read(path), None)
    for path in sorted((folder / "thing").glob("*.png")):
        picture = read(path, cv2.IMREAD_UNCHANGED)
        color, alpha = picture[..., :3], np.ascontiguousarray(picture[..., 3])
        yield Entry("thing", path.stem, filled(color, alpha), alpha)


def shapes(count: int) -> Iterator[Entry]:
    """Yield drawn hair, leaves, lace and blurred things."""
    for number in range(count):
        color, alpha = draw_shape(np.random.default_rng((1, number)), SHAPE_PX, SHAPE_PX)
        yield Entry("shape", f"{number:05}", color, alpha)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Entry]]] = {
    "photos": lambda args: photos(args.data),
    "labelled": lambda args: labelled(args.data, args.labels) if args.labels else iter(()),
    "rendered": lambda args: rendered(args.data, args.rendered),
    "without_people": lambda args: without_people(args.data),
    "things": lambda args: things(args.things) if args.things else iter(()),
    "shapes": lambda args: shapes(args.shapes),
}


def entries(args: argparse.Namespace) -> Iterator[Entry]:
    """Yield all there is of the parts that are asked for."""
    for name in args.parts:
        yield from PARTS[name](args)


def shrunk_to(plane: Bytes, long_side: int) -> Bytes:
    """Return `plane` with a long side of at most `long_side`."""
    scale = long_side / max(plane.shape[:2])
    if scale >= 1:
        return plane
    return np.asarray(
        cv2.resize(plane, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8
    )


def shrunk(entry: Entry, long_side: int) -> Entry:
    """Return `entry` with a long side of at most `long_side`."""
    alpha = None if entry.alpha is None else shrunk_to(entry.alpha, long_side)
    return entry._replace(color=shrunk_to(entry.color, long_side), alpha=alpha)


def held(kind: str, name: str) -> str:
    """Return the kind that a picture goes by: all of a person are held, or none."""
    person = name.rstrip("abcd") if name.startswith("render_") else name
    return (
        f"held_{kind}" if kind == UNSEEN or zlib.crc32(person.encode()) % HELD_ONE_IN == 0 else kind
    )


def files_of(entry: Entry, quality: int) -> dict[str, bytes]:
    """Return the files that `entry` becomes, by name."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
    if quality == JPEG_QUALITY:
        flags += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    kind = held(entry.kind, entry.name)
    files = {f"{kind}/{entry.name}.jpg": cv2.imencode(".jpg", entry.color, flags)[1].tobytes()}
    if entry.alpha is not None:
        files[f"{kind}/{entry.name}.png"] = cv2.imencode(".png", entry.alpha)[1].tobytes()
    return files


def pack(
    found: Iterator[Entry],
    target: Path,
    max_mib: float | None,
    say: Callable[[str], None],
    *,
    add: bool = False,
) -> None:
    """Write `found` to `target`, which is added to if `add`; see the module."""
    small = max_mib is not None
    made: list[dict[str, bytes]] = []
    for entry in found:
        if small:
            entry = shrunk(entry, SMALL_LONG_SIDE_PX)
        made.append(files_of(entry, SMALL_JPEG_QUALITY if small else JPEG_QUALITY))
        if len(made) % 500 == 0:
            say(f"{len(made)} pictures")
    total = sum(len(data) for files in made for data in files.values())
    if max_mib is not None and total > (most := max_mib * 2**20 * 0.98):
        # Every kind loses the same share.
        order = np.random.default_rng(0).permutation(len(made))
        sizes = np.cumsum([sum(map(len, made[n].values())) for n in order])
        made = [made[n] for n in sorted(order[: int(np.searchsorted(sizes, most))])]
    buffer = io.BytesIO(target.read_bytes() if add else b"")
    with zipfile.ZipFile(buffer, "a" if add else "w", zipfile.ZIP_STORED) as archive:
        there = set(archive.namelist())
        for files in made:
            for name in files.keys() - there:
                archive.writestr(zipfile.ZipInfo(name), files[name])
    target.write_bytes(buffer.getvalue())
    say(f"{target}: {len(made)} pictures, {len(buffer.getvalue()) / 2**20:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("data", type=Path)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--rendered", type=Path, metavar="DIR")
    parser.add_argument("--labels", type=Path, metavar="DIR")
    parser.add_argument("--things", type=Path, metavar="DIR")
    parser.add_argument("--shapes", type=int, default=SHAPES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--add", action="store_true", help="to a PACK that is there")
    parser.add_argument("--max-mib", type=float)
    args = parser.parse_args()
    if args.add and not args.pack.exists():
        parser.error(f"{args.pack} is not there: --add needs a pack to add to; leave --add out")
    cv2.setNumThreads(1)
    pack(entries(args), args.pack, args.max_mib, print, add=args.add)


if __name__ == "__main__":
    main()
