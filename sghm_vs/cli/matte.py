"""sghm matte: one shot, or a set of stills, from footage to files."""

from __future__ import annotations

import argparse
from pathlib import Path

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.options import OutputFormat, called, check_used, made_of

ONE_SHOTS = (
    "frames", "mask", "mask_start", "mask_tr", "trimap", "keys", "key_span", "keep",
    "holdout", "guide_start", "roi", "people",
    "host", "tr", "sc_threshold", "version", "start_number", "rate",
    "missing", "track",
)  # fmt: skip
"""Knobs that do nothing for unrelated pictures."""


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "matte",
        help="matte the people in one shot or in stills",
        description="Matte the people in one shot, or in each of a set of stills, and write it in "
        "one or several forms.",
    )
    parser.add_argument(
        "source",
        nargs="+",
        metavar="SOURCE",
        help="a movie, a sequence (plate.####.exr, plate.%%04d.png or a folder with one), a "
        "picture, or a .vpy script's output 0; a folder of unrelated pictures; with --stills "
        "any number of pictures and folders",
    )
    parser.add_argument(
        "--stills",
        action="store_true",
        help="matte each picture alone and write it under its own name: -o DIR/ for DIR/NAME.png, "
        "or -o DIR/{name}.exr; each person apart: -o DIR/{name}_{person}.png",
    )
    options.add_source_options(parser)
    options.add_output_options(parser)
    options.add_model_options(parser, guides=True)
    parser.add_argument(
        "--debug",
        metavar="DIR",
        help="also write each step to the alpha as DIR/STEP.mkv: guide, screen, segmentation, guidance, "
        "frame, band, trust, the difference from each frame alone, and with --people who is who",
    )
    options.add_settings_options(parser)
    options.add_report_options(parser)
    options.add_progress_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Matte the shot, or the stills, that `args` name."""
    from sghm_vs.shots.stills import are_stills

    options.bound_cache()
    options.take_settings(args)
    sources = [Path(source) for source in args.source]
    is_named_after = "host" not in options.values_from(args) and len(sources) == 1
    if args.stills or (is_named_after and are_stills(sources[0], args.output)):
        return _matte_stills(sources, args)
    if len(sources) > 1:
        msg = (
            f"{len(sources)} sources were given, {sources[0]} first; name a sequence as "
            '"plate.####.exr", or add --stills for unrelated pictures'
        )
        raise SourceError(msg)
    return _matte_shot(sources[0], args)


def _matte_shot(source: Path, args: argparse.Namespace) -> int:
    from sghm_vs.shots.shot import rotoscope

    options.take_review(args, source)
    with options.stdout_for_results(), options.progress_of("matte", args) as report:
        paths = rotoscope(
            options.opened(source, args),
            options.outputs_from(args),
            frames=options.values_from(args).get("frames"),
            matting=options.matting_from(args),
            delivery=options.delivery_from(args),
            tell=options.note_printer("matte", args),
            progress=report,
        )
    options.print_outputs(paths, args)
    return 0


def _check_stills(args: argparse.Namespace) -> None:
    """Refuse what would do nothing for pictures of which each is matted alone."""
    values = options.values_from(args)
    flags = [called(name) for name in ONE_SHOTS if name in values]
    if args.debug is not None:
        flags.append("--debug")
    if flags:
        are, them = ("is", "it") if len(flags) == 1 else ("are", "them")
        msg = (
            f"{', '.join(flags)} {are} for one shot, whose frames have neighbors and numbers; "
            f"leave {them} out with unrelated pictures"
        )
        raise SettingsError(msg)
    written = [output if Path(output).suffix else f"{output}.png" for output in args.output]
    # A picture says by itself who is who.
    asked = {name: value for name, value in values.items() if name != "person"}
    check_used(asked, written, made_of(OutputFormat, values))


def _matte_stills(sources: list[Path], args: argparse.Namespace) -> int:
    from sghm_vs.shots.stills import matte_stills

    _check_stills(args)
    with options.stdout_for_results(), options.progress_of("stills", args) as report:
        stills = matte_stills(
            sources,
            args.output,
            opening=options.opening_from(args),
            matting=options.matting_from(args),
            delivery=options.delivery_from(args),
            progress=report,
        )
    written = [path for still in stills if still.error is None for path in still.outputs]
    failed = {str(still.source): still.error for still in stills if still.error is not None}
    options.print_outputs(written, args, failed)
    return 1 if failed else 0
