"""sghm export: footage with a finished matte, written without running a network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError, SourceError

if TYPE_CHECKING:
    import vapoursynth as vs

    from sghm_vs.media.readers import Source


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
        help="a finished matte: footage with an alpha, or gray; needed unless the script sets one",
    )
    options.add_matte_channel(parser)
    parser.add_argument(
        "--alpha-start",
        type=int,
        metavar="N",
        help="the frame of the footage that the matte's first frame is of (default: as its "
        "sidecar, EXR headers, timecode or numbers say; else both are of equal length)",
    )
    options.add_source_options(parser)
    options.add_output_options(parser)
    options.add_report_options(parser)
    options.add_progress_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the footage that `args` name with its matte."""
    from sghm_vs.shots.shot import deliver, timecode_note

    frames, delivery = options.values_from(args).get("frames"), options.delivery_from(args)
    options.bound_cache()
    with options.stdout_for_results(), options.progress_of("export", args) as report:
        source = options.opened(args.source, args)
        options.note_printer("export", args)(timecode_note(source, frames, delivery))
        paths = deliver(
            source,
            _alpha(source, args),
            options.outputs_from(args, mattes=False),
            made_of={} if args.alpha is None else {"matte": Path(args.alpha)},
            frames=frames,
            delivery=delivery,
            metadata={"source": source.name, **_described_matte(args)},
            progress=report,
        )
    options.print_outputs(paths, args)
    return 0


def _described_matte(args: argparse.Namespace) -> dict[str, str]:
    """Return which matte `args` name, and what they say of it."""
    name = None if args.alpha is None else Path(args.alpha).name
    channel = options.values_from(args).get("matte_channel")
    said = {"matte": name, "matte_channel": channel, "alpha_start": args.alpha_start}
    return {key: str(value) for key, value in said.items() if value is not None}


def _alpha(source: Source, args: argparse.Namespace) -> vs.VideoNode:
    """Return the matte that `args` name, else the one that the source brings."""
    from sghm_vs.media.pairing import aligned, pair
    from sghm_vs.media.readers.mattes import open_matte

    said = options.values_from(args)
    if args.alpha is not None:
        matte = open_matte(args.alpha, said.get("matte_channel"), source)
        pairing = pair(matte, source, args.alpha_start, frames=said.get("frames"))
        return aligned(matte.clip, pairing, matte, source, said.get("frames"))
    if args.alpha_start is not None:
        msg = "--alpha-start says where the matte of --alpha begins; name it with --alpha MATTE"
        raise SettingsError(msg)
    if source.alpha is not None:
        return source.alpha
    msg = (
        f"{args.source} brings no alpha; name a matte with --alpha, or set one in the "
        "script: clip.set_output(alpha=matte)"
    )
    raise SourceError(msg)
