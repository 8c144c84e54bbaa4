"""
The errors that users meet.

    SghmError
    + SettingsError        a knob is outside its range
    + UnsupportedClipError a clip that can't be matted
    + WeightsError         a checkpoint is missing or isn't one
    + DownloadError        a file can't be fetched
    + DeviceError          a device that isn't there
    + SourceError          footage that can't be read
    + ExportError          a file that can't be written
    + FarmError            a plan that can't be carried out as it is
    + MissingPackageError  an optional package isn't installed

Each message says what was found, what is needed and, where it helps, what to type.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from types import ModuleType

OUR_ERROR = re.compile(r"^sghm_vs\.errors\.\w+: ")
"""How a traceback begins the line that says one of these."""
LISTED_MAX = 8
"""Names that a message lists before it counts the rest."""


class SghmError(Exception):
    """Anything that sghm_vs refuses or fails at; the message is meant for users."""


class SettingsError(SghmError, ValueError):
    """A setting is outside its range."""


class UnsupportedClipError(SghmError, ValueError):
    """The clip has a format that can't be matted."""


class WeightsError(SghmError, ValueError):
    """A checkpoint is missing, or its content is not a network of ours."""


class DownloadError(SghmError, OSError):
    """A file can't be fetched from where it is published."""


class DeviceError(SghmError, RuntimeError):
    """The device asked for is not there."""


class SourceError(SghmError, OSError):
    """The footage can't be found or read."""


class ExportError(SghmError, OSError):
    """An output can't be written."""


class FarmError(SghmError, RuntimeError):
    """A plan is none, or can't be carried out here as it is."""


class MissingPackageError(SghmError, ImportError):
    """A feature needs a package that is not installed."""


def listed(names: Iterable[object], most: int = LISTED_MAX) -> str:
    """Return the first few of `names` for a message, and how many more there are."""
    shown = [str(name) for name in names]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """
    Return the imported `module`.

    Raises:
        MissingPackageError: It is not installed; the message names the extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        msg = f"{purpose} needs {module}, which is not installed; pip install 'sghm-vs[{extra}]'"
        raise MissingPackageError(msg) from error


def last_words(error: Exception) -> str:
    """
    Return what `error` says.

    VapourSynth tells what failed in a frame's making with its traceback, whose last line says it.
    """
    text = str(error).strip().removeprefix("sghm: ")
    is_traceback = "Traceback (most recent call last)" in text
    return OUR_ERROR.sub("", text.splitlines()[-1]) if is_traceback else text
