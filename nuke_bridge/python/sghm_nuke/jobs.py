"""A run, from the button to the result: in the background with windows, in line without."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from typing import Callable, Dict, List, Optional, Tuple

import nuke

from . import changes
from . import node as nodes
from .command import Plate, Request, as_typed, finding, settings, words
from .errors import BridgeError, CancelledError
from .kept import keep, kept
from .launch import clean_environment, find_executable
from .plate import direct, render, working_space
from .process import Process

CANCELLED = "cancelled"
CHANGED = (
    "the plate is rendered, and is not the one whose people were found; press Find people for these "
    "frames"
)
_running: Dict[str, "Job"] = {}
_kept: List[str] = []
"""Folders that failures left for whoever repeats their command."""


class Job:
    """What one node has going on; made on the main thread, and only there does it touch Nuke."""

    def __init__(self, node: nuke.Node, asked: nodes.Asked, digest: str) -> None:
        self.node = node
        self.name = node.fullName()
        self.asked = asked
        self.digest = digest
        self.folder = tempfile.mkdtemp(prefix="sghm_", dir=os.environ.get("NUKE_TEMP_DIR"))
        self.log = os.path.join(self.folder, "sghm.log")
        self.command = []  # type: List[str]
        self.process = None  # type: Optional[Process]
        self.task = None  # type: Optional[nuke.ProgressTask]
        self._is_told = True

    def start(self) -> None:
        """Render what must be rendered, and start the process."""
        environment = clean_environment(os.environ, os.path.dirname(nuke.EXE_PATH))
        executable = find_executable(self.asked.executable, environment)
        guides = self.guides()
        request = self.asked.request
        nodes.claim(self.node, request.output, self.asked.frames)
        self.run(words(executable, request, self.plate(), guides), environment)

    def run(self, made: List[str], environment: Dict[str, str]) -> None:
        """Start the process whose command is `made`."""
        self.command = made
        nuke.tprint("sghm: %s: %s" % (self.name, as_typed(made)))
        reporting = [*made, "--progress", "json", "--quiet"]
        try:
            self.process = Process(reporting, environment, self.log)
        except OSError as error:
            raise BridgeError("%s can't be started: %s" % (made[0], error)) from error

    def guides(self) -> Dict[str, str]:
        """Return the files of what guides the matte, rendered, by the option that names them."""
        files = {}
        for name, guide in self.asked.guides.items():
            folder = os.path.join(self.folder, name)
            if name != "keys":
                files[name] = render(guide, "alpha", folder, self.asked.frames)
                continue
            for frame in self.asked.key_frames:
                render(guide, "rgba", folder, (frame, frame))
            files[name] = folder
        return files

    def as_files(self) -> Optional[Plate]:
        """Return the files that the plate shows, if they can be matted as they are."""
        asked = self.asked
        found = direct(asked.plate, asked.frames[0], asked.frames[1], asked.colorspace)
        # Keys have Nuke's numbers, and a movie's own frames others.
        return None if found is not None and found.offset and asked.key_frames else found

    def plate(self) -> Plate:
        """Return the files to matte, rendered if need be."""
        asked = self.asked
        found = self.as_files()
        if found is not None:
            return found
        if asked.people:
            rendered = kept(asked.plate, asked.people, asked.frames, asked.colorspace)
            if rendered is None:
                raise BridgeError(CHANGED)
            return rendered
        space = asked.colorspace or working_space()
        file = render(asked.plate, "rgb", self.folder, asked.frames)
        return Plate(file, asked.frames[0], asked.frames[1], colorspace=space)

    def follow(self) -> int:
        """Wait for the process on a thread of its own, and tell the main one how far it is."""
        assert self.process is not None
        return self.process.wait(self._tell)

    def _tell(self) -> None:
        # One at a time: while Nuke is busy they would pile up.
        if self._is_told:
            self._is_told = False
            nuke.executeInMainThread(self.show_progress)

    def show_progress(self) -> None:
        """Show how far it is, and hear whether the artist cancelled. On the main thread."""
        self._is_told = True
        if self.task is None or self.process is None:
            return
        done, total = self.process.done, self.process.total
        self.task.setProgress(int(100 * done / total) if total else 0)
        self.task.setMessage("%d of %d frames" % (done, total) if total else "loading")
        if self.task.isCancelled():
            self.process.cancel()

    def finish(self, code: int) -> None:
        """Show what became of it. On the main thread."""
        _running.pop(self.name, None)
        self.task = None
        assert self.process is not None
        if code == 0:
            self.succeed()
        elif self.process.was_cancelled:
            self.end_early()
        else:
            said = self.process.last_words() or "sghm ended with code %d" % code
            self.fail(said[len("sghm: ") :] if said.startswith("sghm: ") else said)

    def succeed(self) -> None:
        """Bring the result into the graph."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with_node(
            self.node,
            lambda: nodes.show_result(
                self.node, self.asked.request.output, self.asked.frames, self.digest
            ),
        )

    def end_early(self) -> None:
        """Say that it was cancelled; the result before stays."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with_node(self.node, lambda: nodes.say(self.node, CANCELLED))

    def fail(self, why: str) -> None:
        """Say why it failed, on the node and in Nuke's log, with the command to repeat it."""
        _kept.append(self.folder)
        repeat = as_typed(self.command) if self.command else ""
        with_node(self.node, lambda: nodes.show_failure(self.node, why, repeat))
        nuke.tprint("sghm: %s failed: %s" % (self.name, why))
        if repeat:
            nuke.tprint("sghm: to repeat it: %s\nsghm: its log: %s" % (repeat, self.log))


