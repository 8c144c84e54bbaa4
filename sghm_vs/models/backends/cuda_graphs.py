"""
Steps whose shapes don't depend on what is in a picture, captured once and replayed.

A network is hundreds of small kernels, and to launch each takes longer than to run it. Captured as a
CUDA graph, they are launched as one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from functools import wraps
from types import MethodType
from typing import Any, Concatenate, NamedTuple, Protocol, cast

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

GRAPHS_MAX = 24
"""Of a stream: three sizes of pictures. Each holds memory; whatever else comes along runs uncaptured."""

type Step = Callable[..., Any]
"""A pure function of tensors and hashable values, alone or in tuples; it never waits for the CPU."""
type Capture = Callable[[Step, tuple[Any, ...]], tuple[Callable[[], None], Any]]
"""Returns what replays a step on these very inputs, and the outputs that it writes each time."""


class StepRunner(Protocol):
    """Where such steps run."""

    def run(self, step: Step, *inputs: Any) -> Any:
        """Return what `step` returns; it lasts until the same step runs again."""

    def cloned(self, values: Any) -> Any:
        """Return `values`, which steps returned, to last for longer."""


class HasRunner(Protocol):
    """What has steps among its methods."""

    @property
    def runner(self) -> StepRunner:
        """Where they run."""


def step[Owner: HasRunner, **Inputs, Output](
    method: Callable[Concatenate[Owner, Inputs], Output],
) -> Callable[Concatenate[Owner, Inputs], Output]:
    """Return `method`, a step that calls no other, as one that runs where its object's steps do."""

    @wraps(method)
    def run(self: Owner, /, *inputs: Inputs.args, **named: Inputs.kwargs) -> Output:
        assert not named  # noqa: S101 - inputs are known by their place
        return cast("Output", self.runner.run(MethodType(method, self), *inputs))

    return run


class EagerRunner:
    """Steps as they are."""

    def run(self, step: Step, *inputs: Any) -> Any:
        """Return what `step` returns."""
        return step(*inputs)

    def cloned(self, values: Any) -> Any:
        """Return `values`."""
        return values


class GraphRunner:
    """
    Steps that are captured for each of their kinds of inputs, for one thread at a time.

    What can't be captured runs as it is, from then on all of it.
    """

    def __init__(self, device: torch.device, capture: Capture | None) -> None:
        """
        Hold no graph yet.

        Args:
            device: Where steps run; inputs from elsewhere are brought there.
            capture: None captures nothing.
        """
        self._device = device
        self._capture = capture
        self._graphs: dict[Hashable, _Graph] = {}
        self._outputs = WeakIdKeyDictionary()
        """Those of graphs: another graph may read them where they are."""

    def run(self, step: Step, *inputs: Any) -> Any:
        """Return what `step` returns; it lasts until the same step runs again."""
        key = step, tuple(map(_kind, _leaves(inputs)))
        graph = self._graphs.get(key)
        if graph is None and self._capture is not None and len(self._graphs) < GRAPHS_MAX:
            graph = self._graph(step, inputs, key)
        if graph is None:
            return step(*_mapped(self._to_device, inputs))
        for own, given in zip(graph.inputs, _tensors(inputs), strict=True):
            if own is not given:
                _record_stream(given)
                own.copy_(given, non_blocking=True)
        graph.replay()
        return graph.outputs

    def cloned(self, values: Any) -> Any:
        """Return copies of what a graph would write over, and all else as it is."""
        return _mapped(lambda t: t.clone() if t in self._outputs else t, values)

    def __len__(self) -> int:
        return len(self._graphs)

    def clear(self) -> None:
        """Forget all graphs, and what they hold."""
        self._graphs.clear()

    def _graph(self, step: Step, inputs: tuple[Any, ...], key: Hashable) -> _Graph | None:
        assert self._capture is not None  # noqa: S101 - who calls has asked
        own = _mapped(self._own, inputs)
        try:
            replay, outputs = self._capture(step, own)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError:
            self._capture = None
            return None
        for output in _tensors(outputs):
            self._outputs[output] = True
        graph = self._graphs[key] = _Graph([*_tensors(own)], replay, outputs)
        return graph

    def _own(self, tensor: Tensor) -> Tensor:
        """Return `tensor` if a graph writes it, else a place for what comes in its stead."""
        if tensor in self._outputs:
            return tensor
        _record_stream(tensor)
        return torch.empty_like(tensor, device=self._device).copy_(tensor, non_blocking=True)

    def _to_device(self, tensor: Tensor) -> Tensor:
        _record_stream(tensor)
        return tensor.to(self._device, non_blocking=True)


class _Graph(NamedTuple):
    inputs: list[Tensor]
    replay: Callable[[], None]
    outputs: Any


def cuda_capture(step: Step, inputs: tuple[Any, ...]) -> tuple[Callable[[], None], Any]:
    """Return what replays `step` on `inputs`, on the stream that is current, and its outputs."""
    with capturing:
        stream = torch.cuda.current_stream()
        # Libraries choose and allocate at first use, which they may not while it is captured.
        step(*inputs)
        stream.synchronize()
        # Each graph has memory of its own: in a common pool, what one has written may lie where
        # another, captured before it, puts what it needs for a moment.
        graph = torch.cuda.CUDAGraph()
        # VapourSynth's other threads go on to use the device, which must not spoil the capture.
        with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
            outputs = step(*inputs)
    return graph.replay, outputs


capturing = threading.Lock()
"""Held while the process captures: nobody may wait for the whole device meanwhile."""


def _leaves(value: Any) -> Iterator[Any]:
    """Yield what is in nested tuples, from left to right."""
    if isinstance(value, tuple):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _tensors(value: Any) -> Iterator[Tensor]:
    return (leaf for leaf in _leaves(value) if isinstance(leaf, Tensor))


def _mapped(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Return `value`, its tensors changed, in tuples of the same types."""
    if isinstance(value, tuple):
        parts = [_mapped(change, part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return change(value) if isinstance(value, Tensor) else value


def _kind(leaf: Any) -> Hashable:
    if isinstance(leaf, Tensor):
        return leaf.shape, leaf.stride(), leaf.dtype
    kind: Hashable = leaf
    return kind


def _record_stream(tensor: Tensor) -> None:
    """Keep the memory of `tensor`, if another stream made it, until this stream has read it."""
    if tensor.is_cuda:
        tensor.record_stream(torch.cuda.current_stream(tensor.device))
