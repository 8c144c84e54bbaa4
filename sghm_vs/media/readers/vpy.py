"""VapourSynth scripts: run as vspipe runs them, and their output 0 taken."""

from __future__ import annotations

import contextlib
import runpy
import sys
import traceback
from pathlib import Path

import vapoursynth as vs

from sghm_vs.errors import SourceError, standing


def run_script(path: Path) -> tuple[vs.VideoNode, vs.VideoNode | None]:
    """
    Run the script at `path` in the current environment, and return its output 0.

    As under vspipe, `__name__` is "__vapoursynth__" and the script's folder is the working
    folder while it runs. What it prints goes to stderr: stdout may carry video. Outputs set
    before are cleared.

    Returns:
        The clip, and the alpha that came with it or None.

    Raises:
        SourceError: The script raises, or sets no video as output 0.
    """
    vs.clear_outputs()
    script = path.resolve()
    try:
        with (
            contextlib.chdir(script.parent),
            contextlib.redirect_stdout(sys.stderr),
            standing(at_command_line=False),
        ):
            runpy.run_path(str(script), run_name="__vapoursynth__")
    except (Exception, SystemExit) as error:
        msg = f"{path} failed{_line(error, script)}: {_words(error)}"
        raise SourceError(msg) from error
    return _output(path)


def _output(path: Path) -> tuple[vs.VideoNode, vs.VideoNode | None]:
    output = vs.get_outputs().get(0)
    if output is None:
        msg = f"{path} sets no output 0; end it with clip.set_output()"
        raise SourceError(msg)
    if not isinstance(output, vs.VideoOutputTuple):
        msg = f"{path} has sound as output 0; set a video clip there"
        raise SourceError(msg)
    return output.clip, output.alpha


def _line(error: BaseException, script: Path) -> str:
    """Return where in the script `error` came from, as " in line 12"."""
    if isinstance(error, SyntaxError) and error.filename == str(script):
        return f" in line {error.lineno}"
    steps = traceback.extract_tb(error.__traceback__)
    lines = [step.lineno for step in steps if step.filename == str(script)]
    return f" in line {lines[-1]}" if lines else ""


def _words(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
