"""
The user's own weights: fetched, or added by hand; kept as safetensors; checked when asked.

One process writes to a home at a time. What it writes appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors.numpy import save

from sghm_vs.errors import DownloadError, MissingPackageError, SghmError, WeightsError, require
from sghm_vs.files import renamed_when_whole, sweep
from sghm_vs.models.architectures import architecture_of
from sghm_vs.models.arrays import Arrays, Model, read_arrays, without_prefixes
from sghm_vs.models.download import Patience, download
from sghm_vs.models.weights import (
    CHECKPOINTS,
    HOME_VARIABLE,
    RECORD_KEY,
    SHIPPED_MODEL,
    VERSIONS,
    Checkpoint,
    InstallRecord,
    Weights,
    find_weights,
    home_folder,
    installed,
    installed_path,
)
from sghm_vs.progress import Progress

LOCK_TIMEOUT_S = 3600.0
"""For another process that is fetching the same file."""
UNKNOWN = (
    "its names and shapes are right, and its hash is not that of a known checkpoint: "
    "nobody vouches for its mattes"
)

_log = logging.getLogger(__name__)


def find_or_fetch(model: str, report: Progress | None = None) -> Weights:
    """
    Return the weights that `model` names as `find_weights` does, fetched first where they lack.

    "auto" fetches nothing: it always has weights.
    """
    if model in CHECKPOINTS:
        return fetch(model, report=report)
    return find_weights(model)


def fetch(
    model: str,
    *,
    home: Path | None = None,
    force: bool = False,
    patience: Patience | None = None,
    report: Progress | None = None,
) -> Weights:
    """
    Return the weights of `model` in `home`, fetched and converted if they are not there.

    Args:
        model: One of `CHECKPOINTS`.
        home: Where to install; None is `home_folder()`.
        force: Whether to fetch again what is there.
        patience: With servers; None is the defaults.
        report: Called with the number of bytes that are there and the number in all.

    Raises:
        WeightsError: `model` can't be fetched, or `home` can't be written.
        DownloadError: No address serves the published file.
    """
    checkpoint = _published(model)
    home = home or home_folder()
    if not force and (found := installed(model, home)):
        return found
    with _sole_writer(home):
        # Another process may have fetched it while this one waited.
        if not force and (found := installed(model, home)):
            return found
        part = home / f".part.{checkpoint.file}"
        _check_space(checkpoint, part)
        try:
            download(
                checkpoint.addresses,
                part,
                size=checkpoint.size,
                sha256=checkpoint.sha256,
                patience=patience,
                report=report,
            )
        except DownloadError as error:
            msg = f"{checkpoint.file} can't be fetched: {error}; {checkpoint.how_by_hand}"
            raise DownloadError(msg) from error
        weights = _install(part, checkpoint.sha256, home)
        part.unlink()
        return weights


def add(file: Path, *, home: Path | None = None, force: bool = False) -> Weights:
    """
    Install the checkpoint `file`, which stays where it is, and return its weights in `home`.

    Names and shapes decide which model it is. A hash that is not known is accepted, recorded
    and warned of.

    Raises:
        WeightsError: `file` is no checkpoint that can be installed, another one is installed
            and `force` is False, or `home` can't be written.
    """
    home = home or home_folder()
    sha256 = _sha256(file)
    with _sole_writer(home):
        weights = _install(file, sha256, home, replace=force)
    if not weights.is_known():
        _log.warning("%s: %s", file, UNKNOWN)
    return weights


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be thought of a weight file."""

    state: Literal["ok", "warning", "bad"]
    says: str


def verify(weights: Weights) -> Verdict:
    """Return whether the file of `weights` is whole, fits a network, and is known."""
    try:
        state = read_arrays(weights.path)
        model = fitting(state, weights.path)
        is_known = weights.is_known()
    except (WeightsError, MissingPackageError, OSError) as error:
        return Verdict("bad", str(error))
    record = weights.record()
    if record is not None and record.tensors_sha256 != digest(state):
        return Verdict("bad", "its tensors have changed since it was installed")
    if not is_known:
        return Verdict("warning", f"{model}; {UNKNOWN}")
    return Verdict("ok", f"{model}, as published")


