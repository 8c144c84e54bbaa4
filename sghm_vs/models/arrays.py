"""A checkpoint as arrays; a .safetensors file is read without torch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from sghm_vs.errors import MissingPackageError, WeightsError
from sghm_vs.models.architectures import ARCHITECTURES, Architecture, architecture_of

WRAPPING_PREFIXES = ("module.", "_orig_mod.")
"""What DataParallel and torch.compile put before every name."""
NORMED = ".module.weight_"
"""In the names of kernels that are stored with their spectral norm."""


type Arrays = Mapping[str, NDArray[Any]]
"""Tensors by name."""


class Model(NamedTuple):
    """A network's weights, and which network they are of."""

    architecture: str
    arrays: Arrays
    """By name, as the checkpoint has them but for wrappings."""
    origin: str
    """Where they come from, for messages."""

    @property
    def row(self) -> Architecture:
        """The network's row."""
        return ARCHITECTURES[self.architecture]


def read_model(path: Path) -> Model:
    """
    Return what is in the checkpoint at `path`.

    Raises:
        WeightsError: It is none, or none of a known network.
        MissingPackageError: It needs torch to be read, which is not installed.
    """
    arrays = without_prefixes(read_arrays(path))
    return Model(architecture_of(arrays, str(path)), arrays, str(path))


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """
    Return the tensors in the checkpoint at `path`, in float32 where numpy lacks their type.

    Raises:
        WeightsError: It is none.
        MissingPackageError: It needs torch to be read, which is not installed.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except (OSError, SafetensorError, TypeError, AttributeError):
        # Not one, damaged, or of a type that numpy lacks: torch reads it or says what is wrong.
        return _read_by_torch(path)


def _read_by_torch(path: Path) -> dict[str, NDArray[Any]]:
    if find_spec("torch") is None:
        if not path.is_file():
            msg = f"no checkpoint at {path}; give the path of a .safetensors file"
            raise WeightsError(msg)
        msg = (
            f"{path} is no .safetensors file that can be read, and torch, which reads others, is not "
            "installed; pip install torch, or where it is: sghm weights add FILE"
        )
        raise MissingPackageError(msg)
    import torch

    from sghm_vs.models.checkpoint import read_checkpoint

    tensors = read_checkpoint(path)
    return {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        for name, tensor in tensors.items()
    }


def without_prefixes[Value](state: Mapping[str, Value]) -> dict[str, Value]:
    """Return `state` without the `WRAPPING_PREFIXES` that stand before every name, in any order."""
    names = {key: key for key in state}
    while prefix := next(
        (one for one in WRAPPING_PREFIXES if names and all(k.startswith(one) for k in names)), None
    ):
        names = {key.removeprefix(prefix): own for key, own in names.items()}
    return {key: state[own] for key, own in names.items()}


def without_spectral_norms(arrays: Arrays) -> dict[str, NDArray[Any]]:
    """
    Return `arrays` with each spectrally normalized kernel divided by its norm.

    See `sghm_vs.models.checkpoint.bake_spectral_norms`.

    Raises:
        WeightsError: A kernel lacks its vectors.
    """
    suffix = f"{NORMED}bar"
    baked = {key: value for key, value in arrays.items() if NORMED not in key}
    for key, kernel in arrays.items():
        if not key.endswith(suffix):
            continue
        stem = key.removesuffix("_bar")
        u, v = arrays.get(f"{stem}_u"), arrays.get(f"{stem}_v")
        if u is None or v is None:
            msg = f"{key} has no {stem}_u and {stem}_v beside it: the checkpoint is incomplete"
            raise WeightsError(msg)
        # In double: float sums depend on how the file's tensors lie in memory.
        wide = kernel.astype(np.float64)
        matrix = wide.reshape(len(wide), -1)
        sigma = u.astype(np.float64) @ (matrix @ v.astype(np.float64))
        baked[key.removesuffix(suffix) + ".weight"] = (wide / sigma).astype(np.float32)
    return baked
