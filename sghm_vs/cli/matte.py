"""sghm matte: one shot, from footage to files."""

from __future__ import annotations

import argparse

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "matte",
        help="matte the people in one shot",
        description="Matte the people in one shot and write it in one or several forms.",
    )
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a movie, a sequence (plate.####.exr, plate.%%04d.png or a folder with one), a "
        "picture, or a .vpy script's output 0",
    )
    options.add_output_options(parser)
    options.add_model_options(parser)
    parser.add_argument(
        "--mask",
        metavar="FILE",
        help="footage or a picture, white where the people are, in place of the network's own "
        "segmentation",
    )
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Matte the shot that `args` name."""
    from sghm_vs.rotoscope import rotoscope

    options.bound_cache()
    with progress("matte", quiet=args.quiet) as report:
        paths = rotoscope(
            args.source,
            args.output,
            frames=args.frames,
            matting=options.matting_from(args),
            delivery=options.delivery_from(args),
            progress=report,
        )
    options.print_outputs(paths, args)
    return 0
