"""One run of `sghm`: how far it is, what it says, and how it is ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from typing import Any, Callable, Dict, List, Optional

POLL_S = 0.2
NO_WINDOW = 0x08000000
"""CREATE_NO_WINDOW, which `subprocess` has on Windows alone."""
PATIENCE_S = 15.0
"""How long a run that was told to end may take to clean up."""


class Process:
    """
    A command that reports on stderr, JSON objects for progress and words for the log.

    `done` and `total` say how far it is, in frames; 0 of 0 before it begins.
    """

    def __init__(self, command: List[str], environment: Dict[str, str], log: str) -> None:
        self.done = self.total = 0
        self.was_cancelled = False
        self._told_at = 0.0
        self._last_words: List[str] = []
        self._log = log
        self._process = _started(command, environment)
        self._readers = [
            threading.Thread(target=self._follow, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def wait(self, every_moment: Callable[[], None]) -> int:
        """Return the exit code once it ends, and call `every_moment` a few times a second until."""
        while self._process.poll() is None:
            every_moment()
            time.sleep(POLL_S)
            if self.was_cancelled and time.monotonic() - self._told_at > PATIENCE_S:
                self._process.kill()
        for reader in self._readers:
            reader.join()
        return self._process.returncode

    def cancel(self) -> None:
        """Tell it to end; it removes what is unfinished."""
        if self.was_cancelled or self._process.poll() is not None:
            return
        self.was_cancelled = True
        self._told_at = time.monotonic()
        _end(self._process)

    def last_words(self) -> str:
        """Return what it said last: of a failure, why."""
        said = [line for line in self._last_words if line.startswith("sghm: ")]
        return (said or self._last_words or [""])[-1].strip()

    def _follow(self, stream: Any) -> None:
        with stream, open(self._log, "a", encoding="utf-8") as log:
            for line in stream:
                if not self._is_progress(line):
                    self._last_words = [*self._last_words[-20:], line]
                    log.write(line)
                    log.flush()

    def _is_progress(self, line: str) -> bool:
        told = _parsed(line)
        if told is None:
            return False
        self.done, self.total = int(told["done"]), int(told["total"])
        return True


def _parsed(line: str) -> Optional[Dict[str, Any]]:
    if not line.startswith('{"progress"'):
        return None
    try:
        told = json.loads(line)
        return told if {"done", "total"} <= set(told) else None
    except ValueError:
        return None


def _started(command: List[str], environment: Dict[str, str]) -> "subprocess.Popen[str]":
    # A group of its own, so that its children end with it and Nuke's Ctrl-C is Nuke's alone.
    group: Dict[str, Any] = (
        {"creationflags": NO_WINDOW} if os.name == "nt" else {"start_new_session": True}
    )
    return subprocess.Popen(
        command,
        # What it says is read as UTF-8, whatever the system's encoding.
        env={**environment, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        **group,
    )


def _end(process: "subprocess.Popen[str]") -> None:
    if os.name == "nt":
        # No signal reaches a process without a console; the next run removes what it leaves.
        process.terminate()
        return
    # It may have ended by itself in the meantime.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
