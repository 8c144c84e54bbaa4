"""What rectangles gain where people are small, and full size where hair is fine, in composed 4K."""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.cli import options
from sghm_vs.errors import SourceError
from sghm_vs.options import Matting, rois_of

if TYPE_CHECKING:
    from sghm_vs.shots.shot import Prepared

type Picture = NDArray[np.float32]
"""(height, width, 3), BGR, 0-1."""
type Plane = NDArray[np.float32]
type Row = dict[str, float]

WIDTH, HEIGHT = 3840, 2160
PARTS = 0.05, 0.1, 0.2
"""Of the picture's height that people have."""
CHOSEN, REPORTED = 0, 5
"""Where the people begin by which was chosen, and those that are reported on."""
STEP = 7
GRAIN = 2 / 255
HEAD_PART = 0.85
BAND_PX = 20
"""Around what is neither 0 nor 1: 10 px of a picture whose short side is 1080."""
SIZES = 720, 1280, 2160
"""Short sides that the network sees of 4K."""
AT_1280 = 1280 / HEIGHT
LOOKED_THROUGH = 240
LOOKED_AT_SIZE = 1920, 1080


def add_parser(measures: options.Verbs) -> None:
    """Add the measure to `python -m benchmarks`."""
    parser = measures.add_parser(
        "regions",
        help="what --roi auto gains where people are small, and --infer-size where hair is fine",
        description="regions: compose rendered people into 4K, at 5, 10 and 20 % of its height, and "
        "print IoU of the whole picture's matte and of --roi auto's, how much of somebody is in what "
        "is found, and what part of the picture that is; then heads that are rendered for 4K, and "
        "print MAD of the band around them at three sizes that the network sees, and that of the exact "
        "alpha at 1280 lines, enlarged.",
    )
    parser.add_argument("data", type=Path, help="the folder shared/data")
    parser.add_argument("--count", type=int, default=8, metavar="N", help="of people (default: 8)")
    parser.add_argument(
        "--chosen", action="store_true", help="the people by which the finder was chosen"
    )
    parser.add_argument(
        "--look", type=Path, metavar="FOOTAGE",
        help=f"first, how fast --roi auto looks through {LOOKED_THROUGH} frames of it, brought to "
        "1920x1080; the second time counts",
    )  # fmt: skip
    parser.add_argument(
        "--heads", type=Path, metavar="DIR",
        help="heads of weights/training/rendered, by its --near 2160: their hair is measured too",
    )  # fmt: skip
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write pictures to look at")
    options.add_model_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print the means."""
    found: dict[str, list[Row]] = {}
    with options.stdout_for_results():
        how = options.matting_from(args)
        how = replace(how, settings=replace(how.settings, tr=0))
        bench = _Bench(args.data, how, args.sheets)
        if args.look is not None:
            found["looking"] = [bench.looking(args.look)]
        first = CHOSEN if args.chosen else REPORTED
        for n in range(first, first + STEP * args.count, STEP):
            for part in PARTS:
                row = bench.person(n, part)
                found.setdefault(f"people of {part:.0%}", []).append(row)
                sys.stderr.write(_line(f"{n} people of {part:.0%}", row))
        for n, file in enumerate(_heads_in(args.heads)):
            row, kind = bench.hair(n, file), _hair_of(file)
            found.setdefault("hair", []).append(row)
            found.setdefault(f"hair, {kind}", []).append(row)
            sys.stderr.write(_line(f"{file.stem} {kind}", row))
    means = {
        name: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
        for name, rows in found.items()
    }
    if args.json:
        options.print_json(means | {"each": found})
        return 0
    for name, row in means.items():
        sys.stdout.write(_line(name, row))
    return 0


def _line(name: str, row: Row) -> str:
    said = "  ".join(f"{key} {value:.4f}" for key, value in row.items())
    return f"{name:<18}{said}\n"


class _Composed(NamedTuple):
    """A picture, and its exact alpha."""

    picture: Picture
    alpha: Plane


class _Cutout(NamedTuple):
    """Somebody before nothing: light times alpha, and alpha."""

    light: Picture
    alpha: Plane

    def sized(self, height: int) -> _Cutout:
        """Return it at another height."""
        scale = height / len(self.alpha)
        size = max(round(self.alpha.shape[1] * scale), 4), height
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        light, alpha = (cv2.resize(one, size, interpolation=how) for one in self)
        return _Cutout(np.maximum(light, 0), np.clip(alpha, 0, 1))


@dataclass
class _Bench:
    data: Path
    matting: Matting
    sheets: Path | None

    def looking(self, footage: Path) -> Row:
        """Return how fast people are looked for in a shot of 1080p."""
        from sghm_vs.media.readers import open_source
        from sghm_vs.media.writers.ffmpeg import find_ffmpeg
        from sghm_vs.shots.region import with_region

        how = replace(self.matting, guides=replace(self.matting.guides, roi="auto"))
        with tempfile.TemporaryDirectory() as folder:
            movie = Path(folder) / "looked_through.mp4"
            words = [
                str(find_ffmpeg()),
                "-v",
                "error",
                "-stream_loop",
                "-1",
                "-i",
                str(footage),
                "-an",
            ]
            words += ["-vf", "scale={}:{},format=yuv420p".format(*LOOKED_AT_SIZE)]
            words += ["-frames:v", str(LOOKED_THROUGH), "-c:v", "libx264", "-crf", "18", str(movie)]
            subprocess.run(words, check=True)
            for _ in range(2):
                source = open_source(movie)
                spent, passed = time.process_time(), time.perf_counter()
                with_region(how, source, self._prepared)
                spent, passed = time.process_time() - spent, time.perf_counter() - passed
        return {
            "CPU ms a frame": 1000 * spent / LOOKED_THROUGH,
            "frames a second": LOOKED_THROUGH / passed,
        }

    def person(self, n: int, part: float) -> Row:
        """Return the scores of somebody who has a `part` of the height."""
        rng = np.random.default_rng(100 + n)
        figure = self._cutout(n).sized(round(part * HEIGHT))
        height, width = figure.alpha.shape
        left = int(rng.uniform(0.1, 0.9) * (WIDTH - width))
        top = int(np.clip(0.75 * HEIGHT - height * rng.uniform(0.3, 1), 0, HEIGHT - height))
        composed = _over(figure, self._wall(n, rng), left, top)
        with tempfile.TemporaryDirectory() as folder:
            file = _written(composed, Path(folder))
            start = time.process_time()
            whole, _ = self._matte(file)
            middle = time.process_time()
            near, rois = self._matte(file, finds=True)
            end = time.process_time()
        person = composed.alpha > 0.5
        inside = np.zeros_like(person)
        for x, y, w, h in rois:
            inside[y : y + h, x : x + w] = True
        self._show(f"{n}_{part}", composed.picture, near)
        return {
            "IoU whole": _iou(whole, composed.alpha),
            "IoU auto": _iou(near, composed.alpha),
            "within": float(inside[person].mean()),
            "part": float(inside.mean()) or 1.0,
            "CPU s whole": middle - start,
            "CPU s auto": end - middle,
        }

    def hair(self, n: int, file: Path) -> Row:
        """Return the errors around the head in `file`, of the picture seen at several sizes."""
        rng = np.random.default_rng(500 + n)
        head = _rendered(file)
        # Enlarged it would be soft, as nothing in a plate is.
        head = head.sized(min(len(head.alpha), round(HEAD_PART * HEIGHT)))
        left = (WIDTH - head.alpha.shape[1]) // 2
        composed = _over(head, self._wall(n, rng), left, HEIGHT - len(head.alpha))
        soft = (composed.alpha > 1 / 255) & (composed.alpha < 254 / 255)
        side = 2 * BAND_PX + 1
        band = cv2.dilate(soft.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
        few = cv2.resize(composed.alpha, None, fx=AT_1280, fy=AT_1280, interpolation=cv2.INTER_AREA)
        enlarged = cv2.resize(few, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
        row = {"exact at 1280": float(np.abs(enlarged - composed.alpha)[band].mean())}
        with tempfile.TemporaryDirectory() as folder:
            plate = _written(composed, Path(folder))
            for size in SIZES:
                start = time.process_time()
                alpha, _ = self._matte(plate, infer_size=size)
                spent = time.process_time() - start
                row[f"band MAD {size}"] = float(np.abs(alpha - composed.alpha)[band].mean())
                row[f"CPU s {size}"] = spent
                self._show(f"{file.stem}_{size}", composed.picture, alpha)
        self._show(f"{file.stem}_truth", composed.picture, composed.alpha)
        return row

    @cached_property
    def _prepared(self) -> Prepared:
        from sghm_vs.shots.shot import prepare

        return prepare(self.matting)

    def _matte(
        self, file: Path, *, finds: bool = False, infer_size: int | None = None
    ) -> tuple[Plane, tuple[tuple[int, int, int, int], ...]]:
        """Return the matte of a picture, and of which rectangles."""
        from sghm_vs.media.readers import open_source
        from sghm_vs.shots.region import with_region
        from sghm_vs.shots.shot import unshaped_alpha

        source = open_source(file)
        settings = self.matting.settings
        if infer_size is not None:
            settings = replace(settings, infer_size=infer_size)
        guides = replace(self.matting.guides, roi="auto" if finds else None)
        how = replace(self.matting, settings=settings, guides=guides)
        how = with_region(how, source, self._prepared)
        alpha = unshaped_alpha(source, replace(self._prepared, matting=how)).alpha
        with alpha.get_frame(0) as frame:
            return np.array(frame[0]), rois_of(how.guides.roi)

    def _cutout(self, n: int) -> _Cutout:
        """Return one of those who are rendered, cut to where there is anything of them."""
        folder = self.data / "train" / "rendered"
        if not folder.is_dir():
            msg = f"{self.data} has no train/rendered; give the folder shared/data"
            raise SourceError(msg)
        with (folder / "meta.tsv").open() as file:
            names = [
                row["name"]
                for row in csv.DictReader(file, delimiter="\t")
                if row["framing"] == "full" and row["people"] == "1"
            ]
        names = [name for name in names if (folder / "alpha" / f"{name}.png").exists()]
        name = names[n % len(names)]
        alpha = _read(folder / "alpha" / f"{name}.png", cv2.IMREAD_GRAYSCALE)
        light = _to_light(_read(folder / "img" / f"{name}.webp")) * alpha[..., None]
        return _cropped(light, alpha)

    def _wall(self, n: int, rng: np.random.Generator) -> Picture:
        """Return a picture without people at 4K: enlarged, so with grain of its own."""
        walls = sorted((self.data / "train" / "bg").glob("*.jpg"))
        wall = _read(walls[(5 * n // STEP + 1 + n % STEP) % len(walls)])
        scale = max(WIDTH / wall.shape[1], HEIGHT / wall.shape[0])
        large = cv2.resize(wall, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        top, left = (large.shape[0] - HEIGHT) // 2, (large.shape[1] - WIDTH) // 2
        cut = large[top : top + HEIGHT, left : left + WIDTH]
        noise = rng.normal(0, GRAIN, cut.shape).astype(np.float32)
        return np.asarray(np.clip(cut + noise, 0, 1), np.float32)

    def _show(self, name: str, picture: Picture, alpha: Plane) -> None:
        if self.sheets is None:
            return
        self.sheets.mkdir(parents=True, exist_ok=True)
        both = np.hstack([picture, np.repeat(alpha[..., None], 3, axis=2)])
        cv2.imwrite(str(self.sheets / f"{name}.jpg"), np.rint(255 * both).astype(np.uint8))


def _heads_in(folder: Path | None) -> list[Path]:
    """Return the files of a `folder` of renderings that show a head."""
    if folder is None:
        return []
    heads = [file for file in sorted(folder.glob("*[a-f].png")) if _said(file)["framing"] == "head"]
    if not heads:
        msg = f"{folder} holds no head; make some: weights/training/rendered/README.md has how"
        raise SourceError(msg)
    return heads


def _said(file: Path) -> dict[str, Any]:
    """Return what is known of a rendering."""
    said: dict[str, Any] = json.loads(file.with_suffix(".json").read_text())
    return said


def _hair_of(file: Path) -> str:
    return str(_said(file)["people"][0]["hair"])


def _rendered(file: Path) -> _Cutout:
    """Return who is in a rendering, of 16 bits with straight alpha."""
    codes = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if codes is None or codes.dtype != np.uint16 or codes.shape[-1] != 4:
        msg = f"{file} is no picture of 16 bits with alpha"
        raise SourceError(msg)
    planes = codes.astype(np.float32) / np.float32(65535)
    return _cropped(_to_light(planes[..., :3]) * planes[..., 3:], planes[..., 3])


def _cropped(light: Picture, alpha: Plane) -> _Cutout:
    """Return what is there of somebody, and nothing around."""
    rows, columns = np.nonzero(alpha > 0.02)
    there = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return _Cutout(light[there], alpha[there])


def _read(path: Path, how: int = cv2.IMREAD_COLOR) -> NDArray[np.float32]:
    picture = cv2.imread(str(path), how)
    if picture is None:
        msg = f"{path} is no picture that can be read"
        raise SourceError(msg)
    return np.asarray(picture, np.float32) / np.float32(255)


def _written(composed: _Composed, folder: Path) -> Path:
    file = folder / "plate.png"
    codes = np.rint(255 * composed.picture).astype(np.uint8)
    cv2.imwrite(str(file), codes, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return file


def _over(figure: _Cutout, wall: Picture, left: int, top: int) -> _Composed:
    height, width = figure.alpha.shape
    there = np.s_[top : top + height, left : left + width]
    light, alpha = _to_light(wall), np.zeros(wall.shape[:2], np.float32)
    light[there] = figure.light + (1 - figure.alpha[..., None]) * light[there]
    alpha[there] = figure.alpha
    return _Composed(_to_display(light), alpha)


def _iou(alpha: Plane, truth: Plane) -> float:
    one, other = alpha > 0.5, truth > 0.5
    return float((one & other).sum()) / max(int((one | other).sum()), 1)


def _to_light(codes: Picture) -> Picture:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def _to_display(light: Picture) -> Picture:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(
        np.float32
    )
