"""The network as files for Nuke: TorchScript, a script that makes .cat of it, a Cattery folder."""

from __future__ import annotations

import io
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from sghm_vs.errors import ExportError
from sghm_vs.files import write_files
from sghm_vs.hosts.nuke import cattery
from sghm_vs.hosts.nuke.script import Node, write, write_group
from sghm_vs.hosts.nuke.torchscript import OneFrame, ThreeFrames
from sghm_vs.models.checkpoint import build_network, read_checkpoint
from sghm_vs.models.weights import (
    SHIPPED_MODEL,
    VERSIONS,
    Weights,
    find_weights,
    license_of,
)

THREE = "_3frames"
README = "model_readme.md"


def export(model: str, folder: Path, *, overwrite: bool) -> list[Path]:
    """
    Write `model` for Nuke into `folder`, and return the paths of all files.

    Args:
        model: As `find_weights` takes it.
        folder: Made if it isn't there.
        overwrite: Whether files that are there are replaced.

    Raises:
        WeightsError: There are no such weights.
        ExportError: A file exists already, or can't be written.
    """
    weights = find_weights(model)
    architecture, network = build_network(read_checkpoint(weights.path), str(weights.path))
    name = node_name(weights)
    cats = folder / "Cattery" / name
    readme = _readme(name, weights, architecture)
    files: dict[Path, bytes | str] = {
        folder / f"{name}.pt": scripted(OneFrame(network)),
        folder / f"{name}{THREE}.pt": scripted(ThreeFrames(network)),
        folder / f"{name}_CatFileCreator.nk": write(_creators(name), "15.1 v1"),
        folder / "README.md": readme,
        cats / "README.md": readme,
        cats / "cat.json": cattery.cat_json((name, name + THREE)),
    }
    for kind in ("", THREE):
        node = cattery.node(name + kind, sees_neighbors=bool(kind))
        files[cats / f"{name}{kind}.gizmo"] = write_group(node)
    return write_files(files, overwrite=overwrite)


def _creators(name: str) -> list[Node]:
    creators = [
        cattery.creator(name + kind, name, sees_neighbors=bool(kind)) for kind in ("", THREE)
    ]
    for row, creator in enumerate(creators):
        creator.knobs |= {"xpos": 0, "ypos": 80 * row}
    return creators


def _readme(name: str, weights: Weights, architecture: str) -> str:
    return (
        (Path(__file__).parent / README)
        .read_text(encoding="utf-8")
        .format(
            name=name,
            three=name + THREE,
            model=weights.name,
            architecture=architecture,
            version=version("sghm-vs"),
            license=license_of(weights),
            oldest=cattery.OLDEST_NUKE,
        )
    )


def scripted(module: nn.Module) -> bytes:
    """
    Return the file of `module`, compiled: no size, device or knob is fixed in it.

    Raises:
        ExportError: This torch compiles no more TorchScript.
    """
    with warnings.catch_warnings():
        # Nuke takes nothing newer than TorchScript, which torch advises against.
        warnings.simplefilter("ignore", (DeprecationWarning, FutureWarning))
        try:
            compiled = torch.jit.script(module.eval())
        except (AttributeError, RuntimeError) as error:
            msg = f"torch {torch.__version__} can't make TorchScript: {error}; try torch 2.11"
            raise ExportError(msg) from error
        content = io.BytesIO()
        torch.jit.save(compiled, content)
    return content.getvalue()


def node_name(weights: Weights) -> str:
    """
    Return a name for files and nodes: letters, digits and underscores.

    It has no version of a shipped model's: a script's nodes stay when newer weights come.
    """
    name = SHIPPED_MODEL if weights.name in VERSIONS else weights.name
    return re.sub(r"\W+", "_", name.rsplit(".", 1)[0], flags=re.ASCII)