class Finding(Job):
    """Tells the people in a plate apart, and names the file of that in the node's knob."""

    def start(self) -> None:
        """Start the process."""
        environment = clean_environment(os.environ, os.path.dirname(nuke.EXE_PATH))
        executable = find_executable(self.asked.executable, environment)
        file = self.file()
        try:
            os.makedirs(os.path.dirname(file), exist_ok=True)
        except OSError as error:
            raise BridgeError("the folder of the output can't be made: %s" % error) from error
        # A file that the knob doesn't name is somebody else's.
        is_ours = self.asked.people == file
        if os.path.exists(file) and not is_ours:
            raise BridgeError("%s exists; name it in People to replace it, or move it away" % file)
        asked = self.asked
        found = self.as_files() or keep(asked.plate, file, asked.frames, asked.colorspace)
        made = finding(executable, asked.request, found, file)
        self.run(made + ["--overwrite"] * is_ours, environment)

    def file(self) -> str:
        """Return where the file of who is who goes."""
        return os.path.dirname(self.asked.request.output) + "/people.json"

    def succeed(self) -> None:
        """Name the file."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with_node(self.node, lambda: nodes.show_people(self.node, self.file()))


def find_people(node: nuke.Node) -> bool:
    """
    Tell the people in what `node` looks at apart, and return whether that is under way or done.

    Raises:
        BridgeError: Without windows, that it failed.
    """
    return _begin(node, lambda: Finding(node, nodes.asked(node), ""))


def matte(node: nuke.Node, force: bool = False) -> bool:
    """
    Matte what `node` looks at, unless nothing changed, and return whether that is under way or done.

    With windows it goes on in the background; without, it is done when this returns.

    Args:
        node: Of the class that SGHM_Matte.gizmo makes.
        force: Whether it is done again though nothing changed.

    Raises:
        BridgeError: Without windows, that it failed.
    """

    def make() -> Optional[Job]:
        asked = nodes.asked(node)
        digest = digest_of(asked)
        if not force and is_made(node, asked.request, asked.frames, digest):
            nodes.say(node, "frames %d-%d, up to date" % asked.frames)
            return None
        return Job(node, asked, digest)

    return _begin(node, make)


def _begin(node: nuke.Node, make: Callable[[], Optional[Job]]) -> bool:
    """Start the job that `make` returns, if any, unless `node` has one; return whether all is well."""
    if node.fullName() in _running:
        nodes.say(node, "already at work")
        return False
    job = None  # type: Optional[Job]
    try:
        job = make()
        if job is None:
            return True
        _running[job.name] = job
        job.start()
    except Exception as error:
        _running.pop(node.fullName(), None)
        if not isinstance(error, BridgeError):
            raise
        _refuse(node, job, error)
        return False
    if nuke.GUI:
        _watch(job)
    else:
        _see_through(job)
    return True


def cancel(node: nuke.Node) -> None:
    """End what `node` has going on, if it has."""
    job = _running.get(node.fullName())
    if job is not None and job.process is not None:
        job.process.cancel()


def make_read(node: nuke.Node) -> None:
    """Put a Read of the result of `node` beside it."""
    try:
        nodes.place_read(node)
    except BridgeError as error:
        nodes.say(node, str(error))


def matte_all() -> int:
    """Matte for every node of ours in the script, in order, and return how many there are."""
    found = [node for node in nuke.allNodes("Group") if nodes.STATE in node.knobs()]
    for node in sorted(found, key=lambda each: each.name()):
        matte(node)
    return len(found)


def digest_of(asked: nodes.Asked) -> str:
    """Return a text that changes with all that the result depends on."""
    environment = clean_environment(os.environ, os.path.dirname(nuke.EXE_PATH))
    facts = dict(
        settings(asked.request),
        frames=list(asked.frames),
        guides=sorted(asked.guides),
        key_frames=list(asked.key_frames),
        colorspace=asked.colorspace,
        working=str(nuke.root()["workingSpaceLUT"].value()),
    )
    files = [find_executable(asked.executable, environment), asked.request.model, asked.people]
    above = [asked.plate] + [asked.guides[name] for name in sorted(asked.guides)]
    return changes.digest(facts, above, files)


def is_made(node: nuke.Node, request: Request, frames: Tuple[int, int], digest: str) -> bool:
    """Return whether the result that `node` notes is the one that is asked for, and all there."""
    noted = nodes.state_of(node)
    if noted.get("digest") != digest or noted.get("output") != request.output:
        return False
    return all(map(os.path.exists, changes.numbered(request.output, frames)))


def with_node(node: nuke.Node, act: Callable[[], None]) -> None:
    """Do `act` to `node`, unless it was deleted in the meantime."""
    try:
        node.fullName()
    except ValueError:
        return  # Files are there; nobody is left to show them.
    act()


def _refuse(node: nuke.Node, job: Optional[Job], error: BridgeError) -> None:
    if job is None:
        nodes.show_failure(node, str(error), "")
        nuke.tprint("sghm: %s failed: %s" % (node.fullName(), error))
    elif isinstance(error, CancelledError):
        job.end_early()
    else:
        job.fail(str(error))
    if not nuke.GUI:
        raise error


def _watch(job: Job) -> None:
    job.task = nuke.ProgressTask("SGHM " + job.name)
    nodes.say(job.node, "at work")

    def follow() -> None:
        code = job.follow()
        nuke.executeInMainThread(job.finish, args=(code,))

    threading.Thread(target=follow, name="sghm " + job.name, daemon=True).start()


def _see_through(job: Job) -> None:
    assert job.process is not None
    said = [-1]

    def tell() -> None:
        assert job.process is not None
        if job.process.done != said[0] and job.process.total:
            said[0] = job.process.done
            nuke.tprint("sghm: %s: %d of %d frames" % (job.name, said[0], job.process.total))

    try:
        code = job.process.wait(tell)
    except BaseException:
        job.process.cancel()
        raise
    tell()
    job.finish(code)
    if code != 0:
        raise BridgeError("%s failed: %s" % (job.name, job.process.last_words()))


def _clean_up() -> None:
    """End what is at work and remove what was kept: Nuke is closing."""
    for job in list(_running.values()):
        if job.process is not None:
            job.process.cancel()
        shutil.rmtree(job.folder, ignore_errors=True)
    for folder in _kept:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(_clean_up)
