"""sghm hosts: scripts for programs that edit."""

from __future__ import annotations

import argparse
from pathlib import Path

from sghm_vs import hosts
from sghm_vs.cli import options
from sghm_vs.errors import ExportError


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "hosts",
        help="scripts that put mattes into editing programs",
        description="Scripts that put the mattes of sghm timeline into editing programs.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    path = actions.add_parser("path", help="print where the script for a program is")
    path.add_argument("program", choices=sorted(hosts.SCRIPTS))
    path.set_defaults(run=print_path)
    install = actions.add_parser("install", help="put the script where a program looks for it")
    install.add_argument("program", choices=["resolve"])
    install.add_argument(
        "--to",
        type=Path,
        metavar="DIR",
        help="the program's folder of scripts (default: its usual)",
    )
    install.set_defaults(run=install_script)


def install_script(args: argparse.Namespace) -> int:
    """Copy the script for the program that `args` name to where it looks for it."""
    from sghm_vs.files import whole_file

    source, folder = hosts.script(args.program), args.to or hosts.resolve_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {folder} can't be made: {error.strerror}; choose another with --to"
        raise ExportError(msg) from error
    with whole_file(folder / source.name) as part:
        part.write_bytes(source.read_bytes())
    options.print_lines([str(folder / source.name)])
    return 0


def print_path(args: argparse.Namespace) -> int:
    """Print where the script for the program that `args` name is."""
    options.print_lines([str(hosts.script(args.program))])
    return 0
