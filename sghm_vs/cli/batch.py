"""sghm batch: many shots, one failing alone, with a manifest to go on from."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress, shots_progress
from sghm_vs.errors import SettingsError, SourceError, counted
from sghm_vs.options import BatchOptions

if TYPE_CHECKING:
    from sghm_vs.shots.batch.manifest import Entry
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.batch.planner import Planned
    from sghm_vs.shots.batch.requests import Batch

POLL_S = 2.0


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "batch",
        help="matte many shots into a folder, and go on where it broke off",
        description="Matte every shot that SOURCES are or hold. A shot that fails does not stop "
        "the others; DIR/manifest.json says what became of each, and --resume goes on from it.",
    )
    parser.add_argument(
        "source",
        nargs="*",
        metavar="SOURCE",
        help="movies, sequences (plate.####.exr, plate.1001-1040#.exr), globs, folders with all "
        "below them; or a list, .toml or .csv, of sources with their own options: [[shot]] "
        'source = "a.mov" tr = 0, or columns source,tr',
    )
    add_folder_options(parser)
    parser.add_argument(
        "--watch",
        type=Path,
        metavar="DIR",
        help="matte what is dropped into this folder, once it has settled, until Ctrl-C",
    )
    parser.add_argument(
        "--settle",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds that watched files must stay as they are (default: 10)",
    )
    add_shot_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where a batch's outputs go, and how it treats what is there."""
    parser.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="folder for all outputs"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan, and make nothing")
    options.add_group(parser, "batch", BatchOptions)


def add_shot_options(parser: argparse.ArgumentParser, *, of_edit: bool = False) -> None:
    """Add what a shot may have of its own; `of_edit` is where `--rate` is an edit's."""
    options.add_source_options(parser, of_edit=of_edit)
    options.add_form_options(parser, to=True)
    options.add_model_options(parser, guides=True)
    options.add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Matte the shots that `args` name."""
    if bool(args.source) == (args.watch is not None):
        msg = "give sources, or a folder to --watch: sghm batch plates -o mattes"
        raise SettingsError(msg)
    options.take_settings(args)
    options.say_host(args)
    if args.watch is not None:
        return _watch(args)
    return carry_out(batch_from(args), args)


def batch_from(args: argparse.Namespace) -> Batch:
    """Return the shots that `args` ask for."""
    from sghm_vs.shots.batch.requests import requests_from, shots_from

    folder = args.output.absolute()
    values, reviews = options.values_from(args), options.reads_reviews(args)
    requests = requests_from(args.source, values, folder, reviews=reviews)
    return shots_from(requests, folder, resumes=batch_options_from(args).resume)


def carry_out(batch: Batch, args: argparse.Namespace) -> int:
    """Make the shots of `batch`, or print the plan, and return the exit code."""
    from sghm_vs.shots.batch.planner import plan

    for note in batch.notes:
        options.say(note)
    if args.dry_run:
        planned = plan(batch.shots, args.output.absolute(), batch_options_from(args))
        print_plan(planned, batch, args)
        return 1 if batch.invalid else 0
    entries = make(batch, args)
    return print_result(entries, args, reported(args, wants=batch_options_from(args).report))


def reported(args: argparse.Namespace, *, wants: bool) -> list[Path]:
    """Write the report of all that the folder's manifest has done, if it is wanted; return its files."""
    from sghm_vs.shots.report import report_folder

    if not wants:
        return []
    with options.stdout_for_results():
        report = report_folder(
            args.output.absolute(), lambda name: progress(f"report {name}", quiet=args.quiet)
        )
    for words in report.said:
        options.say(words)
    return report.files


def make(batch: Batch, args: argparse.Namespace) -> list[Entry]:
    """Make the shots of `batch`, and return what became of them."""
    from sghm_vs.shots.batch.run import run_batch

    with options.stdout_for_results(), shots_progress(quiet=args.quiet) as listener:
        return run_batch(
            batch.shots,
            args.output,
            batch_options=batch_options_from(args),
            invalid=batch.invalid,
            listener=listener,
        )


