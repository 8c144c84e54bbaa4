"""sghm nle: scripts for programs that edit."""

from __future__ import annotations

import argparse

from sghm_vs import nle
from sghm_vs.cli import options


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "nle",
        help="scripts that put mattes into programs that edit",
        description="Scripts that put what sghm timeline wrote into programs that edit.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    path = actions.add_parser("path", help="print where the script for a program is")
    path.add_argument("program", choices=sorted(nle.SCRIPTS))
    path.set_defaults(run=print_path)


def print_path(args: argparse.Namespace) -> int:
    """Print where the script for the program that `args` name is."""
    options.print_lines([str(nle.script(args.program))])
    return 0
