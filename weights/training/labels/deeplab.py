"""DeepLabv3 mnv2 pascal quant: which class each pixel is likeliest to be."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from weights.training.labels.rules import Bytes, Floats, Mask

SIDE = 513
PERSON = 15
GRID = 171
"""Pixels a side on which probabilities are made."""
STEP = 0.2014983743429184
"""Of the quantized logits."""
LOGITS = "ResizeBilinear_1"
"""33x33x21, before they are enlarged and reduced to the best class."""


class DeepLab:
    """Returns 21 logits a cell, uint8 (33, 33, 21), over an RGB picture padded to a square."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.net = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        self.net.allocate_tensors()
        self.source = self.net.get_input_details()[0]["index"]
        found = next(d for d in self.net.get_tensor_details() if d["name"] == LOGITS)
        self.logits = found["index"]

    def __call__(self, rgb: Bytes) -> Bytes:
        """Run the network."""
        height, width = rgb.shape[:2]
        scale = SIDE / max(height, width)
        small = cv2.resize(
            rgb,
            (round(width * scale), round(height * scale)),
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        square = np.full((1, SIDE, SIDE, 3), 128, np.uint8)
        square[0, : small.shape[0], : small.shape[1]] = small
        self.net.set_tensor(self.source, square)
        self.net.invoke()
        return np.array(self.net.get_tensor(self.logits)[0], np.uint8)


def person_of(logits: Bytes, shape: tuple[int, ...]) -> tuple[Floats, Mask]:
    """Return how likely each pixel of a picture is a person, and where that is likeliest."""
    height, width = shape[:2]
    cells = logits.astype(np.float32)
    finer = [cv2.resize(cells[..., c], (GRID, GRID)) for c in range(cells.shape[-1])]
    values = np.stack(finer, -1) * STEP
    person = values[..., PERSON]
    margin = person - np.delete(values, PERSON, -1).max(-1)
    likely = 1 / np.exp(values - person[..., None]).sum(-1)
    scale = GRID / max(height, width)
    warp = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5]], np.float32)
    likely, margin = (
        cv2.warpAffine(
            grid.astype(np.float32),
            warp,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for grid in (likely, margin)
    )
    return np.asarray(likely, np.float32), np.asarray(margin > 0)