def batch_options_from(args: argparse.Namespace) -> BatchOptions:
    """Return how the batch goes about, as `args` say."""
    return options.group_from(BatchOptions, args)


def print_plan(planned: Sequence[Planned], batch: Batch, args: argparse.Namespace) -> None:
    """Print what would be made, a shot a line."""
    if args.json:
        options.print_json({"shots": [_as_json(one) for one in planned],
                            "unfit": {one.key: one.reason for one in batch.invalid},
                            "left_out": [str(path) for path in batch.left_out]})  # fmt: skip
        return
    width = max((len(one.shot.name) for one in planned), default=0)
    options.print_lines(
        f"{one.shot.name:{width}}  {_status(one)}  {one.shot.key} ({_described_footage(one.shot)}) -> "
        f"{', '.join(one.shot.outputs)}"
        for one in planned
    )
    options.print_lines(f"{one.name}: invalid: {one.reason}" for one in batch.invalid)
    options.print_lines(f"left out: {path}" for path in batch.left_out)
    made = sum(one.status != "done" for one in planned)
    options.print_lines([f"{counted(made, 'shot')} to make, {len(planned) - made} done, "
                         f"{len(batch.invalid)} invalid; nothing was written"])  # fmt: skip


def _described_footage(shot: Shot) -> str:
    """Return what the footage of `shot` says of itself."""
    from sghm_vs.media.probe import probe

    if shot.source.suffix.lower() == ".vpy":
        return "a script"
    try:
        media = probe(shot.source, shot.opening.rate)
    except SourceError as error:
        return f"unreadable: {error}"
    size = f", {media.width}x{media.height}" if media.width else ""
    how = media.varying
    is_open = how is not None and not shot.opening.vfr
    rate = f"; its rate varies: --rate {media.rate} or --vfr is needed" if is_open else ""
    return f"{media.kind}, frames {media.frames}{size}{rate}"


def _status(planned: Planned) -> str:
    return f"again ({planned.reason})" if planned.status == "again" else planned.status


def _as_json(planned: Planned) -> Mapping[str, object]:
    shot = planned.shot
    return {
        "shot": shot.name,
        "source": str(shot.source),
        "frames": None if shot.frames is None else str(shot.frames),
        "outputs": shot.outputs,
        "status": planned.status,
        "reason": planned.reason,
    }


def print_result(
    entries: Sequence[Entry], args: argparse.Namespace, more: Sequence[Path] = ()
) -> int:
    """Print what was delivered, with `more` files, and what failed; return the exit code."""
    from sghm_vs.shots.batch.manifest import NAME

    folder: Path = args.output.absolute()
    done = [entry for entry in entries if entry.state == "done"]
    outputs = [folder / output for entry in done for output in entry.outputs]
    outputs += more
    failed = {entry.key: f"{entry.shot}: {entry.error}" for entry in entries if entry.error}
    options.print_outputs(outputs, args, failed)
    if failed:
        are = "is" if len(done) == 1 else "are"
        options.say(
            f"{counted(len(done), 'shot')} {are} done, {len(failed)} failed; see {folder / NAME}"
        )
    return 1 if failed else 0


def _watch(args: argparse.Namespace) -> int:
    """Matte what settles in the watched folder, until a signal."""
    from sghm_vs.shots.batch.requests import Batch, Request, reviewed, shots_from
    from sghm_vs.shots.batch.watch import Watch

    folder, values = args.output.absolute(), options.values_from(args)
    watch = Watch(args.watch.absolute(), args.settle, but=folder)
    args.resume = True
    while True:
        found = watch.settled()
        if found.footage:
            requests, rest = [Request(footage, values) for footage in found.footage], Batch([])
            if options.reads_reviews(args):
                requests = [reviewed(one, rest) for one in requests]
            carry_out(shots_from((requests, rest), folder, resumes=True), args)
        time.sleep(POLL_S)
