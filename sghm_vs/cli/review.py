"""sghm review: a shot on a local page, to look at, correct and save."""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import NoReturn

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError
from sghm_vs.options import Edges, ShotOptions
from sghm_vs.shots.signals import Ended

PORT_MAX = 65535
SIGNALED = 128
"""Plus the signal's number, as the other verbs end."""
HEADLESS = "open it in a browser on this machine; end with Ctrl-C"


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "review",
        help="look at a shot's matte on a local page, correct it, and save what mends it",
        description="Open a page, on this machine alone, that scrubs through a shot and its "
        "matte: try settings, paint keys, choose people, mark in and out. Settings and pictures "
        "of keys are saved beside the footage, and the next sghm matte takes them without an "
        "option.",
    )
    parser.add_argument("source", type=Path, metavar="SHOT", help="footage, as for sghm matte")
    parser.add_argument(
        "--matte",
        type=Path,
        metavar="MATTE",
        help="a finished matte of the shot: to compare with, and to find the frames that need a look",
    )
    parser.add_argument(
        "--at", type=int, metavar="N", help="the frame that the page opens on (default: the first)"
    )
    parser.add_argument(
        "--into",
        type=Path,
        metavar="DIR",
        help="where settings and keys are kept (default: SHOT.review beside the footage, where "
        "sghm matte finds them; elsewhere give it --settings DIR/settings.toml)",
    )
    parser.add_argument(
        "--port", type=int, default=0, metavar="N", help="of the page (default: a free one)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address alone")
    options.add_source_options(parser)
    options.add_knob(parser, ShotOptions, "frames")
    options.add_model_options(parser, guides=True)
    options.add_group(parser, "edges", Edges, description=options.EDGES)
    options.add_settings_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C."""
    from sghm_vs.shots.review.server import ReviewServer
    from sghm_vs.shots.review.session import Session
    from sghm_vs.shots.settings import NAME, review_folder

    if not 0 <= args.port <= PORT_MAX:
        msg = f"--port is {args.port} and must be from 0 to {PORT_MAX}"
        raise SettingsError(msg)
    options.bound_cache()
    folder = args.into or review_folder(args.source)
    if args.into is not None and args.settings is None and (folder / NAME).is_file():
        args.settings = folder / NAME
    options.take_settings(args)
    options.take_review(args, args.source)
    with options.stdout_for_results():
        source = options.opened(args.source, args)
        if args.at is not None and not source.frames.first <= args.at <= source.frames.last:
            msg = f"--at is {args.at}, and {source.name} has frames {source.frames}; type one of these"
            raise SettingsError(msg)
        values = options.values_from(args)
        if "model" in values and Path(values["model"]).is_file():
            # What is saved is read from anywhere.
            values["model"] = str(Path(values["model"]).absolute())
        session = Session(source, folder.absolute(), values, matte=args.matte)
    server = ReviewServer(session, args.port)
    url = server.url if args.at is None else f"{server.url}#frame={args.at}"
    if args.json:
        options.print_json({"url": url, "settings": str(session.path)})
    else:
        options.print_lines([url])
        options.say(f"{source.name}: {HEADLESS}; saved in {folder}")
    sys.stdout.flush()
    if args.matte is not None:
        session.measure()
    if not args.no_browser:
        webbrowser.open(url)
    try:
        server.serve_forever()
    except Ended as ended:
        _leave(ended)
    return 0


def _leave(ended: Ended) -> NoReturn:
    """End at once: frames in work would be waited for, and all that was painted is on the disk."""
    options.say("ended; keys are on the disk, and settings as they were saved last")
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(SIGNALED + ended.number)
