"""Checkpoints: read a file, tell which network it is, prepare the network for inference."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from sghm_vs.errors import WeightsError, listed
from sghm_vs.models.architectures import ARCHITECTURES, NAMES_LISTED_MAX, architecture_of
from sghm_vs.models.arrays import without_prefixes
from sghm_vs.models.sghm.network import SGHM

type StateDict = dict[str, Tensor]

WRAPPERS = ("params_ema", "state_dict", "model_state_dict", "model", "net", "weights")
"""Under which of its names a training's checkpoint has the tensors; averaged ones before others."""
WRAPPERS_DEEP = 4
"""So many of them within each other are looked into: a file may say that one holds itself."""

ARCHIVES = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "RAR",
}
"""How files begin that hold others; so cloud drives send what was asked for."""
STAND_INS = {b"<": "a web page", b"version https://git-lfs": "a pointer of Git LFS"}
"""How files begin that are sent where the file itself is not."""


def read_checkpoint(path: Path) -> StateDict:
    """
    Return the tensors in `path`, a .safetensors file or a torch checkpoint.

    Nothing in the file is run: torch checkpoints load with `weights_only`.

    Raises:
        WeightsError: The file is missing or holds no tensors.
    """
    if not path.is_file():
        msg = f"no checkpoint at {path}; give the path of a .pth or .safetensors file"
        raise WeightsError(msg)
    try:
        if _is_safetensors(path):
            from safetensors.torch import load_file

            return load_file(path)
        # Given a path, torch would go by its ending.
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # Torch's own words advise to load without `weights_only`: ours must not.
        raise WeightsError(_unreadable(path)) from error
    return _unwrapped(content, path)


def _unwrapped(content: object, path: Path) -> StateDict:
    """Return the named tensors in `content`, which may be below a training's name for them."""
    for _ in range(WRAPPERS_DEEP):
        if not isinstance(content, dict):
            break
        if all(isinstance(key, str) and isinstance(content[key], Tensor) for key in content):
            return content
        wrapper = next((key for key in WRAPPERS if isinstance(content.get(key), dict)), None)
        if wrapper is None:
            break
        content = content[wrapper]
    found = listed(content) if isinstance(content, dict) else f"a {type(content).__name__}"
    msg = (
        f"{path} holds no state dict, which is a dictionary of named tensors, alone or below "
        f"{', '.join(WRAPPERS[:-1])} or {WRAPPERS[-1]}; found: {found}; save it so: "
        'torch.save(model.state_dict(), "model.pth")'
    )
    raise WeightsError(msg)


def _unreadable(path: Path) -> str:
    """Return why `path` can't be read, and what to do."""
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if kind := "zip" if _is_foreign_zip(path) else _kind_of(head, ARCHIVES):
        return f"{path} is an archive ({kind}); unpack it, and give the checkpoint that is in it"
    if kind := _kind_of(head, STAND_INS):
        return f"{path} is {kind} in place of the file; download it again, in a browser"
    return (
        f"{path} can't be read as a checkpoint: it is damaged, something else, or holds more "
        "than tensors, which is never loaded; get the file again from where it was published"
    )


def _kind_of(head: bytes, kinds: Mapping[bytes, str]) -> str:
    return next((kind for begins, kind in kinds.items() if head.startswith(begins)), "")


