"""
Runs a TensorFlow.js graph model in PyTorch: the operations that RobustVideoMatting needs.

Pictures are (n, h, w, channels), as in the model.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

type Node = dict[str, Any]
type Values = dict[str, tuple[Tensor | None, ...]]


def constant(spec: Mapping[str, Any], data: bytes, start: int) -> tuple[np.ndarray, int]:
    """Return a stored constant, quantized ones as float, and how many bytes it takes."""
    packing = spec.get("quantization")
    stored = np.dtype(packing["dtype"] if packing else spec["dtype"])
    count = int(np.prod(spec["shape"], dtype=np.int64))
    value = np.frombuffer(data, stored, count, start).reshape(spec["shape"])
    size = value.nbytes
    if packing and "scale" in packing:
        value = value.astype(np.float32) * np.float32(packing["scale"])
        value += np.float32(packing["min"])
    elif stored == np.float16:
        value = value.astype(np.float32)
    return np.array(value), size


def read_constants(path: Path, manifest: Iterable[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return all constants by name."""
    groups = list(manifest)
    data = b"".join(
        (path.parent / name).read_bytes() for group in groups for name in group["paths"]
    )
    constants, start = {}, 0
    for spec in (spec for group in groups for spec in group["weights"]):
        value, size = constant(spec, data, start)
        constants[spec["name"]] = torch.from_numpy(value)
        start += size
    if start != len(data):
        msg = f"{path}: {len(data)} bytes of constants, {start} are named"
        raise ValueError(msg)
    return constants


def attribute(node: Node, name: str, default: Any = None) -> Any:
    """Return an attribute of a node as Python has it."""
    value = node.get("attr", {}).get(name)
    if value is None:
        return default
    if "list" in value:
        items = value["list"]
        if "s" in items:
            return [base64.b64decode(text).decode() for text in items["s"]]
        return [int(item) for item in items.get("i", [])]
    if "s" in value:
        return base64.b64decode(value["s"]).decode()
    if "i" in value:
        return int(value["i"])
    return value.get("b", value.get("f", value.get("type", default)))


def ints(tensor: Tensor) -> list[int]:
    """Return a tensor's values."""
    return [int(value) for value in tensor.reshape(-1).tolist()]


def channels_first(x: Tensor) -> Tensor:
    """Return (n, channels, h, w)."""
    return x.permute(0, 3, 1, 2)


def channels_last(x: Tensor) -> Tensor:
    """Return (n, h, w, channels)."""
    return x.permute(0, 2, 3, 1)