def digest(state: Arrays) -> str:
    """Return a SHA-256 of the names, types, shapes and values in `state`, in the names' order."""
    sha256 = hashlib.sha256()
    for key in sorted(state):
        array = state[key]
        # Types by the names that torch has for them.
        sha256.update(f"{key} torch.{array.dtype} {array.shape}\n".encode())
        sha256.update(array.tobytes())
    return sha256.hexdigest()


def fitting(state: Arrays, path: Path) -> str:
    """
    Return the name of the network that the tensors in `path` fit.

    Raises:
        WeightsError: They fit none.
        MissingPackageError: Neither torch nor onnx is installed, which know.
    """
    arrays = without_prefixes(state)
    model = Model(architecture_of(arrays, str(path)), arrays, str(path))
    if find_spec("torch") is not None:
        from sghm_vs.models.backends.pytorch import network_of

        network_of(model)
    else:
        require("onnx", extra="onnxruntime", purpose="a look at weights without torch")
        from sghm_vs.models.graphs.network import checked

        checked(model)
    return model.architecture


def _published(model: str) -> Checkpoint:
    if model == SHIPPED_MODEL or model in VERSIONS:
        msg = f"{model} comes with the package; there is nothing to fetch"
        raise WeightsError(msg)
    if model not in CHECKPOINTS:
        msg = f"model {model!r} can't be fetched; known is {', '.join(CHECKPOINTS)}"
        raise WeightsError(msg)
    return CHECKPOINTS[model]


def _install(source: Path, sha256: str, home: Path, *, replace: bool = True) -> Weights:
    """Convert `source`, whose hash is `sha256`, into `home`."""
    state = read_arrays(source)
    model = fitting(state, source)
    if model not in CHECKPOINTS:
        msg = (
            f"{source} is a {model}, and that model comes with the package; "
            f"use this file by its path: --model {source}"
        )
        raise WeightsError(msg)
    found = installed(model, home)
    if found is not None and not replace:
        before = found.record()
        if before is not None and before.source_sha256 == sha256:
            return found
        msg = f"another file is installed as {model}, {found.path}; --force replaces it"
        raise WeightsError(msg)
    copies: dict[str, NDArray[Any]] = {
        key: np.array(value, order="C") for key, value in state.items()
    }
    record = InstallRecord(source_sha256=sha256, tensors_sha256=digest(copies))
    path = installed_path(model, home)
    with renamed_when_whole(path) as part:
        part.write_bytes(save(copies, {RECORD_KEY: json.dumps(asdict(record))}))
    return Weights(model, path)


@contextmanager
def _sole_writer(home: Path) -> Iterator[None]:
    """Keep other processes from writing to `home`, and put what the disk refuses into words."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(FileLock(home / ".lock")):
            sweep(home)
            yield
    except SghmError:
        raise
    except OSError as error:
        msg = (
            f"{home} can't be written: {error.strerror or error}; make room there or give it the "
            f"rights, or set {HOME_VARIABLE} to another folder"
        )
        raise WeightsError(msg) from error


@contextmanager
def _locked(lock: FileLock) -> Iterator[None]:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _log.warning("another process is writing to %s; waiting for it", lock.lock_file)
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    try:
        yield
    finally:
        lock.release()


def _check_space(checkpoint: Checkpoint, part: Path) -> None:
    """Refuse early what would fill the disk: the file is there twice while it is converted."""
    there = part.stat().st_size if part.exists() else 0
    needed = 2 * checkpoint.size - there
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        msg = (
            f"{part.parent} has {free / 1e6:.0f} MB free, and {needed / 1e6:.0f} MB are needed; "
            f"make room there, or set {HOME_VARIABLE} to a folder on another disk"
        )
        raise WeightsError(msg)


def _sha256(file: Path) -> str:
    try:
        return Weights(file.name, file).sha256()
    except OSError as error:
        msg = f"{file} can't be read: {error.strerror or error}; give the path of a checkpoint"
        raise WeightsError(msg) from error
