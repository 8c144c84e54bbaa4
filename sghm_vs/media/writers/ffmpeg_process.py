"""Frames into a process's standard input; its last words reach the user if it fails."""

from __future__ import annotations

import logging
import re
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from sghm_vs.errors import ExportError
from sghm_vs.files import APART, cannot_write, discard, give_name, kept_beside, part_of, refuse_held

logger = logging.getLogger(__name__)

LAST_WORDS_MAX = 600
END_WITHIN_S = 10
PIPE_BYTES = 2**20
UNDECODED = re.compile(r"Error while decoding stream|Error submitting packet to decoder")
"""What FFmpeg says, up to version 6 and since, of a packet whose samples it leaves out."""


class FramePipe:
    """
    A process that makes one file out of what is sent to it.

    Args of the constructor: the file; a function from the path to write to, which is hidden until
    the file is whole, to the command; and what is done there to the file that the command left.
    """

    def __init__(
        self,
        path: Path,
        command: Callable[[Path], list[str]],
        complete: Callable[[Path], None] | None = None,
    ) -> None:
        self._path = path
        self._part = part_of(path)
        self._command = command(self._part)
        self._complete = complete
        # A file, not a pipe: nobody has to drain it.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in abort()
        self._process: subprocess.Popen[bytes] | None = None
        self._refusal: OSError | None = None
        self._is_over = False
        self._beginning = threading.Lock()

    def start(self) -> None:
        """
        Start the process.

        In a thread, where no signal can cut in between the process and our knowing of it: one that
        nobody knows would go on and leave its file.

        Raises:
            ExportError: The process can't be run, or another program holds the file that is replaced.
        """
        refuse_held(self._path)
        thread = threading.Thread(target=self._begin, name="sghm-start")
        thread.start()
        thread.join()
        if self._refusal is not None:
            msg = f"{self._command[0]} can't be run: {self._refusal.strerror}"
            raise ExportError(msg) from self._refusal

    def _begin(self) -> None:
        with self._beginning:
            if self._is_over:
                return
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    **APART,
                )
            except OSError as error:
                self._refusal = error
                return
            _widen(self._input)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None  # noqa: S101 - it was started
        return self._process

    @property
    def _input(self) -> IO[bytes]:
        assert self._running.stdin is not None  # noqa: S101 - a pipe was asked for
        return self._running.stdin

    def send(self, data: memoryview) -> None:
        """Send bytes; waits while the process is busy."""
        try:
            self._input.write(data)
        except OSError as error:
            with suppress(subprocess.TimeoutExpired):
                self._running.wait(END_WITHIN_S)
            self._running.kill()
            raise self._failure() from error

    def finish(self) -> None:
        """Wait for the process, and give the file its name."""
        self._close_input()
        if self._running.wait() != 0:
            raise self._failure()
        try:
            if self._complete is not None:
                self._complete(self._part)
            give_name(self._part, self._path)
        except PermissionError as error:
            raise self._refused(error) from error
        except OSError as error:
            raise cannot_write(self._path, error) from error
        if UNDECODED.search(self._said()):
            logger.warning(
                "%s lacks sound where the footage's is damaged: it is silent there; copy the "
                "footage again, or look for its sound elsewhere",
                self._path.name,
            )
        self._errors.close()

    def _refused(self, error: PermissionError) -> ExportError:
        """Return what to say where the movie's place can't be taken; what took hours is kept."""
        kept = kept_beside(self._part, self._path)
        if kept is None:
            return cannot_write(self._path, error)
        return ExportError(
            f"{self._path} can't be replaced: {error.strerror}; is it open in another program? The new "
            f"movie is whole, as {kept}: close that program, and rename it"
        )

    def abort(self) -> None:
        """End the process and remove its file."""
        with self._beginning:
            self._is_over = True
        if self._process is not None:
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

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def _failure(self) -> ExportError:
        words = self._said()[-LAST_WORDS_MAX:]
        words = words or f"nothing, and ended with {self._running.wait()}"
        program = Path(self._command[0]).name
        return ExportError(f"{self._path} can't be written; {program} said: {words}")


def _widen(pipe: IO[bytes]) -> None:
    """Let more than 64 KiB wait in the pipe, where the system can: fewer turns for each frame."""
    with suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