def convolution(node: Node, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a convolution, depthwise or not, with what was fused into it."""
    depthwise = "Depthwise" in node["op"]
    weight = weight.permute(2, 3, 0, 1) if depthwise else weight.permute(3, 2, 0, 1)
    stride = attribute(node, "strides")[1:3]
    padding = (0, 0)
    if attribute(node, "padding") == "SAME":
        if stride != [1, 1] or weight.shape[2] % 2 == 0:
            msg = f"{node['name']}: SAME is known for odd kernels at stride 1 only"
            raise ValueError(msg)
        padding = (weight.shape[2] // 2, weight.shape[3] // 2)
    groups = weight.shape[0] if depthwise else 1
    y = functional.conv2d(channels_first(x), weight, bias, stride, padding, groups=groups)
    fused = attribute(node, "fused_ops", [])
    if not set(fused) <= {"BiasAdd", "Relu"}:
        msg = f"{node['name']}: {fused} is not known"
        raise ValueError(msg)
    y = channels_last(y)
    return y.relu() if "Relu" in fused else y


def resize(_node: Node, x: Tensor, size: Tensor) -> Tensor:
    """Return a picture at another size; the model has half-pixel centers throughout."""
    resized = functional.interpolate(
        channels_first(x), ints(size), mode="bilinear", align_corners=False
    )
    return channels_last(resized)


def average_pool(_node: Node, x: Tensor) -> Tensor:
    """Return a picture at half the size."""
    pooled = functional.avg_pool2d(channels_first(x), 2, 2, ceil_mode=True, count_include_pad=False)
    return channels_last(pooled)


def pad(_node: Node, x: Tensor, paddings: Tensor) -> Tensor:
    """Return a tensor with zeros around."""
    return functional.pad(x, [side for pair in reversed(paddings.tolist()) for side in pair])


def strided_slice(node: Node, x: Tensor, begin: Tensor, end: Tensor, strides: Tensor) -> Tensor:
    """Return a part of a tensor; bits of masks say which bounds are open."""
    open_begin, open_end, single = (
        attribute(node, key, 0) for key in ("begin_mask", "end_mask", "shrink_axis_mask")
    )
    index: list[int | slice] = []
    for axis, (b, e, s) in enumerate(zip(ints(begin), ints(end), ints(strides), strict=True)):
        if single >> axis & 1:
            index.append(b)
        else:
            first = None if open_begin >> axis & 1 else b
            index.append(slice(first, None if open_end >> axis & 1 else e, s))
    return x[tuple(index)]


def part(_node: Node, x: Tensor, begin: Tensor, size: Tensor) -> Tensor:
    """Return a part of a tensor by its begin and size; -1 is the rest."""
    bounds = zip(ints(begin), ints(size), strict=True)
    return x[tuple(slice(b, None if s == -1 else b + s) for b, s in bounds)]


def space_to_batch(_node: Node, x: Tensor, block: Tensor, paddings: Tensor) -> Tensor:
    """Return the pixels of a block as pictures of their own."""
    (high, wide), ((top, bottom), (left, right)) = ints(block), paddings.tolist()
    x = functional.pad(x, (0, 0, left, right, top, bottom))
    n, h, w, c = x.shape
    x = x.reshape(n, h // high, high, w // wide, wide, c).permute(2, 4, 0, 1, 3, 5)
    return x.reshape(-1, h // high, w // wide, c)


def batch_to_space(_node: Node, x: Tensor, block: Tensor, crops: Tensor) -> Tensor:
    """Undo `space_to_batch`."""
    (high, wide), ((top, bottom), (left, right)) = ints(block), crops.tolist()
    n, h, w, c = x.shape
    x = x.reshape(high, wide, -1, h, w, c).permute(2, 3, 0, 4, 1, 5)
    x = x.reshape(n // (high * wide), h * high, w * wide, c)
    return x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]


def squeeze(node: Node, x: Tensor) -> Tensor:
    """Return a tensor without axes of size 1."""
    axes = attribute(node, "squeeze_dims")
    return x.squeeze(axes) if axes else x.squeeze()


def cast(node: Node, x: Tensor) -> Tensor:
    """Return a tensor of another type."""
    return x.to({"DT_FLOAT": torch.float32, "DT_INT32": torch.int32}[attribute(node, "DstT")])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Identity": lambda _, x: x,
    "Equal": lambda _, a, b: a == b,
    "Squeeze": squeeze,
    "Shape": lambda _, x: torch.tensor(x.shape, dtype=torch.int32),
    "StridedSlice": strided_slice,
    "Slice": part,
    "Cast": cast,
    "Mul": lambda _, a, b: a * b,
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "RealDiv": lambda _, a, b: a / b,
    "FloorMod": lambda _, a, b: a % b,
    "Minimum": lambda _, a, b: torch.minimum(a, b),
    "Maximum": lambda _, a, b: torch.maximum(a, b),
    "Square": lambda _, x: x * x,
    "Tanh": lambda _, x: x.tanh(),
    "Sigmoid": lambda _, x: x.sigmoid(),
    "Relu6": lambda _, x: functional.relu6(x),
    "Mean": lambda _, x, axes: x.mean(ints(axes), keepdim=True),
    "ResizeBilinear": resize,
    "AvgPool": average_pool,
    "Pad": pad,
    "Pack": lambda node, *xs: torch.stack(xs, attribute(node, "axis", 0)),
    "ConcatV2": lambda _, *xs: torch.cat(xs[:-1], int(xs[-1])),
    "Split": lambda node, axis, x: torch.chunk(x, attribute(node, "num_split"), int(axis)),
    "SplitV": lambda _, x, sizes, axis: torch.split(x, ints(sizes), int(axis)),
    "BroadcastTo": lambda _, x, shape: x.expand(ints(shape)),
    "SpaceToBatchND": space_to_batch,
    "BatchToSpaceND": batch_to_space,
    "Conv2D": convolution,
    "_FusedConv2D": convolution,
    "DepthwiseConv2dNative": convolution,
    "FusedDepthwiseConv2dNative": convolution,
}


def output_of(name: str) -> tuple[str, int]:
    """Return the node and the number of its output that a name such as `node:1` means."""
    name, _, index = name.partition(":")
    return name, int(index or 0)


def inputs_of(node: Node) -> list[tuple[str, int]]:
    """Return what a node is fed."""
    return [output_of(name) for name in node.get("input", []) if not name.startswith("^")]


class Graph:
    """A model; what does not depend on its `fresh` inputs can be kept from one run to the next."""

    def __init__(self, path: Path, fresh: Iterable[str] = ()) -> None:
        model = json.loads(path.read_text())
        self.constants = read_constants(path, model["weightsManifest"])
        outputs = model["signature"]["outputs"]
        self.outputs = {key: output_of(value["name"]) for key, value in outputs.items()}
        self.nodes: dict[str, Node] = {n["name"]: n for n in model["modelTopology"]["node"]}
        self.changing = set(fresh)
        for node in self.needed_for(self.outputs):
            if any(name in self.changing for name, _ in inputs_of(node)):
                self.changing.add(node["name"])

    def needed_for(self, wanted: Iterable[str]) -> list[Node]:
        """Return the nodes that outputs need, each after its inputs."""
        order, done = [], set()
        stack = [(self.outputs[name][0], False) for name in wanted]
        while stack:
            name, ready = stack.pop()
            if name in done:
                continue
            if ready:
                done.add(name)
                order.append(self.nodes[name])
            else:
                stack.append((name, True))
                stack += [(source, False) for source, _ in inputs_of(self.nodes[name])]
        return order

    @torch.inference_mode()
    def __call__(
        self, feeds: Mapping[str, Tensor], wanted: Iterable[str], kept: Values | None = None
    ) -> tuple[dict[str, Any], Values]:
        """Return outputs by name, and values to hand in as `kept` where only fresh inputs change."""
        wanted = list(wanted)
        known = kept or {}
        values: Values = {k: v for k, v in known.items() if k not in self.changing}
        values |= {name: (value,) for name, value in feeds.items()}
        for node in self.needed_for(wanted):
            if node["name"] not in values:
                values[node["name"]] = self.run(node, values)
        found = {key: self.outputs[key] for key in wanted}
        return {key: values[name][index] for key, (name, index) in found.items()}, values

    def run(self, node: Node, values: Values) -> tuple[Tensor | None, ...]:
        """Return what a node puts out; None where a branch is not taken."""
        operation = node["op"]
        if operation == "Const":
            return (self.constants[node["name"]],)
        inputs = [values[name][index] for name, index in inputs_of(node)]
        if operation == "Merge":
            return (next(x for x in inputs if x is not None),)
        if any(x is None for x in inputs):
            return (None, None)
        if operation == "Switch":
            data, taken = inputs
            return (None, data) if bool(taken) else (data, None)
        result = OPERATIONS[operation](node, *inputs)
        return result if isinstance(result, tuple) else (result,)
