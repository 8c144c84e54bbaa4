"""
The command line: words become calls and one exit code.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed,
2 misused, 3 a report found what --fail-on names, 130 interrupted, 143 terminated, 141 nobody
reads the results.
"""

from __future__ import annotations

import argparse
import codecs
import errno
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from sghm_vs import __version__
from sghm_vs.cli import (
    batch,
    demo,
    doctor,
    eval,
    export,
    farm,
    hosts,
    matte,
    nuke,
    people,
    report,
    review,
    timeline,
    verify,
    weights,
)
from sghm_vs.errors import SghmError, last_words, standing, with_options
from sghm_vs.files import IS_WINDOWS
from sghm_vs.shots.signals import Ended, unwinding

FAILED = 1
MISUSED = 2
SIGNALED = 128
"""Plus the signal's number, as shells count: Ctrl-C is 130, SIGTERM 143."""
UNREAD = 141

NO_MEMORY = "out of memory; end other programs, or give smaller pictures"
OPENCV_WITHOUT_MEMORY = "(-4:Insufficient memory)"
"""In the words of its errors, which come from anywhere, also by way of VapourSynth."""

NAMED_TWICE = re.compile(r"^argument [^:]+: (?=--)")
"""Before words of ours that say which option they are of."""

NO_VALUE = re.compile(r"^argument (?:-\w/)?(--[\w-]+)(?:/\S+)*: expected one argument")

NEAR = 0.8
"""How alike, 0-1, words are one of which may mean the other."""

DLL_FAULTS = (126, 127, 193, 1114)
"""What Windows says of a DLL: it or one that it needs is missing, too old, of 32 bits, or fails."""

VERBS = (
    matte,
    people,
    batch,
    timeline,
    farm,
    hosts,
    nuke,
    export,
    verify,
    report,
    review,
    eval,
    weights,
    doctor,
    demo,
)


class Parser(argparse.ArgumentParser):
    """Refuses in a line what it does not understand: some verbs' usage fills a screen."""

    _given: Sequence[str] = ()

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse as argparse does; a verb refuses itself what is no word of its own."""
        self._given = sys.argv[1:] if args is None else args
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._near(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """End with `message` and where words are explained."""
        said = self._without_value(message) or NAMED_TWICE.sub("", message)
        self.exit(MISUSED, f"{self.prog}: error: {said}\n{self.prog} --help explains its words\n")

    def _without_value(self, message: str) -> str | None:
        """Return what to type where an option's value was taken for an option, as in --roi -5,0,9,9."""
        option = NO_VALUE.match(message)
        if option is None or option[1] not in self._given[:-1]:
            return None
        value = self._given[self._given.index(option[1]) + 1]
        if not value.startswith("-") or value in self._option_string_actions:
            return None
        return f"{option[1]} {value}: {value} reads as an option; type {option[1]}={value}"

    def _near(self, unknown: Sequence[str]) -> str:
        """Return the option that the first unknown one may mean, in words."""
        typed = next((word.split("=")[0] for word in unknown if word.startswith("--")), "")
        near = get_close_matches(typed, self._option_string_actions, 1, NEAR)
        return f"; did you mean {near[0]}?" if typed and near else ""


