"""
P3M-10k's two halves of 500 portraits each: faces blurred, and not.

Source:
    Li et al., "Privacy-Preserving Portrait Matting", ACM MM 2021: github.com/JizhiziLi/P3M,
    core/README.md has the layout; Ma et al., IJCV 2023: github.com/ViTAE-Transformer/P3M-Net.
"""

from __future__ import annotations

from pathlib import Path

from sghm_vs.evaluate.rules import P3M
from sghm_vs.evaluate.sets.base import Part, PublicSet, Row, folders_in, pictures_with

PICTURES = 500
README = "github.com/JizhiziLi/P3M, README, table 2, trained on blurred faces (B:B)"
NOTES_GENPERCEPT = "GenPercept, table 10, as notes on it quote it"
NOTES_SAM2MATTING = "SAM2Matting, arXiv 2606.27339, as notes on it quote it"

BLURRED = (
    Row("SHM", {"sad": 21.56, "mse": 0.0100}, README),
    Row("LF", {"sad": 42.95, "mse": 0.0191}, README),
    Row("HATT", {"sad": 25.99, "mse": 0.0054}, README),
    Row("GFM", {"sad": 13.20, "mse": 0.0050}, README),
    Row("P3M-Net (ResNet-34)", {"sad": 8.73, "mse": 0.0026}, README),
)
PLAIN = (
    Row("MODNet", {"sad": 16.70}, NOTES_GENPERCEPT, is_second_hand=True),
    Row("P3M-Net (ViTAE-S)", {"sad": 7.59}, NOTES_GENPERCEPT, is_second_hand=True),
    Row(
        "SAM2Matting (SAM3)",
        {"sad": 6.61, "mse": 0.00097, "mad": 0.00383, "conn": 5.84},
        NOTES_SAM2MATTING,
        is_second_hand=True,
    ),
)
HALVES = {
    "P3M-500-P": ("blurred_image", BLURRED),
    "P3M-500-NP": ("original_image", PLAIN),
}
"""By the name of its folder: the folder of its pictures in it, and what was published."""


def find(folder: Path) -> list[Part]:
    """Return the halves in `folder` or in its `validation/`, or the one that it is."""
    if folder.resolve().name in HALVES:
        return [_half(folder)]
    below = folders_in(folder / "validation") or folders_in(folder)
    return [_half(one) for one in below if one.name in HALVES]


def _half(folder: Path) -> Part:
    name = folder.resolve().name
    images, published = HALVES[name]
    items = pictures_with(name, folder / images, folder / "mask", folder / "trimap")
    return Part(name=name, items=items, rules=P3M, published=published, whole=PICTURES)


SET = PublicSet(
    "P3M-10k",
    "validation/P3M-500-P with blurred_image, mask and trimap, and P3M-500-NP with original_image, "
    "mask and trimap",
    find,
)
