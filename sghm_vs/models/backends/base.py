"""What a backend is: it runs a network's steps. Adding one is a file here and a row in `BACKENDS`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import torch
from torch import Tensor

from sghm_vs.errors import SettingsError

if TYPE_CHECKING:
    from sghm_vs.models.backends.device import Compute
    from sghm_vs.models.sghm.encoder import Features
    from sghm_vs.models.sghm.network import SGHM, CoarseOutput
    from sghm_vs.models.sghm.squares import Square


class Network(Protocol):
    """A network on a device; `sghm_vs.models.sghm.network.SGHM` says what each step does."""

    trusts_mask: bool

    def to_small(self, image: Tensor) -> Tensor:
        """Return what the encoder sees of a picture at the network's size."""

    @property
    def backend(self) -> str:
        """Its name in `BACKENDS`."""

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

    def begin(
        self, image: Tensor, features: Features, mask: Tensor, cells: Tensor | None = None
    ) -> CoarseOutput:
        """Return what is needed everywhere: the coarse alphas, and what the rest is made from."""

    def finish(self, coarse_output: CoarseOutput, squares: Sequence[Square]) -> Tensor:
        """Return the finest alpha in equal `squares`, (squares, 1, side, side), 0-1."""

    def finish_all(self, coarse_output: CoarseOutput) -> Tensor:
        """Return the finest alpha everywhere, (1, 1, height, width), 0-1."""


class Backend(NamedTuple):
    """A row of `BACKENDS`."""

    module: str
    """Its file. Its function `place` returns a network whose `backend` is this row's name."""
    devices: tuple[str, ...]
    """Kinds of devices that it runs on, as torch names them."""
    package: str
    """What must be installed for it."""
    automatic_for: tuple[str, ...] | None = None
    """Architectures for which "auto" takes it where it is installed, unless a row above does; None is
    all, () none: by its name alone."""


BACKENDS = {
    # Worth the seconds in which it makes its programs for the heavy network alone.
    "openvino": Backend("openvino", ("cpu",), "openvino", automatic_for=("sghm-resnet50",)),
    "torch": Backend("pytorch", ("cpu", "cuda"), "torch"),
}
"""By name, the best first."""


def place(network: SGHM, architecture: str, compute: Compute) -> Network:
    """
    Return what runs `network`, which is of `architecture`, by the backend of `compute`.

    Raises:
        MissingPackageError: The backend is not installed.
        SettingsError: There is no such backend, or the network is too light for half precision.
    """
    chosen = compute.backend if compute.backend != "auto" else _best_backend(architecture, compute)
    module = import_module(f"sghm_vs.models.backends.{row_of(chosen).module}")
    return cast("Network", module.place(network, architecture, compute))


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
    """Return whether the package of `backend` is installed."""
    return find_spec(BACKENDS[backend].package) is not None


def _best_backend(architecture: str, compute: Compute) -> str:
    return next(
        name
        for name, row in BACKENDS.items()
        if compute.device.type in row.devices
        and (row.automatic_for is None or architecture in row.automatic_for)
        and is_installed(name)
    )
