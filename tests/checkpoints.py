"""
Each kind of checkpoint file that a person may bring, and what becomes of it; see `tests.inputs`.

A new kind is an entry of `CHECKPOINTS` that makes a file in the folder it is given.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sghm_vs.errors import WeightsError
from sghm_vs.models.checkpoint import WRAPPERS
from sghm_vs.models.install import verify
from sghm_vs.models.weights import Weights, find_weights, shipped
from tests.seeded import seeded_state_dict

type State = dict[str, Tensor]


def outcome(make: Callable[[Path], Path]) -> str:
    """Return what becomes of the file, in a line."""
    with tempfile.TemporaryDirectory() as name:
        path = make(Path(name))
        try:
            find_weights(str(path))
        except WeightsError as error:
            return f"refused: {error}".replace(f"{name}/", "")
        verdict = verify(Weights(path.name, path))
        said = {"ok": "taken: ", "warning": "taken, with a warning: ", "bad": "refused: "}
        return (said[verdict.state] + verdict.says).replace(f"{name}/", "")


def lite() -> State:
    return dict(load_file(shipped().path))


def published() -> State:
    return {key: torch.from_numpy(value) for key, value in seeded_state_dict(1).items()}


def pth(folder: Path, content: object, name: str = "model.pth") -> Path:
    torch.save(content, folder / name)
    return folder / name


def written(folder: Path, content: bytes, name: str = "model.pth") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def changed(state: State, **tensors: Tensor) -> State:
    return {**state, **tensors}


def without(state: State, count: int) -> State:
    return dict(list(state.items())[count:])


def safetensors(folder: Path, name: str = "model.safetensors") -> Path:
    save_file(lite(), folder / name)
    return folder / name


def folder_of_weights(folder: Path) -> Path:
    (folder / "model.pth").mkdir()
    return folder / "model.pth"


def zip_of_weights(folder: Path) -> Path:
    inside = pth(folder, lite())
    with zipfile.ZipFile(folder / "drive.pth", "w") as archive:
        archive.write(inside, "SGHM-weights/model.pth")
    return folder / "drive.pth"


class Payload:
    """What a pickle that runs code holds."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("echo run",)


def first(state: State) -> str:
    return next(key for key, value in state.items() if value.is_floating_point())


CHECKPOINTS: dict[str, Callable[[Path], Path]] = {
    "the shipped one": lambda _: shipped().path,
    "sghm-lite, written anew as .safetensors": safetensors,
    "sghm-lite, .pth": lambda f: pth(f, lite()),
    ".safetensors called .pth": lambda f: safetensors(f, "model.pth"),
    ".pth called .safetensors": lambda f: pth(f, lite(), "model.safetensors"),
    ".pth called .ckpt": lambda f: pth(f, lite(), "model.ckpt"),
    "names and shapes of the published network, .pth": lambda f: pth(f, published()),
    "the same, in half precision": lambda f: pth(
        f, {k: v.half() if v.is_floating_point() else v for k, v in published().items()}
    ),
    "the same, without DataParallel's prefix": lambda f: pth(
        f, {k.removeprefix("module."): v for k, v in published().items()}
    ),
    "the same, below `state_dict`, with an optimizer beside it": lambda f: pth(
        f, {"state_dict": published(), "optimizer": {"lr": 0.1}, "epoch": 3}
    ),
    "sghm-lite, compiled: below `_orig_mod.`": lambda f: pth(
        f, {f"_orig_mod.{k}": v for k, v in lite().items()}
    ),
    **{
        f"sghm-lite, below `{name}`, with an optimizer beside it": (
            lambda f, name=name: pth(f, {name: lite(), "optimizer": {"lr": 0.1}, "epoch": 3})
        )
        for name in WRAPPERS
    },
    "sghm-lite, below `my_tensors`": lambda f: pth(f, {"my_tensors": lite(), "epoch": 3}),
    "sghm-lite, below `generator.`": lambda f: pth(
        f, {f"generator.{k}": v for k, v in lite().items()}
    ),
    "a spectral norm without its vectors": lambda f: pth(
        f, {k: v for k, v in published().items() if not k.endswith("weight_u")}
    ),
    "five tensors missing": lambda f: pth(f, without(lite(), 5)),
    "a tensor too many": lambda f: pth(f, changed(lite(), surplus=torch.zeros(2))),
    "a tensor of another shape": lambda f: pth(
        f, changed(lite(), **{first(lite()): torch.zeros(2)})
    ),
    "a tensor that holds NaN": lambda f: pth(
        f, changed(lite(), **{first(lite()): lite()[first(lite())] * float("nan")})
    ),
    "another network": lambda f: pth(f, {"conv1.weight": torch.zeros(8, 3, 3, 3)}),
    "an empty dictionary": lambda f: pth(f, {}),
    "a whole model, pickled": lambda f: pth(f, torch.nn.Linear(2, 2)),
    "a list": lambda f: pth(f, [1, 2]),
    "a dictionary of numbers": lambda f: pth(f, {"epoch": 3}),
    "a pickle that would run a program": lambda f: pth(f, Payload()),
    ".pth cut off at half": lambda f: written(f, pth(f, lite()).read_bytes()[:4_000_000]),
    ".safetensors cut off at half": lambda f: written(
        f, shipped().path.read_bytes()[:4_000_000], "model.safetensors"
    ),
    "a zip archive with the file in it, called .pth": zip_of_weights,
    "a web page": lambda f: written(f, b"<!DOCTYPE html><html></html>"),
    "a pointer of Git LFS": lambda f: written(
        f, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 8\n"
    ),
    "an empty file": lambda f: written(f, b""),
    "a folder": folder_of_weights,
    "nothing": lambda f: f / "nowhere.pth",
}
