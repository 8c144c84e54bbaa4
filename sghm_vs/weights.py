"""Where a model's weights are: shipped with the package, or a file of the user's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sghm_vs.errors import WeightsError

SHIPPED_MODEL = "sghm-lite"
PUBLISHED_MODEL = "sghm-resnet50"


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint file, and what to call it in logs and metadata."""

    name: str
    path: Path

    def sha256(self) -> str:
        """Return the file's SHA-256, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def find_weights(model: str) -> Weights:
    """
    Return the weights that `model` names: "auto", "sghm-lite", or the path of a checkpoint.

    Raises:
        WeightsError: There are none.
    """
    if model in ("auto", SHIPPED_MODEL):
        return Weights(SHIPPED_MODEL, _shipped())
    if model == PUBLISHED_MODEL:
        msg = (
            f"{PUBLISHED_MODEL} is not installed: its checkpoint can't be fetched by this version; "
            "download SGHM-ResNet50.pth by hand and give its path as the model"
        )
        raise WeightsError(msg)
    path = Path(model).expanduser()
    if not path.is_file():
        msg = f"model {model!r} is neither a file nor one of auto, {SHIPPED_MODEL}"
        raise WeightsError(msg)
    return Weights(path.name, path)


def _shipped() -> Path:
    """Return the shipped weight file, in an installed package or in a checkout."""
    package = Path(__file__).parent
    name = f"{SHIPPED_MODEL}.safetensors"
    for path in (package / "models" / name, package.parent / "weights" / name):
        if path.is_file():
            return path
    msg = f"{name} is missing from this installation; install sghm-vs again"
    raise WeightsError(msg)
