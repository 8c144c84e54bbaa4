"""Put the bridge into a folder that Nuke loads at its start."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from sghm_vs.errors import ExportError
from sghm_vs.files import write_files

FOLDER = "sghm"
MARK = Path("python/sghm_nuke/__init__.py")
"""A folder that has it is the bridge."""
NOTE = Path("python/sghm_nuke/executable.txt")
LINE = f'nuke.pluginAddPath("./{FOLDER}")'
INIT = "import nuke"


@dataclass(frozen=True, slots=True)
class Installed:
    """What was done."""

    folder: Path
    files: int
    init: Path
    init_was_ready: bool
    executable: Path | None


def bridge_folder() -> Path:
    """
    Return where the bridge's files are, in an installation or in a checkout.

    Raises:
        ExportError: The installation is not whole.
    """
    here = Path(__file__).parent
    for folder in (here / "bridge", here.parents[2] / "nuke_bridge"):
        if (folder / MARK).is_file():
            return folder
    msg = "the bridge's files are missing from this installation; install sghm-vs again"
    raise ExportError(msg)


def install(home: Path) -> Installed:
    """
    Put the bridge into `home`, the user's folder of Nuke's, in place of an older one.

    Its `init.py` gets a line, if it hasn't one yet, and is else left as it is.

    Raises:
        ExportError: Something else lies where the bridge goes, or the folder can't be written.
    """
    folder = home / FOLDER
    if home.exists() and not home.is_dir():
        msg = f"{home} is a file; give a folder that Nuke looks for plug-ins in, such as ~/.nuke"
        raise ExportError(msg)
    if folder.exists() and not (folder / MARK).is_file():
        msg = f"{folder} is there, and isn't the bridge; move it away, or give another folder"
        raise ExportError(msg)
    files: dict[Path, bytes | str] = {
        folder / path: content for path, content in _contents().items()
    }
    executable = _own_executable()
    if executable is not None:
        files[folder / NOTE] = f"{executable}\n"
    write_files(files, overwrite=True)
    _remove_others(folder, set(files))
    init = home / "init.py"
    was_ready = _is_ready(init)
    if not was_ready:
        before = init.read_bytes() if init.exists() else b""
        write_files({init: _with_line(before)}, overwrite=True)
    return Installed(folder, len(files), init, was_ready, executable)


def _contents() -> dict[Path, bytes]:
    source = bridge_folder()
    paths = [path for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {path.relative_to(source): path.read_bytes() for path in sorted(paths)}


def _remove_others(folder: Path, files: set[Path]) -> None:
    """Remove what an older bridge left and this one hasn't: Nuke would load it."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path not in files:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _is_ready(init: Path) -> bool:
    if not init.exists():
        return False
    lines = init.read_bytes().splitlines()
    return any(line.strip().replace(b"'", b'"') == LINE.encode() for line in lines)


def _with_line(before: bytes) -> bytes:
    """Return `before`, whatever its encoding and its ends of lines, and what loads the bridge."""
    end = b"\r\n" if b"\r\n" in before else b"\n"
    if before and not before.endswith(b"\n"):
        before += end
    # A second import does no harm, and theirs may stand in a condition.
    return before + end.join((INIT.encode(), LINE.encode(), b""))


def _own_executable() -> Path | None:
    """Return this installation's `sghm`, or the one on PATH."""
    suffix = ".exe" if sys.platform == "win32" else ""
    beside = Path(sys.executable).parent / f"sghm{suffix}"
    if beside.is_file():
        return beside
    found = shutil.which("sghm")
    return None if found is None else Path(found).absolute()
