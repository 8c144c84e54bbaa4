"""RobustVideoMatting mobilenetv3 on single pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from weights.training.labels.rules import Bytes
from weights.training.labels.tfjs_graph import Graph

STATES = ("r1", "r2", "r3", "r4")
INNER_PX = 480
"""Long side at which the network itself looks."""
LEAST_PX = 384
"""Smaller pictures are enlarged to this: it keeps white hats."""
TIMES = 3
"""The same frame is shown, from zero state on."""


class Rvm:
    """Returns the alpha, uint8 (h, w), of an RGB picture."""

    def __init__(self, model: Path) -> None:
        self.graph = Graph(model, fresh=[f"{state}i" for state in STATES])

    def __call__(self, rgb: Bytes) -> Bytes:
        """Run the network, on a larger picture if need be."""
        height, width = rgb.shape[:2]
        scale = LEAST_PX / max(height, width)
        if scale <= 1:
            return self.run(rgb)
        size = round(width * scale), round(height * scale)
        large = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        alpha = cv2.resize(self.run(large), (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(alpha, np.uint8)

    def run(self, rgb: Bytes) -> Bytes:
        """Show the frame so many times; return the last alpha."""
        feeds = {
            "src": torch.from_numpy(np.ascontiguousarray(rgb)).float().div(255)[None],
            "downsample_ratio": torch.tensor(min(1.0, INNER_PX / max(rgb.shape[:2]))),
        }
        states, kept = dict.fromkeys(STATES, torch.tensor(0.0)), None
        for _ in range(TIMES - 1):
            feeds |= {f"{name}i": state for name, state in states.items()}
            found, kept = self.graph(feeds, [f"{name}o" for name in STATES], kept)
            states = {name: found[f"{name}o"] for name in STATES}
        feeds |= {f"{name}i": state for name, state in states.items()}
        alpha = self.graph(feeds, ["pha"], kept)[0]["pha"][0, :, :, 0]
        return alpha.clamp(0, 1).mul(255).round().byte().numpy()
