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

Each message says what was found, what is needed and, where it helps, what to type: a line for the
script where a script asked, words for the command line where that did; see `cure`.
"""

from __future__ import annotations

import importlib
import re
import struct
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from types import ModuleType

OUR_ERROR = re.compile(r"^sghm_vs\.errors\.\w+: ")
"""How a traceback begins the line that says one of these."""
DAMAGES = (
    ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError, struct.error
)  # fmt: skip
"""What libraries raise at content that they don't foresee."""
LISTED_MAX = 8
"""Names that a message lists before it counts the rest."""
_is_typed = ContextVar("_is_typed", default=False)
"""Whether what is asked for was typed on the command line; else a script asks."""
_options = ContextVar[Collection[str] | None]("_options", default=None)
"""Options that there are for what is read; None is all."""


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


def cure(*, script: str, typed: str) -> str:
    """Return what helps where the user stands: what a `script` says, or what is `typed`."""
    return typed if _is_typed.get() else script


@contextmanager
def standing(*, at_command_line: bool) -> Iterator[None]:
    """Have messages speak to who stands at the command line, or else in a script."""
    token = _is_typed.set(at_command_line)
    try:
        yield
    finally:
        _is_typed.reset(token)


@contextmanager
def with_options(flags: Collection[str]) -> Iterator[None]:
    """Have messages on what is read meanwhile name, of the options that there are, `flags` alone."""
    before = _options.get()
    token = _options.set(flags if before is None else {*flags} & {*before})
    try:
        yield
    finally:
        _options.reset(token)


def if_there(flag: str, words: str, otherwise: str = "") -> str:
    """Return `words`, which name the option `flag`, if that can be typed for what is read."""
    there = _options.get()
    return words if there is None or flag in there else otherwise


def speaking_as_here[**Args, Result](call: Callable[Args, Result]) -> Callable[Args, Result]:
    """Return `call` for VapourSynth's threads, which else don't know where the user stands."""
    here = copy_context()

    def call_as_here(*args: Args.args, **named: Args.kwargs) -> Result:
        # A context is for one thread at a time.
        return here.copy().run(call, *args, **named)

    return call_as_here


def listed(names: Iterable[object], most: int = LISTED_MAX) -> str:
    """Return the first few of `names` for a message, and how many more there are."""
    shown = [str(name) for name in names]
    rest = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {rest} more" if rest > 0 else "")


def counted(number: int, noun: str) -> str:
    """Return `number` with its noun, in the plural where it is not one: 1 frame, 2 frames."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """
    Return the imported `module`.

    Raises:
        MissingPackageError: It is not installed, and the message names the extra that brings it; or
            it is, and can't be loaded.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f"{purpose} needs {module}, which is not installed; pip install 'sghm-vs[{extra}]'"
        raise MissingPackageError(msg) from error
    except ImportError as error:
        msg = f"{purpose} needs {module}, which can't be loaded: {error}; look with: sghm doctor"
        raise MissingPackageError(msg) from error


def last_words(error: Exception) -> str:
    """
    Return what `error` says.

    VapourSynth tells what failed in a frame's making with its traceback, whose last line says it.
    """
    text = str(error).strip().removeprefix("sghm: ")
    is_traceback = "Traceback (most recent call last)" in text
    return OUR_ERROR.sub("", text.splitlines()[-1]) if is_traceback else text


def message_of(error: Exception) -> str:
    """Return what `error` says, in a line; with its kind if that is not ours or VapourSynth's."""
    if isinstance(error, SghmError) or type(error).__name__ == "Error":
        return " ".join(last_words(error).split("\n"))
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {' '.join(last_words(error).split('\n'))}"