def _is_foreign_zip(path: Path) -> bool:
    """Tell whether `path` is a whole zip archive that torch did not write: its own are that too."""
    try:
        with zipfile.ZipFile(path) as archive:
            return not any(name.endswith("/data.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return False  # A damaged one raises what it will.


def _is_safetensors(path: Path) -> bool:
    """Tell by the content: eight bytes of length, then JSON. Names are changed by browsers."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def build_network(state: StateDict, origin: str) -> tuple[str, SGHM]:
    """
    Return the name of the architecture that `state` fits, and that network ready for inference.

    Args:
        state: Tensors by the checkpoint's own names.
        origin: Where they come from, for error messages.

    Raises:
        WeightsError: Names or shapes fit no architecture.
    """
    name, network = build_plain_network(state, origin)
    fold_batch_norms(network)
    return name, network


def build_plain_network(state: StateDict, origin: str) -> tuple[str, SGHM]:
    """Return what `build_network` does, with every norm as the checkpoint has it."""
    state = bake_spectral_norms(without_prefixes(state))
    name = architecture_of(state, origin)
    with torch.device("meta"):
        network = ARCHITECTURES[name].build()
    state = _slice_segmentation_head(state, network.state_dict())
    _check(state, network.state_dict(), name, origin)
    network.load_state_dict(
        {
            key: value.float() if value.is_floating_point() else value
            for key, value in state.items()
        },
        assign=True,
    )
    return name, network.eval().requires_grad_(requires_grad=False)


def bake_spectral_norms(state: StateDict) -> StateDict:
    """
    Return `state` with each spectrally normalized kernel divided by its norm.

    The published network stores kernel `weight_bar` and singular vectors u, v, and divides by
    sigma = u . (W v) in every forward (Miyato et al., 2018). In inference sigma is constant.
    """
    suffix = ".module.weight_bar"
    baked = {key: value for key, value in state.items() if ".module.weight_" not in key}
    for key in state:
        if key.endswith(suffix):
            stem = key.removesuffix("_bar")
            kernel, u, v = state[key], state.get(f"{stem}_u"), state.get(f"{stem}_v")
            if u is None or v is None:
                msg = f"{key} has no {stem}_u and {stem}_v beside it: the checkpoint is incomplete"
                raise WeightsError(msg)
            # In double: float sums depend on how the file's tensors lie in memory.
            matrix = kernel.double().reshape(kernel.shape[0], -1)
            sigma = u.double().dot(matrix.mv(v.double()))
            baked[key.removesuffix(suffix) + ".weight"] = (kernel.double() / sigma).float()
    return baked


def fold_batch_norms(module: nn.Module) -> None:
    """Fold, in place, each batch norm that directly follows a convolution into that convolution."""
    previous: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        fold_batch_norms(child)
        if isinstance(child, nn.BatchNorm2d) and previous is not None:
            before, convolution = previous
            if isinstance(convolution, nn.Conv2d | nn.ConvTranspose2d):
                transposed = isinstance(convolution, nn.ConvTranspose2d)
                setattr(module, before, fuse_conv_bn_eval(convolution, child, transposed))
                setattr(module, name, nn.Identity())
        previous = name, child


def _slice_segmentation_head(state: StateDict, expected: StateDict) -> StateDict:
    """Return `state` with only the first, used output of the segmentation decoder."""
    used = expected["decoder.conv4.bias"].shape[0]
    return {
        key: value[:used].clone() if key.startswith("decoder.conv4.") else value
        for key, value in state.items()
    }


def _check(state: StateDict, expected: StateDict, name: str, origin: str) -> None:
    missing = sorted(expected.keys() - state.keys())
    unknown = sorted(state.keys() - expected.keys())
    shapes = [
        f"{key} is {tuple(state[key].shape)} and must be {tuple(expected[key].shape)}"
        for key in sorted(expected.keys() & state.keys())
        if state[key].shape != expected[key].shape
    ]
    broken = [
        key
        for key in sorted(expected.keys() & state.keys())
        if state[key].is_floating_point() and not state[key].isfinite().all()
    ]
    problems = [
        f"{len(names)} {what} ({listed(names, NAMES_LISTED_MAX)})"
        for what, names in (
            ("missing", missing),
            ("not expected", unknown),
            ("of another shape", shapes),
            ("with values that are no numbers", broken),
        )
        if names
    ]
    if problems:
        msg = f"{origin} is not a checkpoint of {name}: " + "; ".join(problems)
        raise WeightsError(msg)