def build_parser(known: Sequence[ModuleType] = VERBS) -> argparse.ArgumentParser:
    """Return the parser of `sghm` with the verbs `known`."""
    parser = Parser(
        prog="sghm",
        description="Matte the people in footage, and write alpha that compositors can use.",
    )
    parser.add_argument("--version", action="version", version=f"sghm {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in known:
        verb.add_parser(verbs)
    _note_options(parser)
    return parser


def _note_options(parser: argparse.ArgumentParser) -> None:
    """Leave with each verb which options it has: what it refuses is to name no other."""
    parser.set_defaults(options=frozenset(parser._option_string_actions))
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                _note_options(verb)


MOVED = {
    ("bench",): "in a checkout type: python -m benchmarks",
    ("farm", "simulate"): "in a checkout type: python -m benchmarks simulate",
    ("farm", "warm"): "type: sghm farm start-worker",
    ("farm", "cool"): "type: sghm farm stop-worker",
    ("nle",): "type: sghm hosts",
}
"""Verbs of old, and what to type now."""


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line given in `words`, or the process's own, and return its exit code."""
    given = sys.argv[1:] if words is None else words
    for verb, now in MOVED.items():
        if tuple(given[: len(verb)]) == verb:
            rest = shlex.join(given[len(verb) :])
            return _fail(f"sghm {' '.join(verb)} has moved; {now} {rest}".rstrip(), MISUSED)
    return carry_out(build_parser(_asked_for(given)), words)


def _asked_for(words: Sequence[str]) -> Sequence[ModuleType]:
    """Return the one verb that `words` begin with, or all: the options of all take a while to build."""
    named = [verb for verb in VERBS if words and verb.__name__.rpartition(".")[2] == words[0]]
    return named or VERBS


def carry_out(parser: argparse.ArgumentParser, words: Sequence[str] | None) -> int:
    """Run the verb of `parser` that `words` name, and return its exit code."""
    _fill_closed_streams()
    _let_stdout_take_any_name()
    try:
        with unwinding(), standing(at_command_line=True):
            args = parser.parse_args(words)
            with with_options(getattr(args, "options", None) or parser._option_string_actions):
                code: int = args.run(args)
            sys.stdout.flush()
    except Ended as ended:
        said = "interrupted" if ended.number == signal.SIGINT else "terminated"
        return _fail(f"{said}; no unfinished output is left", SIGNALED + ended.number)
    except SghmError as error:
        return _fail(str(error), FAILED)
    except MemoryError:
        return _fail(NO_MEMORY, FAILED)
    except ImportError as error:
        return _fail(_not_loaded(error), FAILED)
    except OSError as error:
        return _unread() if _is_unread(error) else _fail(_words_of(error), FAILED)
    except Exception as error:
        if OPENCV_WITHOUT_MEMORY in str(error):
            return _fail(NO_MEMORY, FAILED)
        if not _is_vapoursynth_error(error):
            raise
        return _fail(last_words(error), FAILED)
    return code


def _fill_closed_streams() -> None:
    """Give a process that was started without standard streams (`>&-`) streams to nowhere."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # It takes the lowest free number, which a file of footage would get otherwise.
            os.open(os.devnull, os.O_RDWR)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - kept


def _let_stdout_take_any_name() -> None:
    """Print what the encoding of stdout lacks, as that of a Windows console does, rather than fail."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names that are no UTF-8 reach whoever reads our lines as they are.
        is_utf_8 = codecs.lookup(sys.stdout.encoding).name == "utf-8"
        sys.stdout.reconfigure(errors="surrogateescape" if is_utf_8 else "backslashreplace")


def _words_of(error: OSError) -> str:
    if getattr(error, "winerror", None) in DLL_FAULTS:
        return _not_loaded(error)
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _not_loaded(error: ImportError | OSError) -> str:
    if getattr(error, "name", None) == "torch":
        return "this needs torch, which is not installed; pip install torch"
    return f"a library can't be loaded: {error}; is memory left? Look with: sghm doctor"


def _is_unread(error: OSError) -> bool:
    """Tell whether nobody reads our results: of that, Windows says no more than that it is invalid."""
    is_invalid = error.errno == errno.EINVAL and error.filename is None
    return isinstance(error, BrokenPipeError) or (IS_WINDOWS and is_invalid)


def _fail(message: str, code: int) -> int:
    with suppress(OSError):
        sys.stderr.write(f"sghm: {message}\n")
    return code


def _unread() -> int:
    # What is still buffered would fail once more, when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UNREAD


def _is_vapoursynth_error(error: Exception) -> bool:
    # Asked by name: `sghm --help` must not load VapourSynth.
    module = sys.modules.get("vapoursynth")
    return module is not None and isinstance(error, module.Error)
