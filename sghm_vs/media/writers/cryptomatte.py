"""
Mattes as Cryptomatte has them: in each pixel ids and how much each covers, the largest first.

Source:
    Friedman and Jones, "Fully automatic ID mattes with support for motion blur and transparency",
    SIGGRAPH 2015 posters; Psyop's Cryptomatte specification 1.2.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import mmh3
import numpy as np
from numpy.typing import NDArray

LAYER = "CryptoPerson"
RANKS_MAX = 6
"""Ids in a pixel; the specification's own number."""
EXPONENT = 23
"""Bits below a float's exponent."""

type Plane = NDArray[np.float32]
"""(height, width)."""


def channels(mattes: Mapping[str, Plane]) -> dict[str, Plane]:
    """
    Return channels of ids and coverage, two ranks a layer: CryptoPerson00.R, .G, .B, .A and so on.

    Args:
        mattes: By name, 0-1.
    """
    planes = np.stack([*mattes.values()])
    ids = np.asarray([id_of(name) for name in mattes], np.float32)
    ranks = min(len(mattes), RANKS_MAX)
    order = np.argsort(-planes, axis=0, kind="stable")[:ranks]
    coverage = np.take_along_axis(planes, order, axis=0)
    found = np.where(coverage > 0, ids[order], np.float32(0))
    none = np.zeros_like(planes[0])
    made: dict[str, Plane] = {}
    for rank in range(ranks + ranks % 2):
        named = f"{LAYER}{rank // 2:02d}"
        pair = (found[rank], coverage[rank]) if rank < ranks else (none, none)
        made |= zip((f"{named}.{letter}" for letter in ("RG", "BA")[rank % 2]), pair, strict=True)
    return made


def header(names: Iterable[str]) -> dict[str, str]:
    """Return what a file says of its ids, of mattes of these names."""
    key = f"cryptomatte/{_hash(LAYER):08x}"[: len("cryptomatte/") + 7]
    manifest = {name: f"{_coded(name):08x}" for name in names}
    return {
        f"{key}/name": LAYER,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(manifest, separators=(",", ":")),
    }


def id_of(name: str) -> float:
    """Return the id of the matte `name`, as pixels hold it."""
    return float(np.asarray(_coded(name), np.uint32).view(np.float32))


def _coded(name: str) -> int:
    """Return the bits of an id: a float with exponents 0 and 255 would be none, or be rounded."""
    bits = _hash(name)
    if (bits >> EXPONENT) & 255 in (0, 255):
        bits ^= 1 << EXPONENT
    return bits


def _hash(name: str) -> int:
    return mmh3.hash(name, signed=False)
