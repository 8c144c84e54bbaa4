"""
What Python starts with where a test stands in for Windows: on PYTHONPATH, for it and its children.

Below FAKE_WINDOWS_ROOT names are as there, and what is open can't be renamed, replaced or removed;
what was tried is written into FAKE_WINDOWS_REPORT. What Windows lacks is not there. It can't show
what libraries of other languages do there, how letters without case are found, or how it starts.
"""

import contextlib
import enum
import errno
import os
import signal
import sys
import types
import warnings
from pathlib import Path

ROOT = os.environ.get("FAKE_WINDOWS_ROOT", "/nowhere")
FORBIDDEN = set('<>:"|?*\\') | {chr(n) for n in range(32)}
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10))}
PATH_MAX = 259
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
LACKING = ("fork", "forkpty", "sync", "killpg", "getpgid", "mkfifo", "sched_getaffinity")
BREAK = 21


def names_are_wrong(path: str) -> str:
    """Say what Windows minds in a path below the root; by its documentation, not by our code."""
    for part in Path(path).relative_to(ROOT).parts:
        if part.split(".")[0].rstrip(" ").upper() in DEVICES:
            return f"{part} is a device"
        if FORBIDDEN & set(part) or part.endswith((".", " ")):
            return f"{part} is no name"
    return "too long" if len(path) > PATH_MAX else ""


def holders(path: str) -> list[str]:
    """Return the processes among this one and its children that have `path` open."""
    found = []
    for process in family(os.getpid()):
        folder = f"/proc/{process}/fd"
        with contextlib.suppress(OSError):
            links = {link_of(f"{folder}/{number}") for number in os.listdir(folder)}
            found += [str(process)] * (path in links)
    return found


def link_of(entry: str) -> str:
    """Return what an open file's entry leads to; "" of one that was closed meanwhile."""
    with contextlib.suppress(OSError):
        return os.readlink(entry)
    return ""


def family(process: int) -> list[int]:
    """Return `process` and all that it started."""
    try:
        tasks = os.listdir(f"/proc/{process}/task")
        text = " ".join(
            Path(f"/proc/{process}/task/{task}/children").read_text(encoding="ascii")
            for task in tasks
        )
    except OSError:
        return []
    return [process, *(one for child in text.split() for one in family(int(child)))]


def refuse(event: str, path: str, why: str, error: OSError) -> None:
    """Note what was tried, and fail as Windows does."""
    with open(os.environ["FAKE_WINDOWS_REPORT"], "a", encoding="utf-8") as report:
        report.write(f"{event} {path}: {why}\n")
    raise error


def whole(path: object, folder: int = -1) -> str:
    """Return an absolute path, whichever folder it counts from."""
    text = os.fsdecode(path)  # type: ignore[arg-type]
    at = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else os.getcwd()
    return os.path.normpath(os.path.join(at, text))


def audit(event: str, args: tuple) -> None:
    """Hold the rules wherever Python opens, makes, renames or removes something."""
    if event == "open" and isinstance(args[0], str | bytes):
        path, flags = whole(args[0]), args[2] or 0
        # psutil reads them too, and has other ways on Windows.
        if path.startswith(("/proc/", "/sys/")) and asked_by_us():
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        if path.startswith(ROOT) and (flags & WRITING) and (why := names_are_wrong(path)):
            refuse(event, path, why, OSError(errno.EINVAL, "Invalid argument", path))
    elif event == "os.mkdir" and (path := whole(args[0])).startswith(ROOT):
        if why := names_are_wrong(path):
            refuse(event, path, why, OSError(errno.EINVAL, "Invalid argument", path))
    elif event in ("os.rename", "os.remove"):
        folders = args[2:] if event == "os.rename" else args[1:]
        for path in map(whole, args[: len(folders)], folders):
            # filelock has another kind of lock there.
            is_ours = path.startswith(ROOT) and not path.endswith(".lock")
            if is_ours and (who := holders(path)):
                refuse(
                    event, path, f"{who} has it open", PermissionError(errno.EACCES, "held", path)
                )


def asked_by_us() -> bool:
    """Tell whether what is being opened is asked for by our code, pathlib in between left out."""
    frame = sys._getframe()
    while frame is not None and name_of(frame).startswith((__name__, "pathlib")):
        frame = frame.f_back
    return frame is not None and name_of(frame).startswith("sghm_vs")


def name_of(frame: types.FrameType) -> str:
    """Return the name of the module that `frame` is in."""
    return frame.f_globals.get("__name__", "")


for name in LACKING:
    if hasattr(os, name):
        delattr(os, name)
del signal.SIGHUP, signal.pthread_kill
there = {one.name: one.value for one in signal.Signals if one.name not in ("SIGHUP", "SIGTTIN")}
signal.Signals = enum.IntEnum("Signals", {**there, "SIGBREAK": BREAK})
signal.SIGBREAK = signal.Signals.SIGBREAK
sys.modules["fcntl"] = None
# What is opened as text says in which encoding.
warnings.filterwarnings("ignore", category=EncodingWarning)
warnings.filterwarnings("error", category=EncodingWarning, module="sghm_vs")

import sghm_vs.files  # noqa: E402

sghm_vs.files.IS_WINDOWS = True
sghm_vs.files.takes_long_paths = lambda: False
sghm_vs.files.PAUSES_S = (0.05,)
sys.addaudithook(audit)
