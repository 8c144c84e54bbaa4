"""sghm report: which frames of mattes need a look, and why, on a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError
from sghm_vs.options import Matting, ReportOptions, ShotOptions, options_of

if TYPE_CHECKING:
    from sghm_vs.shots.report import Report

CACHE_MIB = 64
"""Frames are asked for in order, and once."""
TOO_MANY = 3
"""The exit code where --fail-on finds what it names."""
NETWORKS = ("model", "device_index", "backend", "fp16")
"""What of `Matting` says which network is asked."""


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "report",
        help="look for what is wrong with mattes, and show it on a page",
        description="Look for faults in mattes of any tool, without a true matte: flag frames "
        "that jump or flicker, lack pieces or have too many, are late, soft, hazy or hard. Write "
        "one page that shows them, worst first, and report.json beside it for programs.",
    )
    parser.add_argument(
        "matte",
        nargs="+",
        metavar="MATTE",
        help="a movie with alpha or in gray, a sequence (matte.####.exr), a folder of these, or a "
        "batch's, edit's or farm's folder with its manifest.json",
    )
    parser.add_argument(
        "--plate",
        type=Path,
        action="append",
        default=[],
        metavar="SOURCE",
        help="the footage: far more is found with it. One for all mattes, one for each in their "
        "order, or a folder with footage of their names; a manifest names it itself",
    )
    parser.add_argument(
        "--matte-start",
        type=int,
        metavar="N",
        help="the frame of the plate that the matte's first frame is of (default: as its sidecar, EXR "
        "headers, timecode or numbers say; else both are of equal length)",
    )
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="HTML", help="the page: report.html"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a report that exists")
    options.add_matte_channel(parser)
    options.add_knob(parser, ShotOptions, "frames")
    options.add_group(parser, "report", ReportOptions)
    needless = [option.name for option in options_of(Matting) if option.name not in NETWORKS]
    options.add_group(parser, "network", Matting, but=needless)
    options.add_report_options(parser)
    options.add_progress_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report that `args` ask for."""
    from sghm_vs.shots.report import FLAG, wanted_from, write_report

    how = options.group_from(ReportOptions, args)
    with options.stdout_for_results():
        options.bound_cache(CACHE_MIB)
        wanted = wanted_from(args.matte, args.plate)
        if args.matte_start is not None and len(wanted) > 1:
            msg = f"{FLAG} says where one matte begins, and there are {len(wanted)}; leave it out"
            raise SettingsError(msg)
        if args.matte_start is not None and wanted[0].plate is None:
            msg = f"{FLAG} says where the matte begins in its plate; name it with --plate SOURCE"
            raise SettingsError(msg)
        report = write_report(
            wanted,
            args.output,
            how,
            matting=options.matting_from(args),
            matte_channel=options.values_from(args).get("matte_channel"),
            start=args.matte_start,
            frames=options.values_from(args).get("frames"),
            overwrite=args.overwrite,
            progress=lambda name: options.progress_of(name, args),
        )
    return print_result(report, how, args)


def print_result(report: Report, how: ReportOptions, args: argparse.Namespace) -> int:
    """Print what was found, and return the exit code."""
    options.print_outputs(report.files, args)
    for words in report.said:
        options.say(words)
    too_many = report.too_many(how)
    for words in too_many:
        options.say(f"--fail-on: {words}")
    if report.failed:
        return 1
    return TOO_MANY if too_many else 0
