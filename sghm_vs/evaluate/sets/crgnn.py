"""
CRGNN's real clips of people, of which every tenth frame has an alpha drawn by hand.

Truth n of a clip, in the order of names, is of its frame 10 n; dtSSD is between frames ten apart.
The script of MatAnyone 2 writes its table a column off: its mean leaves out first frames. Here
all frames count.

Source:
    Wang et al., "Video Matting via Consistency-Regularized Graph Neural Networks", ICCV 2021:
    github.com/TiantianWang/VideoMatting-CRGNN has the set's address; Yang et al., "MatAnyone 2",
    CVPR 2026: github.com/pq-yang/MatAnyone2, docs/EVAL.md has the layout, evaluation/eval_crgnn.py
    the rules.
"""

from __future__ import annotations

from pathlib import Path

from sghm_vs.errors import SettingsError, counted, listed
from sghm_vs.evaluate.pairs import pictures_by_stem
from sghm_vs.evaluate.rules import RVM_HD
from sghm_vs.evaluate.sets.base import UNPACK, Item, Part, PublicSet, Row, folders_in
from sghm_vs.files import below

NAME = "CRGNN"
STEP = 10
"""Frames from one truth to the next."""
MATANYONE_2 = "MatAnyone 2, arXiv 2512.11782, as notes on it quote it"
MU_MATTING = "muMatting, as notes on it quote it"

PUBLISHED = (
    Row("RVM", {"mad": 6.18, "mse": 2.87, "dtssd": 5.07}, MU_MATTING, is_second_hand=True),
    Row(
        "MatAnyone",
        {"mad": 5.76, "mse": 3.04, "grad": 15.55, "dtssd": 5.44},
        MATANYONE_2,
        is_second_hand=True,
    ),
    Row(
        "GVM",
        {"mad": 5.03, "mse": 2.15, "grad": 14.28, "dtssd": 4.86},
        MATANYONE_2,
        is_second_hand=True,
    ),
    Row(
        "MatAnyone 2",
        {"mad": 4.24, "mse": 2.00, "grad": 11.74, "dtssd": 4.54},
        MATANYONE_2,
        is_second_hand=True,
    ),
)


def find(folder: Path) -> list[Part]:
    """Return the one part, where `folder` has frames in `image_allframe/` and truths in `alpha/`."""
    images, truths = folder / "image_allframe", folder / "alpha"
    if not (images.is_dir() and truths.is_dir()):
        return []
    clips = {clip.name: clip for clip in folders_in(images)}
    lacking = sorted(clips.keys() ^ {clip.name for clip in folders_in(truths)})
    if lacking or not clips:
        what = f"differ in the clips {listed(lacking)}" if lacking else "hold no clips"
        msg = f"{images} and {truths} {what}; {UNPACK}"
        raise SettingsError(msg)
    items = [_item(name, clip, truths / name) for name, clip in clips.items()]
    return [Part(name=NAME, items=items, rules=RVM_HD, published=PUBLISHED)]


def _item(name: str, clip: Path, truths: Path) -> Item:
    images = tuple(pictures_by_stem(clip).values())
    true = {STEP * n: path for n, path in enumerate(pictures_by_stem(truths).values())}
    if max(true) >= len(images):
        msg = (
            f"{truths} has {counted(len(true), 'truth')}, one for every tenth frame, and {clip} has "
            f"{counted(len(images), 'frame')}; {UNPACK}"
        )
        raise SettingsError(msg)
    return Item(below(NAME, name), images, true, is_clip=True)


SET = PublicSet(
    "CRGNN's real clips", "the folders image_allframe and alpha, with CLIP in each", find
)
