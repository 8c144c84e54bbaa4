"""One graph, written layer by layer: operators of ONNX with a checkpoint's weights in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from sghm_vs.errors import WeightsError

OPSET = 17
"""Of all operators here; runtimes from 2022 on read it."""
IR_VERSION = 8
INT64 = int(TensorProto.INT64)
WIDTH_AT_LEAST = 8
"""Outputs of a convolution that is as fast as one of fewer."""
NORM_EPSILON = 1e-5
"""Of torch's batch norms."""

type Arrays = Mapping[str, NDArray[Any]]
"""A checkpoint's tensors by name."""


class Value(NamedTuple):
    """What flows between operators, (n, channels, h, w)."""

    name: str
    channels: int


class GraphWriter:
    """
    A graph in the making.

    Weights are taken by their names in the checkpoint; the batch norm behind a convolution is folded
    into it. Sizes are open: whatever depends on them is computed by the graph.
    """

    def __init__(self, weights: Arrays, *, half: bool = False) -> None:
        """
        Begin an empty graph.

        Args:
            weights: Float; spectral norms are baked.
            half: Whether to calculate in float16; inputs and outputs stay float32.
        """
        self.used: set[str] = set()
        """Names of the weights that are in the graph."""
        self._weights = weights
        self._float = np.dtype(np.float16 if half else np.float32)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._count = 0

    def input(
        self, name: str, channels: int, *, count: str | int = 1, channels_last: bool = False
    ) -> Value:
        """
        Return an input of this name, float32 (count, channels, h, w).

        Args:
            name: What it is called, and its height and width after it.
            channels: Of them there are so many.
            count: How many planes' sets there are, or what their number is called.
            channels_last: Whether it comes as (count, h, w, channels).
        """
        shape = _shape(name, channels, count, channels_last=channels_last)
        self._inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        value = Value(name, channels)
        if channels_last:
            value = self.apply("Transpose", value, perm=[0, 3, 1, 2])
        if self._is_half:
            value = self.apply("Cast", value, to=TensorProto.FLOAT16)
        return value

    def output(
        self, value: Value, name: str, *, count: str | int = 1, channels_last: bool = False
    ) -> None:
        """Call `value` so, an output, float32; see `input`."""
        if self._is_half:
            value = self.apply("Cast", value, to=TensorProto.FLOAT)
        if channels_last:
            node = helper.make_node("Transpose", [value.name], [name], perm=[0, 2, 3, 1])
        else:
            node = helper.make_node("Identity", [value.name], [name])
        self._nodes.append(node)
        shape = _shape(name, value.channels, count, channels_last=channels_last)
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def model(self, name: str, metadata: Mapping[str, str]) -> onnx.ModelProto:
        """Return the model, with `metadata` inside."""
        nodes, constants = self._needed()
        graph = helper.make_graph(nodes, name, self._inputs, self._outputs, constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="sghm_vs",
        )
        helper.set_model_props(model, dict(metadata))
        return model

    def has(self, name: str) -> bool:
        """Tell whether there are weights that begin so."""
        return any(key.startswith(name) for key in self._weights)

    def conv(
        self,
        x: Value,
        name: str,
        *,
        norm: str | None = None,
        stride: int = 1,
        dilation: int = 1,
        pads: Sequence[int] | None = None,
        depthwise: bool = False,
    ) -> Value:
        """
        Return a convolution of `x`.

        Args:
            x: What goes in.
            name: Of the weights.
            norm: Name of the batch norm behind it.
            stride: Across and down.
            dilation: Likewise.
            pads: Zeros above, left, below and right; None keeps the size at stride 1.
            depthwise: Whether each channel is filtered alone.
        """
        kernel = self._weight(f"{name}.weight")
        scale, summand = self._norm(norm, kernel.shape[0])
        kernel = kernel * scale[:, None, None, None]
        groups = x.channels if depthwise else 1
        self._check_channels(f"{name}.weight", kernel.shape[1] * groups, x)
        around = dilation * (kernel.shape[2] // 2)
        return self._add(
            "Conv",
            [x, self._tensor(kernel), self._tensor(self._bias(name, scale, summand))],
            kernel.shape[0],
            kernel_shape=kernel.shape[2:],
            strides=[stride] * 2,
            dilations=[dilation] * 2,
            pads=[around] * 4 if pads is None else pads,
            group=groups,
        )

    def convolved(self, x: Value, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Value:
        """Return `x` by a `kernel` of 3x3, (channels, c, 3, 3), of no weights' name, and `bias`."""
        weights = self._tensor(kernel), self._tensor(bias)
        return self._add("Conv", [x, *weights], len(kernel), kernel_shape=[3, 3], pads=[1] * 4)

    def narrow_conv(self, x: Value, name: str) -> Value:
        """
        Return a convolution of `x` with few outputs; see `conv`.

        As of `WIDTH_AT_LEAST`, of which the others are zeros: OpenVINO takes twice as long in bfloat16
        for one alone.
        """
        kernel, bias = (self._weight(f"{name}.{part}") for part in ("weight", "bias"))
        self._check_channels(f"{name}.weight", kernel.shape[1], x)
        missing = max(WIDTH_AT_LEAST - len(kernel), 0)
        wide = self.convolved(
            x, np.pad(kernel, [(0, missing), *[(0, 0)] * 3]), np.pad(bias, (0, missing))
        )
        return self.channels(wide, 0, len(kernel))

    def conv_transposed(
        self, x: Value, name: str, *, norm: str | None = None, stride: int = 2, pad: int = 0
    ) -> Value:
        """Return a transposed convolution of `x`; see `conv`."""
        kernel = self._weight(f"{name}.weight")
        self._check_channels(f"{name}.weight", kernel.shape[0], x)
        scale, summand = self._norm(norm, kernel.shape[1])
        kernel = kernel * scale[None, :, None, None]
        return self._add(
            "ConvTranspose",
            [x, self._tensor(kernel), self._tensor(self._bias(name, scale, summand))],
            kernel.shape[1],
            kernel_shape=kernel.shape[2:],
            strides=[stride] * 2,
            pads=[pad] * 4,
        )

    def normed(self, x: Value, name: str) -> Value:
        """Return `x` by a batch norm that no convolution precedes."""
        scale, summand = self._norm(name, x.channels)
        return self.affine(
            x, self.constant(scale[:, None, None]), self.constant(summand[:, None, None])
        )

    def affine(self, x: Value, factor: str | Value, summand: str | Value) -> Value:
        """Return `x` times `factor`, and `summand` more."""
        return self._add("Add", [self._add("Mul", [x, factor], x.channels), summand], x.channels)

    def apply(
        self, kind: str, *inputs: Value | str, channels: int | None = None, **attributes: Any
    ) -> Value:
        """Return what the operator `kind` makes of `inputs`, with the channels of the first."""
        first = inputs[0]
        if channels is None:
            assert isinstance(first, Value)  # noqa: S101 - else channels are given
            channels = first.channels
        return self._add(kind, list(inputs), channels, **attributes)

    def relu(self, x: Value) -> Value:
        """Return `x`, its negatives 0."""
        return self.apply("Relu", x)

    def relu6(self, x: Value) -> Value:
        """Return `x` within 0 and 6."""
        return self.clipped(x, 0, 6)

    def clipped(self, x: Value, least: float, most: float) -> Value:
        """Return `x` within `least` and `most`."""
        return self.apply("Clip", x, self.constant(least), self.constant(most))

    def leaky(self, x: Value, slope: float) -> Value:
        """Return `x`, its negatives times `slope`."""
        return self.apply("LeakyRelu", x, alpha=slope)

    def sigmoid(self, x: Value) -> Value:
        """Return `x` as a probability."""
        return self.apply("Sigmoid", x)

    def above(self, x: Value, least: float) -> Value:
        """Return where `x` is above `least`, as 1 among 0."""
        kind = TensorProto.FLOAT16 if self._is_half else TensorProto.FLOAT
        return self.apply("Cast", self.apply("Greater", x, self.constant(least)), to=kind)

    def added(self, x: Value, y: Value) -> Value:
        """Return the sum."""
        return self.apply("Add", x, y)

    def beside(self, *values: Value) -> Value:
        """Return `values` as one, channel by channel."""
        return self.apply("Concat", *values, channels=sum(v.channels for v in values), axis=1)

    def channels(self, x: Value, first: int, count: int) -> Value:
        """Return some channels of `x`."""
        at = [self.integers([number]) for number in (first, first + count, 1)]
        return self.apply("Slice", x, *at, channels=count)

    def cut(self, x: Value, first: int, end: int | None, axis: int) -> Value:
        """Return what of `x` lies along an axis from `first` to `end`; None is all that follows."""
        last = np.iinfo(np.int64).max if end is None else end
        at = [self.integers([number]) for number in (first, last, axis)]
        return self.apply("Slice", x, *at)

    def means(self, x: Value, side: int) -> Value:
        """Return the means of blocks of `side` x `side` px; what is left over is cut."""
        return self.apply("AveragePool", x, kernel_shape=[side] * 2, strides=[side] * 2)

    def mean(self, x: Value) -> Value:
        """Return each channel's mean, (n, channels, 1, 1)."""
        return self.apply("GlobalAveragePool", x)

    def enlarged(self, x: Value, times: int, mode: str = "linear") -> Value:
        """Return `x` so many times as large."""
        scales = self._tensor(np.array([1, 1, times, times], np.float32), own_type=True)
        return self.apply(
            "Resize", x, "", scales, mode=mode, coordinate_transformation_mode="half_pixel"
        )

    def resized(self, x: Value, size: str) -> Value:
        """Return `x` at `size`, see `size_of`, bilinear."""
        whole = self._integer("Concat", self._part_of_shape(x, 0, 2), size, axis=0)
        return self.apply(
            "Resize", x, "", "", whole, mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def shrunk(self, x: Value, size: str, block: int | None = None) -> Value:
        """
        Return `x` at `size`: means of whole blocks, bilinear for what is left.

        Args:
            x: What is made smaller, or larger.
            size: See `size_of`.
            block: Side of the blocks, where sizes are known; None has the graph find it.
        """
        if block is not None:
            return self.resized(x if block <= 1 else self.means(x, block), size)
        one = self.integers([1])
        own = self.size_of(x)
        ratio = self._integer("ReduceMin", self._integer("Div", own, size), keepdims=1)
        side = self._integer("Max", ratio, one)
        blocks = self._integer("Div", own, side)
        rows, columns = (
            self._integer("Slice", blocks, self.integers([at]), self.integers([at + 1]))
            for at in (0, 1)
        )
        whole = self.apply(
            "Slice",
            x,
            self.integers([0, 0]),
            self._integer("Mul", blocks, side),
            self.integers([2, 3]),
        )
        # Of four axes, for which runtimes have kernels: rows of all channels one above the other.
        blocked = self._integer("Concat", self.integers([-1]), side, columns, side, axis=0)
        apart = self.apply("Reshape", whole, blocked)
        means = self.apply("ReduceMean", apart, axes=[1, 3], keepdims=0)
        planes = self._integer("Concat", self.integers([-1, x.channels]), rows, columns, axis=0)
        means = self.apply("Reshape", means, planes)
        return self.resized(means, size)

    def size_of(self, x: Value, shrunk: int = 1) -> str:
        """Return height and width of `x`, so many times smaller, int64 (2,)."""
        size = self._part_of_shape(x, 2, 4)
        return size if shrunk == 1 else self._integer("Div", size, self.integers([shrunk]))

    def computed(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Return what the operator `kind` makes of numbers that are no planes."""
        return self._integer(kind, *inputs, **attributes)

    def integers(self, values: Sequence[int]) -> str:
        """Return a constant, int64."""
        return self._tensor(np.array(values, np.int64), own_type=True)

    def constant(self, values: Any) -> str:
        """Return a constant of the graph's float type."""
        return self._tensor(np.asarray(values))

    def weight(self, name: str) -> NDArray[np.float32]:
        """Return a weight, to be put into the graph by `constant`."""
        return self._weight(name)

    def _needed(self) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        """Return the nodes and constants that outputs depend on."""
        wanted, nodes = {output.name for output in self._outputs}, []
        for node in reversed(self._nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                nodes.append(node)
        return nodes[::-1], [each for each in self._constants.values() if each.name in wanted]

    @property
    def _is_half(self) -> bool:
        return self._float == np.float16

    def _part_of_shape(self, x: Value, first: int, end: int) -> str:
        return self._integer("Shape", x.name, start=first, end=end)

    def _integer(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self._add(kind, list(inputs), 0, **attributes).name

    def _add(
        self, kind: str, inputs: Sequence[Value | str], channels: int, **attributes: Any
    ) -> Value:
        name = self._named(kind.lower())
        names = [each if isinstance(each, str) else each.name for each in inputs]
        self._nodes.append(helper.make_node(kind, names, [name], name=name, **attributes))
        return Value(name, channels)

    def _tensor(self, values: NDArray[Any], *, own_type: bool = False) -> str:
        values = values if own_type else values.astype(self._float)
        key = f"{values.dtype}{values.shape}{values.tobytes()!r}" if values.size < 16 else ""
        if key and key in self._constants:
            return self._constants[key].name
        name = self._named("constant")
        self._constants[key or name] = numpy_helper.from_array(values, name)
        return name

    def _named(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"

    def _weight(self, name: str) -> NDArray[np.float32]:
        if name not in self._weights:
            msg = f"{name} is missing"
            raise WeightsError(msg)
        self.used.add(name)
        return np.asarray(self._weights[name], np.float32)

    def _norm(
        self, name: str | None, channels: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return factor and summand of each channel."""
        if name is None:
            return np.ones(channels, np.float32), np.zeros(channels, np.float32)
        weight, bias, mean, variance = (
            self._weight(f"{name}.{part}")
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        if weight.shape != (channels,):
            msg = f"{name}.weight is {weight.shape} and must be {(channels,)}"
            raise WeightsError(msg)
        scale = weight / np.sqrt(variance + np.float32(NORM_EPSILON))
        return scale.astype(np.float32), (bias - mean * scale).astype(np.float32)

    def _bias(
        self, name: str, scale: NDArray[np.float32], summand: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        if f"{name}.bias" not in self._weights:
            return summand
        return self._weight(f"{name}.bias") * scale + summand

    def _check_channels(self, name: str, found: int, x: Value) -> None:
        if found != x.channels:
            msg = f"{name} takes {found} channels and must take {x.channels}"
            raise WeightsError(msg)


def _shape(name: str, channels: int, count: str | int, *, channels_last: bool) -> list[str | int]:
    height, width = f"{name}_height", f"{name}_width"
    if channels_last:
        return [count, height, width, channels]
    return [count, channels, height, width]
