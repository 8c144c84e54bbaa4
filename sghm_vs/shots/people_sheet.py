"""A picture by which a person picks ids: some frames, each of the people in a color of their own."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.color import convert
from sghm_vs.matting.people.record import People
from sghm_vs.media.readers import Source
from sghm_vs.media.readers.id_pictures import palette

TILES, COLUMNS = 12, 3
TILE_WIDTH_PX = 480
TINT = 0.45
SWATCH_PX = 44
WHITE, BLACK = (255, 255, 255), (0, 0, 0)

type Picture = NDArray[np.uint8]
"""(height, width, 3), display-coded RGB."""


def sheet_of(source: Source, people: People) -> bytes:
    """Return a PNG of frames of `source`, each person tinted and numbered, and of every id's color."""
    last = len(people.looks) - 1
    steps = max(min(TILES, last + 1) - 1, 1)
    numbers = [
        people.looks[n] for n in sorted({round(at * last / steps) for at in range(steps + 1)})
    ]
    tiles = [_tile(source, people, number) for number in numbers]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[at : at + COLUMNS]) for at in range(0, len(tiles), COLUMNS)]
    sheet = np.vstack([*rows, *_swatches(people, rows[0].shape[1])])
    _, coded = cv2.imencode(".png", sheet[..., ::-1])
    return coded.tobytes()


def _tile(source: Source, people: People, number: int) -> Picture:
    height = max(round(TILE_WIDTH_PX * source.clip.height / source.clip.width), 1)
    clip = convert.to_viewed_rgb(convert.read_color(source.clip))
    with clip.get_frame(number - source.first_number) as frame:
        picture = np.stack([np.asarray(plane) for plane in frame], axis=2)
    small = cv2.resize(picture, (TILE_WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    tile = np.rint(np.clip(np.nan_to_num(small), 0, 1) * 255).astype(np.uint8)
    named = []
    for one in people.people:
        mask = people.mask(one.id, number)
        if mask is not None:
            area = cv2.resize(mask.astype(np.float32), (TILE_WIDTH_PX, height)) > 0.5
            color = palette()[one.id % len(palette())]
            tile[area] = np.rint((1 - TINT) * tile[area] + TINT * color)
            rim = cv2.morphologyEx(
                area.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)
            )
            tile[rim > 0] = color
            rows, columns = np.nonzero(area)
            if rows.size:
                named.append((str(one.id), int(columns.mean()) - 6, int(rows.mean()) + 6))
    for text, x, y in (*named, (f"{number}", 4, 18)):
        _write(tile, text, x, y)
    return tile


def _swatches(people: People, width: int) -> list[Picture]:
    """Return rows of the color of each id, flat, to be picked for keys."""
    each = max(width // SWATCH_PX, 1)
    rows = []
    for at in range(0, len(people.people), each):
        row = np.zeros((SWATCH_PX, width, 3), np.uint8)
        for place, one in enumerate(people.people[at : at + each]):
            left = place * SWATCH_PX
            row[:, left : left + SWATCH_PX] = palette()[one.id % len(palette())]
            _write(row, str(one.id), left + 4, SWATCH_PX - 6, 0.45)
        rows.append(row)
    return rows


def _write(picture: Picture, text: str, x: int, y: int, size: float = 0.6) -> None:
    for color, thickness in ((BLACK, 3), (WHITE, 1)):
        cv2.putText(
            picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, color, thickness, cv2.LINE_AA
        )
