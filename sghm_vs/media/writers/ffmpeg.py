"""Which ffmpeg runs, and whether it can be trusted with alpha."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from sghm_vs.errors import ExportError

OLDEST_MAJOR = 7
# Development builds are numbered through; 7.0 was cut from about this one.
OLDEST_BUILD = 113848
VARIABLE = "SGHM_FFMPEG"


def find_ffmpeg() -> Path:
    """
    Return the ffmpeg to run: `SGHM_FFMPEG`, or else the one in imageio-ffmpeg's wheel.

    Raises:
        ExportError: There is none, or it is older than 7.0, whose ProRes alpha Apple's hardware
            decoders show as opaque.
    """
    chosen = os.environ.get(VARIABLE)
    path = Path(chosen) if chosen else _from_wheel()
    _check_version(path)
    return path


def _check_version(path: Path) -> None:
    version = read_version(path)
    if not is_new_enough(version):
        msg = (
            f"{path} is {version!r}, and alpha in ProRes is right "
            "only since "
            f"version 7; unset {VARIABLE} to use the one that was installed with sghm-vs"
        )
        raise ExportError(msg)


@cache
def read_version(path: Path) -> str:
    """
    Return what the ffmpeg at `path` says of itself: "ffmpeg version …".

    Raises:
        ExportError: It does not run as ffmpeg.
    """
    try:
        run = subprocess.run(
            [path, "-version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        msg = f"{path} does not run as ffmpeg; set {VARIABLE} to one of version 7 or newer"
        raise ExportError(msg) from error
    return run.stdout.split("\n", 1)[0].split(" Copyright")[0]


def is_new_enough(version: str) -> bool:
    """Return whether `version`, the first line that ffmpeg prints of itself, is 7.0 or newer."""
    if build := re.search(r"version N-(\d+)", version):
        return int(build[1]) >= OLDEST_BUILD
    release = re.search(r"version n?(\d+)", version)
    return release is not None and int(release[1]) >= OLDEST_MAJOR


def _from_wheel() -> Path:
    import imageio_ffmpeg

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        msg = f"there is no ffmpeg; pip install imageio-ffmpeg, or set {VARIABLE} to one"
        raise ExportError(msg) from error
