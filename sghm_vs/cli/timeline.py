"""sghm timeline: an edit in; its mattes, and the edit with them, out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, options
from sghm_vs.errors import ExportError, SettingsError
from sghm_vs.options import BatchOptions, EditOptions

if TYPE_CHECKING:
    from sghm_vs.shots.timeline.matte_edit import EditPlan

EDITS = ("otio", "xml", "edl", "mlt")
USUAL_EDITS = EDITS[:3]


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "timeline",
        help="matte the clips of an edit, and write the edit with the mattes in it",
        description="Matte what an edit shows, with handles, and write the same edit with a track "
        "of mattes above each track of plates. Its manifest and --resume are those of sghm batch.",
    )
    parser.add_argument(
        "edit",
        type=Path,
        metavar="EDIT",
        help=".otio, .edl (CMX 3600), .xml (FCP 7), or what other adapters of OpenTimelineIO read",
    )
    batch.add_folder_options(parser)
    options.add_group(parser, "edit", EditOptions)
    parser.add_argument(
        "--edits",
        type=_edits,
        default=USUAL_EDITS,
        metavar="WORD,WORD",
        help=f"forms of the edit to write: {', '.join(EDITS)} (default: {','.join(USUAL_EDITS)}); "
        "mlt is a project for Kdenlive and Shotcut, best with --codec animation",
    )
    batch.add_shot_options(parser, of_edit=True)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Matte the edit that `args` name."""
    from sghm_vs.shots.timeline.matte_edit import mattes_of, write_edits

    options.take_settings(args)
    if "frames" in options.values_from(args):
        msg = "an edit says itself which frames it shows; widen them with --handles N"
        raise SettingsError(msg)
    options.say_host(args)
    plan = planned(args)
    for note in plan.notes:
        options.say(note)
    if args.dry_run:
        return batch.carry_out(plan.batch, args)
    _refuse_existing(plan, args)
    entries = batch.make(plan.batch, args)
    edits, notes = write_edits(plan, mattes_of(plan, entries), args.edits)
    for note in notes:
        options.say(note)
    edits += batch.reported(args, wants=batch.batch_options_from(args).report)
    return batch.print_result(entries, args, more=edits)


def planned(args: argparse.Namespace) -> EditPlan:
    """Return what is to be done for the edit that `args` name."""
    from sghm_vs.shots.timeline.matte_edit import plan_from

    return plan_from(
        args.edit.absolute(),
        args.output.absolute(),
        options.values_from(args),
        options.group_from(EditOptions, args),
        resumes=options.group_from(BatchOptions, args).resume,
        reviews=options.reads_reviews(args),
    )


def _refuse_existing(plan: EditPlan, args: argparse.Namespace) -> None:
    from sghm_vs.files import refuse_existing

    paths = [plan.edit_path(form) for form in args.edits]
    how = options.group_from(BatchOptions, args)
    if not how.resume and not how.overwrite:
        refuse_existing(paths)
    if plan.edit in paths:
        msg = f"{args.edit} would be replaced; choose another folder with -o"
        raise ExportError(msg)


def _edits(text: str) -> tuple[str, ...]:
    words = tuple(word for word in text.split(",") if word)
    unknown = [word for word in words if word not in EDITS]
    if unknown:
        msg = f"{unknown[0]!r} is no form of edit; known are {', '.join(EDITS)}"
        raise argparse.ArgumentTypeError(msg)
    return words
