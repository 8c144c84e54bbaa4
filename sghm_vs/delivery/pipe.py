"""Frames into a process's standard input; its last words reach the user if it fails."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from sghm_vs.delivery.targets import cannot_write, discard, give_name, part_of
from sghm_vs.errors import ExportError

LAST_WORDS_MAX = 600
END_WITHIN_S = 10


class FramePipe:
    """
    A process that makes one file out of what is sent to it.

    Args of the constructor: the file, and a function from the path to write to, which is
    hidden until the file is whole, to the command.
    """

    def __init__(self, path: Path, command: Callable[[Path], list[str]]) -> None:
        self._path = path
        self._part = part_of(path)
        self._command = command(self._part)
        # A file, not a pipe: nobody has to drain it.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in abort()
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                # Ctrl-C is ours to handle: the process must not end before we say so.
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            msg = f"{self._command[0]} can't be run: {error.strerror}"
            raise ExportError(msg) from error
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._input = self._process.stdin

    def send(self, data: memoryview) -> None:
        """Send bytes; waits while the process is busy."""
        try:
            self._input.write(data)
        except OSError as error:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_WITHIN_S)
            self._process.kill()
            raise self._failure() from error

    def finish(self) -> None:
        """Wait for the process, and give the file its name."""
        self._close_input()
        if self._process.wait() != 0:
            raise self._failure()
        try:
            give_name(self._part, self._path)
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._errors.close()

    def abort(self) -> None:
        """End the process and remove its file."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._close_input()
        self._errors.close()
        discard(self._part)

    def _close_input(self) -> None:
        # What was still to be sent is lost with the process, and its exit code tells.
        with suppress(OSError):
            self._input.close()

    def _failure(self) -> ExportError:
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()[-LAST_WORDS_MAX:]
        words = words or f"nothing, and ended with {self._process.wait()}"
        program = Path(self._command[0]).name
        return ExportError(f"{self._path} can't be written; {program} said: {words}")
