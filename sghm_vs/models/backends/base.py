"""What a backend is: it runs a network's steps. Adding one is a file here and a row in `BACKENDS`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from sghm_vs.errors import MissingPackageError, SettingsError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from sghm_vs.models.arrays import Model
    from sghm_vs.models.backends.device import Compute
    from sghm_vs.models.backends.graphs import GraphNetwork
    from sghm_vs.models.backends.plugins import PluginNetwork
    from sghm_vs.models.sghm.encoder import Features
    from sghm_vs.models.sghm.network import CoarseOutput
    from sghm_vs.models.sghm.squares import Part

_log = logging.getLogger(__name__)


class Network(Protocol):
    """
    A network in tensors, on a device; `sghm_vs.models.sghm.network.SGHM` says what each step does.

    `sghm_vs.models.backends.graphs.GraphNetwork` has the steps in arrays.
    """

    trusts_mask: bool

    @property
    def is_judged(self) -> bool:
        """Whether it judges what it segments."""

    def to_small(self, image: Tensor) -> Tensor:
        """Return what the encoder sees of a picture at the network's size."""

    @property
    def backend(self) -> str:
        """Its name in `BACKENDS`."""

    @property
    def precision(self) -> str:
        """What it calculates in: float32, float16 or bfloat16."""

    @property
    def dtype(self) -> torch.dtype:
        """Of what goes in and comes out."""

    @property
    def halo_px(self) -> int:
        """How far the finest alpha depends on its surroundings."""

    def encode(self, image: Tensor) -> Features:
        """Return the features of `image`, (1, 3, height, width), 0-1, sides multiples of 64."""

    def encode_small(self, small: Tensor) -> Features:
        """Return the features of `small`, (1, 3, h, w), 0-1, sides multiples of 16."""

    def segment(self, features: Features) -> Tensor:
        """Return the probability of a person at the small picture's size, (1, 1, h, w)."""

    def second_look(self, features: Features) -> Tensor:
        """Return how likely its judge thinks a person, as `segment`; of a network that is judged."""

    def begin(
        self, image: Tensor, features: Features, mask: Tensor, cells: Tensor | None = None
    ) -> CoarseOutput:
        """Return what is needed everywhere: the coarse alphas, and what the rest is made from."""

    def finish(self, coarse_output: CoarseOutput, squares: Sequence[Part]) -> Tensor:
        """Return the finest alpha in equal `squares`, (squares, 1, side, side), 0-1."""

    def finish_all(self, coarse_output: CoarseOutput) -> Tensor:
        """Return the finest alpha everywhere, (1, 1, height, width), 0-1."""


type AnyNetwork = Network | GraphNetwork | PluginNetwork
"""In tensors, in arrays, or for a plug-in of VapourSynth."""


class Backend(NamedTuple):
    """A row of `BACKENDS`."""

    module: str
    """Its file. Its function `place` returns a network whose `backend` is this row's name."""
    devices: tuple[str, ...]
    """Kinds of devices that it runs on, as torch names them."""
    packages: tuple[str, ...]
    """What must be installed for it, as it is imported."""
    half_on: tuple[str, ...]
    """Kinds of devices on which it has half precision."""
    is_automatic: bool = True
    """Whether "auto" takes it; else its name alone does."""
    is_slow_to_resize: bool = False
    """Whether it takes long for each size of picture that it hasn't seen."""


BACKENDS = {
    "openvino": Backend(
        "openvino", ("cpu",), ("openvino", "onnx"), ("cpu",), is_slow_to_resize=True
    ),
    "onnxruntime": Backend("onnxruntime", ("cpu",), ("onnxruntime", "onnx"), ()),
    "torch": Backend("pytorch", ("cpu", "cuda"), ("torch",), ("cpu", "cuda")),
    "ort": Backend("plugins", ("cpu",), ("onnx",), (), is_automatic=False),
    "ov": Backend("plugins", ("cpu",), ("onnx",), (), is_automatic=False),
}
"""By name, in the order in which "auto" takes what is installed."""


def place(model: Model, compute: Compute) -> AnyNetwork:
    """
    Return what runs the network of `model`, by the backend of `compute`.

    Raises:
        MissingPackageError: The backend is not installed.
        SettingsError: There is no such backend, or the network is too light for half precision.
        WeightsError: The weights fit no network.
    """
    if compute.backend != "auto":
        return _placed(model, compute, compute.backend)
    *others, last = automatic_backends(compute)
    for name in others:
        try:
            return _placed(model, compute, name)
        except MissingPackageError as error:
            # Such as an OpenVINO beside which a plug-in of VapourSynth has loaded one of its own.
            _log.warning("%s; another backend is taken", error)
    return _placed(model, compute, last)


def _placed(model: Model, compute: Compute, backend: str) -> AnyNetwork:
    module = import_module(f"sghm_vs.models.backends.{row_of(backend).module}")
    return cast("AnyNetwork", module.place(model, compute))


def row_of(backend: str) -> Backend:
    """
    Return the row of `backend`.

    Raises:
        SettingsError: It has none.
    """
    if backend not in BACKENDS:
        msg = f"backend is {backend!r} and must be one of auto, {', '.join(BACKENDS)}"
        raise SettingsError(msg)
    return BACKENDS[backend]


def is_installed(backend: str) -> bool:
    """Return whether the packages of `backend` are installed."""
    return all(find_spec(package) is not None for package in BACKENDS[backend].packages)


def automatic_backends(compute: Compute) -> list[str]:
    """Return what "auto" takes for `compute`, the best first; torch where nothing is installed."""
    found = [
        name
        for name, row in BACKENDS.items()
        if compute.device.type in row.devices
        and row.is_automatic
        and is_installed(name)
        and not (compute.many_sizes and row.is_slow_to_resize)
        and (not compute.fp16 or compute.device.type in row.half_on)
    ]
    return found or ["torch"]
