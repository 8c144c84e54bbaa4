"""Where a model's weights are: shipped with the package, in the user's home, or a file by path."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import platformdirs
from safetensors import SafetensorError, safe_open

from sghm_vs.errors import WeightsError
from sghm_vs.files import sha256_of

SHIPPED_MODEL = "sghm-lite"
VERSIONS = {
    "sghm-lite@9": "sghm-lite-9.safetensors",
    "sghm-lite@10": "sghm-lite-10.safetensors",
    "sghm-lite@11": "sghm-lite-11.safetensors",
    "sghm-lite@12": "sghm-lite-12.safetensors",
    "sghm-lite@13": "sghm-lite.safetensors",
}
"""Shipped files by the name that keeps a show at one of them."""
CURRENT_VERSION = "sghm-lite@13"
"""What `sghm-lite` means; its file has the plain name."""
PUBLISHED_MODEL = "sghm-resnet50"
HOME_VARIABLE = "SGHM_HOME"
RECORD_KEY = "sghm_vs"
"""Where in a safetensors file's metadata its record is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A published weight file, known by its hash."""

    model: str
    file: str
    size: int
    """In bytes."""
    sha256: str
    addresses: tuple[str, ...]
    """They serve the file itself; tried in this order."""
    by_hand: tuple[str, ...]
    """Folders that only a browser opens."""
    license: str

    @property
    def how_by_hand(self) -> str:
        """What to do where nothing can be fetched."""
        folders = " or ".join(self.by_hand)
        return f"by hand: download {self.file} from {folders}, then: sghm weights add FILE"


CHECKPOINTS = {
    PUBLISHED_MODEL: Checkpoint(
        model=PUBLISHED_MODEL,
        file="SGHM-ResNet50.pth",
        size=176_284_285,
        # Of the mirror's file: its authors have not published a hash.
        sha256="e61ddbda08bd556912dc0b1eca95dc90b830194c741e3350cc26a287cdbc0cfe",
        addresses=("https://huggingface.co/endorno/SGHM/resolve/main/SGHM-ResNet50.pth",),
        by_hand=(
            "https://drive.google.com/drive/folders/15mGzPJQFEchaZHt9vgbmyOy46XxWtEOZ",
            "https://pan.baidu.com/s/147xULbZ_FPNot0YWLZ-isQ (code u8g4)",
        ),
        license="the authors'; their code is MIT, for the weights they state none",
    )
}


@dataclass(frozen=True, slots=True)
class InstallRecord:
    """What an installed file remembers of the file that it was converted from."""

    source_sha256: str
    tensors_sha256: str
    """Of names, types, shapes and values; see `sghm_vs.models.install.digest`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A checkpoint file, and what to call it in logs and metadata."""

    name: str
    path: Path

    def sha256(self) -> str:
        """Return the file's SHA-256, in hexadecimal; read once, as long as the file stays as it is."""
        stat = self.path.stat()
        return _sha256(self.path, stat.st_size, stat.st_mtime_ns)

    def record(self) -> InstallRecord | None:
        """Return what the file remembers of its source; None if it was not installed by us."""
        try:
            with safe_open(self.path, framework="numpy") as file:
                return InstallRecord(**json.loads((file.metadata() or {})[RECORD_KEY]))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None

    def is_known(self) -> bool:
        """Return whether this is the shipped file, or one that was published, by its hash."""
        ours = [shipped(version) for version in VERSIONS]
        if self in ours:
            return True
        record = self.record()
        source = record.source_sha256 if record else self.sha256()
        published = {checkpoint.sha256 for checkpoint in CHECKPOINTS.values()}
        return source in published or source in {weights.sha256() for weights in ours}


def version_of(sha256: str) -> str | None:
    """Return the name that keeps a show at the shipped weights of this hash; None if there is none."""
    return next((each for each in VERSIONS if shipped(each).sha256() == sha256), None)


@cache
def _sha256(path: Path, _size: int, _modified_ns: int) -> str:
    return sha256_of(path)


def home_folder() -> Path:
    """Return the user's folder of weights: `SGHM_HOME`, or else where the platform keeps data."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_data_path("sghm-vs", appauthor=False)


def find_weights(model: str) -> Weights:
    """
    Return the weights that `model` names, without touching the network.

    Args:
        model: "sghm-lite", one of its versions such as "sghm-lite@9", "sghm-resnet50", the path
            of a checkpoint, or "auto": sghm-resnet50 if it is installed, else sghm-lite.

    Raises:
        WeightsError: There are none.
    """
    if model == "auto":
        return installed(PUBLISHED_MODEL) or shipped()
    if model == SHIPPED_MODEL:
        return shipped()
    if model in VERSIONS:
        return shipped(model)
    if model in CHECKPOINTS:
        found = installed(model)
        if found is None:
            raise WeightsError(_not_installed(CHECKPOINTS[model]))
        return found
    path = Path(model).expanduser()
    if not path.is_file():
        known = ", ".join(("auto", SHIPPED_MODEL, *VERSIONS, *CHECKPOINTS))
        msg = f"model {model!r} is neither a file nor one of {known}"
        raise WeightsError(msg)
    return Weights(path.name, path)


def installed(model: str, home: Path | None = None) -> Weights | None:
    """Return the weights of `model` in `home`, by default the user's; None if there are none."""
    path = installed_path(model, home)
    try:
        return Weights(model, path) if path.is_file() else None
    except OSError:
        return None  # A home that can't be read holds nothing for this user.


def installed_path(model: str, home: Path | None = None) -> Path:
    """Return where the weights of `model` are once they are installed."""
    return (home or home_folder()) / f"{model}.safetensors"


def shipped(version: str | None = None) -> Weights:
    """
    Return the weights that come with the package, installed or in a checkout.

    Args:
        version: A key of `VERSIONS`; None is `CURRENT_VERSION`.

    Raises:
        WeightsError: The installation is not whole.
    """
    models = Path(__file__).parent
    version = version or CURRENT_VERSION
    name = VERSIONS[version]
    for path in (models / name, models.parents[1] / "weights" / name):
        if path.is_file():
            return Weights(version, path)
    msg = f"{name} is missing from this installation; install sghm-vs again"
    raise WeightsError(msg)


def license_of(weights: Weights) -> str:
    """Return the terms of `weights`."""
    if weights.name in VERSIONS:
        return "Apache-2.0, see weights/MODEL_CARD.md of sghm-vs"
    known = CHECKPOINTS.get(weights.name)
    return "your own file's; ask whoever made it" if known is None else known.license


def _not_installed(checkpoint: Checkpoint) -> str:
    return (
        f"{checkpoint.model} is not installed in {home_folder()}; "
        f"type: sghm weights fetch {checkpoint.model}; or {checkpoint.how_by_hand}"
    )
