"""
The command line: words become calls and one exit code.

Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 1 failed,
2 misused, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sghm_vs import __version__
from sghm_vs.cli import demo, doctor, export, matte, score
from sghm_vs.errors import SghmError

FAILED = 1
INTERRUPTED = 130

VERBS = (matte, export, score, doctor, demo)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `sghm` with all its verbs."""
    parser = argparse.ArgumentParser(
        prog="sghm",
        description="Matte the people in footage, and write alpha that compositors can use.",
    )
    parser.add_argument("--version", action="version", version=f"sghm {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        verb.add_parser(verbs)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line given in `words`, or the process's own, and return its exit code."""
    args = build_parser().parse_args(words)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return _fail("interrupted; unfinished files were removed", INTERRUPTED)
    except SghmError as error:
        return _fail(str(error), FAILED)
    except OSError as error:
        return _fail(
            f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED
        )
    except Exception as error:
        if not _is_vapoursynth_error(error):
            raise
        return _fail(str(error).removeprefix("sghm: "), FAILED)
    return code


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"sghm: {message}\n")
    return code


def _is_vapoursynth_error(error: Exception) -> bool:
    # Asked by name: `sghm --help` must not load VapourSynth.
    module = sys.modules.get("vapoursynth")
    return module is not None and isinstance(error, module.Error)
