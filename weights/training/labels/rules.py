"""
The rules by which a teacher's alpha becomes a label, or none.

Alphas are uint8 (h, w); `person` is how likely DeepLab holds each pixel for a person, float (h, w).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

type Bytes = NDArray[np.uint8]
type Floats = NDArray[np.float32]
type Mask = NDArray[np.bool_]

STREET = "ccp"
"""Photos with passers-by, whom IS-Net leaves out."""
PORTRAITS = "sfhq"
"""Close portraits, whose hair is wide."""
LIMITS = {"missed": 0.02, "extra": 0.05, "haze": 0.03}
"""The most of each disagreement, as a share of the person."""
PORTRAITS_HAZE = 0.05
RESCUED = {"missed": 0.15, "extra": 1.1, "haze": 0.12}
"""The same where IS-Net agrees closely: DeepLab stops short of large hair."""
ALIKE, CLOSELY, NEARLY, COARSE = 0.8, 0.95, 0.9, 0.6
"""IoU from which teachers agree."""
HALF = 127
SPECK = 1e-4
"""Share of the picture below which a dropped piece is not counted."""


class Found(NamedTuple):
    """What two or three teachers say of one picture."""

    rvm_deeplab: float
    """IoU."""
    rvm_isnet: float | None
    missed: float
    """People that the alpha lacks, as a share of the person."""
    extra: float
    """Alpha far from any person."""
    haze: float
    """Alpha that is neither 0 nor 1, far from both."""


class Verdict(NamedTuple):
    """Whether a label is kept, and why."""

    kept: bool
    reason: str


def iou(first: Mask, second: Mask) -> float:
    """Return intersection over union; 1 where both are empty."""
    union = (first | second).sum()
    return float((first & second).sum() / union) if union else 1.0


def spread(mask: Mask, pixels: float) -> Mask:
    """Return where `mask` is within so many pixels."""
    if not mask.any():
        return mask
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 3) <= pixels)


def pieces_of(mask: Mask, connectivity: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the connected pieces: a number by pixel (0: none), and x, y, w, h, area by number."""
    _, pieces, boxes, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=connectivity
    )
    return np.asarray(pieces, np.int32), np.asarray(boxes, np.int32)


def without_strangers(alpha: Bytes, person: Floats) -> tuple[Bytes, int]:
    """Take away pieces that DeepLab holds for no person, and haze far away; count the pieces."""
    long = max(alpha.shape)
    near = spread(person > 0.5, long * 0.02)
    pieces, boxes = pieces_of(alpha > 50, 8)
    kept = np.zeros(alpha.shape, bool)
    dropped = 0
    for number in range(1, len(boxes)):
        inside = pieces == number
        if near[inside].mean() > 0.3:
            kept |= inside
        elif boxes[number, cv2.CC_STAT_AREA] > SPECK * alpha.size:
            dropped += 1
    cleaned = alpha.copy()
    cleaned[~spread(kept, long * 0.02)] = 0
    cleaned[spread((pieces > 0) & ~kept, 3) & ~spread(kept, 2)] = 0
    return cleaned, dropped


def is_true_hole(hole: Mask, person: Floats, salient: Bytes | None) -> bool:
    """Say whether an enclosed hole is background: gaps narrower than DeepLab's grid mostly are."""
    if np.quantile(person[hole], 0.1) < 0.95:
        return True
    radius = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3).max()
    if radius > max(hole.shape) * 0.025:
        return False
    return salient is None or bool(salient[hole].min() <= 180)


def without_holes(alpha: Bytes, person: Floats, salient: Bytes | None) -> tuple[Bytes, int]:
    """Fill enclosed holes that are none, and count them; `salient` is IS-Net's alpha, if it saw."""
    holes, boxes = pieces_of(alpha < HALF + 1, 4)
    height, width = alpha.shape
    solid, filled = alpha.copy(), 0
    for number, (x, y, w, h, area) in enumerate(boxes[1:], 1):
        at_frame = x == 0 or y == 0 or x + w == width or y + h == height
        hole = holes == number
        if at_frame or area < 4 or is_true_hole(hole, person, salient):
            continue
        around = spread(hole, 3)
        filling = np.where(spread(hole, 2), 255, 200).astype(np.uint8)
        solid[around] = np.maximum(solid, filling)[around]
        filled += 1
    return solid, filled


def missed_people(alpha: Bytes, person: Floats, sure: float) -> Mask:
    """Return where DeepLab is that sure of people and alpha is far."""
    return (person > sure) & ~spread(alpha > 64, max(alpha.shape) * 0.02)


def disagreement(alpha: Bytes, person: Floats, likeliest: Mask, salient: Bytes | None) -> Found:
    """Return how teachers disagree beyond what DeepLab's coarse edge explains."""
    long = max(alpha.shape)
    covered = alpha > HALF
    size = max(1, int(covered.sum()))
    soft = ((alpha > 25) & (alpha < 230)).astype(np.uint8)
    haze = cv2.distanceTransform(soft, cv2.DIST_L2, 3) > long * 0.008
    return Found(
        rvm_deeplab=iou(covered, likeliest),
        rvm_isnet=None if salient is None else iou(covered, salient > HALF),
        missed=float(missed_people(alpha, person, 0.6).sum() / size),
        extra=float((covered & ~spread(likeliest, long * 0.025)).sum() / size),
        haze=float(haze.sum() / size),
    )


def over_a_limit(source: str, found: Found) -> str:
    """Name the first disagreement over its limit, or none."""
    limits = LIMITS | ({"haze": PORTRAITS_HAZE} if source == PORTRAITS else {})
    shares = found._asdict()
    return next((f"{k} over {most}" for k, most in limits.items() if shares[k] > most), "")


def judge_street(found: Found) -> Verdict:
    """Judge a street photo by RVM and DeepLab alone."""
    if found.rvm_deeplab > ALIKE:
        return Verdict(True, "RVM and DeepLab agree")
    if found.rvm_deeplab > COARSE:
        return Verdict(True, "RVM and DeepLab agree but for the coarse edge")
    return Verdict(False, "RVM and DeepLab differ")


def judge(source: str, found: Found) -> Verdict:
    """Say whether a label is kept."""
    shares, deeplab, isnet = found._asdict(), found.rvm_deeplab, found.rvm_isnet
    rescued = all(shares[kind] < most for kind, most in RESCUED.items())
    if source != STREET and isnet is not None and isnet > CLOSELY and rescued:
        return Verdict(True, "RVM and IS-Net agree closely")
    if over := over_a_limit(source, found):
        return Verdict(False, over)
    if source == STREET:
        return judge_street(found)
    if isnet is None:
        alike = deeplab > ALIKE
        return Verdict(alike, f"RVM and DeepLab {'agree' if alike else 'differ'}")
    if deeplab > ALIKE and isnet > ALIKE:
        return Verdict(True, "all three agree")
    if deeplab > COARSE and isnet > NEARLY:
        return Verdict(True, "RVM and IS-Net agree, DeepLab is coarse")
    return Verdict(False, "IS-Net differs" if deeplab > ALIKE else "DeepLab differs")
