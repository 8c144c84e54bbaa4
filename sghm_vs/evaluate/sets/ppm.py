"""
PPM-100: a hundred portraits with their own backgrounds.

The paper has no code that scores. SGHM's has, whose figures are compared; MODNet states MSE and MAD as
they are, here x1e3.

Source:
    Ke et al., "MODNet", AAAI 2022: github.com/ZHKKKe/PPM; Chen et al., ACCV 2022.
"""

from __future__ import annotations

from pathlib import Path

from sghm_vs.evaluate.rules import SGHM
from sghm_vs.evaluate.sets.base import Part, PublicSet, Row, pictures_with

PICTURES = 100
NAME = "PPM-100"
NOTES = "as others quote it"

PUBLISHED = (
    Row("MODNet", {"mad": 8.6, "mse": 4.4}, f"AAAI 2022, {NOTES}", is_second_hand=True),
    Row("SGHM-ResNet50", {"mad": 5.97, "mse": 2.58}, f"ACCV 2022, {NOTES}", is_second_hand=True),
    Row(
        "SAM2Matting (SAM2.1-T)",
        {"mad": 4.51, "mse": 1.32, "conn": 39.56},
        "SAM2Matting, arXiv 2606.27339, as notes on it quote it",
        is_second_hand=True,
    ),
)


def find(folder: Path) -> list[Part]:
    """Return the one part, where `folder` has pictures in `image/` and mattes in `matte/`."""
    images, mattes = folder / "image", folder / "matte"
    if not (images.is_dir() and mattes.is_dir()):
        return []
    items = pictures_with(NAME, images, mattes)
    return [Part(name=NAME, items=items, rules=SGHM, published=PUBLISHED, whole=PICTURES)]


SET = PublicSet("PPM-100", "the folders image and matte", find)
