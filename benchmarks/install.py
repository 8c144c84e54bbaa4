"""What an installation downloads: MB by system and by extra, of wheels alone."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import tomllib
from pathlib import Path

from sghm_vs.cli import options
from sghm_vs.errors import SghmError

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
SYSTEMS = {
    "Windows x86-64": "windows",
    "Linux x86-64": "linux",
    "Linux arm64": "aarch64-manylinux_2_35",
}
"""As people say them, and as uv does."""
PYTHON = "3.12"


def extras() -> list[str]:
    """Return the names of the package's extras."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return sorted(project["optional-dependencies"])


def wheels(system: str, python: str = PYTHON, extra: str | None = None) -> dict[str, int]:
    """
    Return the packages that the newest versions bring, each with its wheel's bytes; asks the index.

    Args:
        system: As uv calls it.
        python: The version of Python, such as "3.12".
        extra: What is installed besides.

    Raises:
        SghmError: There are not wheels of all; the message is uv's.
    """
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        words = [
            "uv", "pip", "compile", "--quiet", "--only-binary", ":all:", "--no-header",
            "--python-platform", system, "--python-version", python,
            *(["--extra", extra] if extra else []),
            "--output-file", str(lock), str(PROJECT),
        ]  # fmt: skip
        run = subprocess.run(words, capture_output=True, text=True, check=False)
        if run.returncode:
            raise SghmError(run.stderr.strip())
        packages = tomllib.loads(lock.read_text(encoding="utf-8"))["packages"]
    # Of wheels for several ages of a system, one is downloaded.
    return {one["name"]: max(wheel["size"] for wheel in one["wheels"]) for one in packages}


def add_parser(measures: options.Verbs) -> None:
    """Add the benchmark to the command line."""
    what = "MB that an installation downloads, by system and extra; asks the package index"
    parser = measures.add_parser("install", help=what, description=f"{what}.")
    parser.add_argument("--json", action="store_true", help="print bytes as JSON on stdout")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print what the package brings, and what each extra adds to that."""
    sizes = {system: _sizes(name) for system, name in SYSTEMS.items()}
    if args.json:
        options.print_json(sizes)
        return 0
    rows = [["MB", *SYSTEMS], ["---"] * (1 + len(SYSTEMS))]
    rows += [[of, *(f"{sizes[system][of] / 1e6:.0f}" for system in SYSTEMS)]
             for of in next(iter(sizes.values()))]  # fmt: skip
    options.print_lines(f"| {' | '.join(row)} |" for row in rows)
    return 0


def _sizes(system: str) -> dict[str, int]:
    """Return the bytes of the package's wheels, of which torch and its own are told, and of extras."""
    plain = wheels(system)
    gpu = sum(size for name, size in plain.items() if name.startswith(("nvidia", "cuda", "triton")))
    sizes = {"sghm-vs": sum(plain.values()), "of it torch": plain["torch"], "of it for GPUs": gpu}
    for extra in extras():
        more = wheels(system, extra=extra)
        sizes[f"[{extra}]"] = sum(size for name, size in more.items() if name not in plain)
    return sizes
