"""sghm nuke: what Nuke needs to work with mattes."""

from __future__ import annotations

import argparse
from pathlib import Path

from sghm_vs.cli import options


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "nuke",
        help="the bridge to Nuke, and comps for it",
        description="The bridge to Nuke, and comps for it. No Nuke was at hand to try them in.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    comp = actions.add_parser("comp", help="write a comp of a matte over a background, a .nk")
    comp.add_argument(
        "matte", type=Path, metavar="MATTE", help="what sghm wrote as EXR: x.####.exr, any layout"
    )
    comp.add_argument(
        "--plate",
        type=Path,
        metavar="FILE",
        help="the color: the plate, or what --layout fg wrote (default: the matte's own color)",
    )
    comp.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.nk")
    comp.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    comp.set_defaults(run=write_comp)


def write_comp(args: argparse.Namespace) -> int:
    """Write the comp that `args` name."""
    from sghm_vs.nuke.comps import comp, footage
    from sghm_vs.nuke.files import write_files
    from sghm_vs.nuke.script import write

    plate = None if args.plate is None else footage(args.plate)
    text = write(comp(footage(args.matte), plate))
    options.print_lines(map(str, write_files({args.output: text}, overwrite=args.overwrite)))
    return 0
