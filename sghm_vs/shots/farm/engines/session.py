"""
A worker that stays: it keeps the network loaded between the commands of a farm's session.

It listens on this machine alone, to whoever can read the key in the session's folder; what is said
is JSON. It ends when it is told to, and when its file is gone, as sessions remove their folders.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from sghm_vs.errors import FarmError, message_of
from sghm_vs.files import APART, whole_file
from sghm_vs.options import FrameRange
from sghm_vs.progress import Progress
from sghm_vs.shots.batch.render import Renderer, Rotoscoper
from sghm_vs.shots.farm.job import Job, jobs_of
from sghm_vs.shots.farm.plan import Plan
from sghm_vs.shots.farm.worker import bind_threads, loaded_for

NAME = "sghm-worker.json"
"""In the session's folder: where the worker listens, and the key."""
LOG = "sghm-worker.log"
HERE = "127.0.0.1"
START_S = 600.0
"""How long loading may take: a share may be slow."""
LOOK_S = 2.0


def start(plan: Path, folder: Path, *, is_mixed: bool) -> None:
    """
    Start a worker for `plan` that outlives this process, and return once it is ready.

    Raises:
        FarmError: It ended before; its words are in the message. Or `folder` is none.
    """
    if not folder.is_dir():
        msg = f"{folder} is no folder; make one for this session alone: mkdir {folder}"
        raise FarmError(msg)
    command = [sys.executable, "-m", "sghm_vs", "farm", "serve", str(plan), "--at", str(folder)]
    with (folder / LOG).open("wb") as log:
        worker = subprocess.Popen(
            [*command, *(["--mixed"] if is_mixed else [])],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Its log is read as UTF-8, whatever the system's encoding.
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            **APART,
        )
    deadline = time.monotonic() + START_S
    while not (folder / NAME).exists():
        if worker.poll() is not None or time.monotonic() > deadline:
            worker.kill()
            said = (folder / LOG).read_text(encoding="utf-8", errors="replace").strip()
            msg = (
                f"the worker did not get ready: {said.removeprefix('sghm: ') or 'it took too long'}"
            )
            raise FarmError(msg)
        time.sleep(0.05)


def serve(plan: Plan, folder: Path, *, is_mixed: bool) -> None:
    """
    Make chunks of `plan`, one at a time, as asked through `folder`, until told to end.

    Only for a process that is this worker and nothing else: it is bound to the plan's cores.

    Raises:
        FarmError: This machine is not as planned, and `is_mixed` doesn't allow it.
    """
    bind_threads(plan.worker.threads)
    render = Rotoscoper(loaded_for(plan, is_mixed=is_mixed))
    jobs = {job.shot.name: job for job in jobs_of(plan)}
    key = secrets.token_hex(32)
    with Listener((HERE, 0), authkey=bytes.fromhex(key)) as listener:
        place = folder / NAME
        with whole_file(place) as part:
            part.touch(mode=0o600)
            part.write_text(json.dumps({"port": listener.address[1], "key": key}), "utf-8")
        threading.Thread(target=_end_without, args=(place,), daemon=True).start()
        while True:
            with suppress(AuthenticationError, EOFError, OSError), listener.accept() as one:
                request = json.loads(one.recv_bytes())
                if request is None:
                    return
                _answer(one, request, jobs, render)


def _answer(
    connection: Connection, request: Mapping[str, str], jobs: Mapping[str, Job], render: Renderer
) -> None:
    def send(words: Mapping[str, Any]) -> None:
        connection.send_bytes(json.dumps(words).encode())

    def report(done: int, total: int) -> None:
        # Where nobody listens any more, this fails, and the chunk is given up.
        send({"done": done, "total": total})

    try:
        render(jobs[request["shot"]].task(FrameRange.parse(request["frames"])), report)
    except Exception as error:
        send({"failed": message_of(error)})
        return
    send({"made": request["frames"]})


def make_chunk(folder: Path, shot: str, frames: FrameRange, report: Progress) -> None:
    """
    Have the worker of `folder` make a chunk.

    Raises:
        FarmError: It failed, or there is no worker.
    """
    with _connected(folder) as connection:
        connection.send_bytes(json.dumps({"shot": shot, "frames": str(frames)}).encode())
        for said in _replies(connection):
            if "failed" in said:
                raise FarmError(str(said["failed"]))
            if "made" in said:
                return
            report(int(said["done"]), int(said["total"]))


def stop(folder: Path) -> None:
    """Tell the worker of `folder` to end; one that is gone has."""
    with suppress(FarmError), _connected(folder) as connection:
        connection.send_bytes(b"null")
    with suppress(OSError):
        (folder / NAME).unlink()


@contextmanager
def _connected(folder: Path) -> Iterator[Connection]:
    try:
        found = json.loads((folder / NAME).read_text(encoding="utf-8"))
        address, key = (HERE, int(found["port"])), bytes.fromhex(found["key"])
        with Client(address, authkey=key) as connection:
            yield connection
    except (AuthenticationError, EOFError, OSError, ValueError, KeyError) as error:
        if isinstance(error, FarmError):
            raise
        said = f"{folder} has no worker that answers: {error!r}; start one with: sghm farm start-worker"
        raise FarmError(said) from error


def _replies(connection: Connection) -> Iterator[dict[str, Any]]:
    while True:
        yield json.loads(connection.recv_bytes())


def _end_without(place: Path) -> None:
    while place.exists():
        time.sleep(LOOK_S)
    os._exit(0)
