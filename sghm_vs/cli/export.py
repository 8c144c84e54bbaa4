"""sghm export: footage with a finished matte, written without running a network."""

from __future__ import annotations

import argparse

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import SourceError


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "export",
        help="write footage with a matte that exists",
        description="Write a script's output 0 with its alpha, or a plate with a finished matte.",
    )
    parser.add_argument(
        "source",
        metavar="SCRIPT.vpy|PLATE",
        help="a VapourSynth script whose output 0 has an alpha, or footage",
    )
    parser.add_argument(
        "--alpha",
        metavar="MATTE",
        help="footage whose first plane is the alpha; needed unless the script sets one",
    )
    options.add_output_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the footage that `args` name with its matte."""
    from sghm_vs.color import to_matte
    from sghm_vs.rotoscope import deliver
    from sghm_vs.source import open_source

    options.bound_cache()
    source = open_source(args.source)
    if args.alpha is not None:
        alpha = to_matte(open_source(args.alpha).clip)
    elif source.alpha is not None:
        alpha = source.alpha
    else:
        msg = (
            f"{args.source} brings no alpha; name a matte with --alpha, or set one in the "
            "script: clip.set_output(alpha=matte)"
        )
        raise SourceError(msg)
    with progress("export", quiet=args.quiet) as report:
        paths = deliver(
            source,
            alpha,
            args.output,
            frames=args.frames,
            delivery=options.delivery_from(args),
            metadata={"source": source.name},
            progress=report,
        )
    options.print_outputs(paths, args)
    return 0
