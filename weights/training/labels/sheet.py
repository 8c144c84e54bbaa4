"""
Contact sheet of labels: each picture, and the person over green.

    python -m weights.training.labels.sheet DATA TEACHERS LABELS SOURCE OUT.png [--kind random]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from weights.training.labels.files import SOURCES, Folders, read_alpha, read_rgb, source_of
from weights.training.labels.rules import Bytes

HEIGHT = 178
GREEN = np.array([0, 170, 0])

type Row = dict[str, str]

SHARES = ("missed", "extra", "haze")


def chosen(rows: list[Row], kind: str) -> list[Row]:
    """Return the rows of a kind, the most telling first."""
    kept = [row for row in rows if row["kept"] == "1"]
    if kind == "random":
        return [kept[k] for k in np.random.default_rng(1).permutation(len(kept))]
    if kind in SHARES:
        return sorted(kept, key=lambda row: -float(row[kind]))
    agreed: Callable[[Row], float] = lambda row: float(row["iou_rvm_deeplab"])  # noqa: E731
    if kind == "low":
        return sorted(kept, key=agreed)
    return sorted((row for row in rows if row["kept"] == "0"), key=agreed)


def tile(folders: Folders, source: str, row: Row) -> Bytes:
    """Return a picture and the person over green; a dropped label comes from the teacher."""
    path = folders.data.parent / row["path"]
    rgb = read_rgb(path)
    alpha = read_alpha(folders.label(source, path))
    if alpha is None:
        alpha = read_alpha(folders.said("rvm", source, path))
    share = (np.zeros(rgb.shape[:2]) if alpha is None else alpha / 255)[..., None]
    over = (rgb * share + GREEN * (1 - share)).astype(np.uint8)
    size = round(HEIGHT * rgb.shape[1] / rgb.shape[0]), HEIGHT
    pair = np.hstack([cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (rgb, over)])
    text = f"{path.stem[-22:]} {row['iou_rvm_deeplab']} {row['kept']}"
    cv2.putText(pair, text, (2, 10), cv2.FONT_HERSHEY_SIMPLEX, 0.33, (255, 0, 0), 1)
    return np.asarray(pair, np.uint8)


def main() -> None:
    """Write a sheet."""
    parser = argparse.ArgumentParser(prog="python -m weights.training.labels.sheet")
    for name in ("data", "teachers", "labels"):
        parser.add_argument(name, type=Path)
    parser.add_argument("source", choices=SOURCES)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kind", choices=["random", "low", "dropped", *SHARES], default="random")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--across", type=int, default=3)
    asked = parser.parse_args()
    folders = Folders(asked.data, asked.teachers, asked.labels)
    rows = [row for row in folders.rows() if source_of(row["path"]) == asked.source]
    rows = chosen(rows, asked.kind)[asked.skip : asked.skip + asked.count]
    tiles = [tile(folders, asked.source, row) for row in rows]
    width = max(t.shape[1] for t in tiles) + 2
    tiles = [cv2.copyMakeBorder(t, 0, 2, 0, width - t.shape[1], cv2.BORDER_CONSTANT) for t in tiles]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % asked.across)
    lines = [np.hstack(tiles[k : k + asked.across]) for k in range(0, len(tiles), asked.across)]
    cv2.imwrite(str(asked.out), np.vstack(lines)[..., ::-1])


if __name__ == "__main__":
    main()
