"""sghm timeline: an edit in; its mattes, and the edit with them, out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import batch, options
from sghm_vs.cli.progress import shots_progress
from sghm_vs.errors import ExportError, SettingsError, SourceError, listed

if TYPE_CHECKING:
    import opentimelineio as otio

    from sghm_vs.shots.batch.manifest import Entry
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.batch.run import Unfit
    from sghm_vs.shots.timeline.ranges import Span
    from sghm_vs.shots.timeline.read import Cut
    from sghm_vs.shots.timeline.write import Matte

HANDLES = 8
EDITS = ("otio", "xml", "edl", "mlt")
USUAL_EDITS = EDITS[:3]
DEFAULT_RATE = Fraction(24)


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "timeline",
        help="matte the clips of an edit, and write the edit with the mattes in it",
        description="Matte what an edit shows, with handles, and write the same edit with a track "
        "of mattes above each track of plates. Work, manifest and --resume are sghm batch's.",
    )
    parser.add_argument(
        "edit",
        type=Path,
        metavar="EDIT",
        help=".otio, .edl (CMX 3600), .xml (FCP 7), or what other adapters of OpenTimelineIO read",
    )
    batch.add_folder_options(parser)
    add_edit_options(parser)
    parser.add_argument(
        "--edits",
        type=_edits,
        default=USUAL_EDITS,
        metavar="WORD,WORD",
        help=f"forms of the edit to write: {', '.join(EDITS)} (default: {','.join(USUAL_EDITS)}); "
        "mlt is a project for Kdenlive and Shotcut, best with --codec animation",
    )
    batch.add_shot_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def add_edit_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which frames of which media an edit means."""
    group = parser.add_argument_group("edit")
    group.add_argument(
        "--media",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder, with those below it, with media that is not where the edit says; found by "
        "name, reel and timecode",
    )
    group.add_argument(
        "--handles",
        type=int,
        default=HANDLES,
        metavar="N",
        help=f"frames more on either side, as far as the media goes (default: {HANDLES})",
    )
    group.add_argument(
        "--tracks",
        type=_tracks,
        default=(),
        metavar="N,N",
        help="video tracks to matte, counted from 1 (default: all)",
    )
    group.add_argument(
        "--rate",
        type=_rate,
        metavar="FPS",
        help="of an EDL, which doesn't say it: 24, 25, 23.976, 30000/1001 (default: what most of "
        "the media has, else 24)",
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """An edit, what is matted of it, and what can't be."""

    timeline: otio.schema.Timeline
    rate: Fraction
    spans: list[Span]
    batch: batch.Batch
    notes: list[str]


def run(args: argparse.Namespace) -> int:
    """Matte the edit that `args` name."""
    if args.frames is not None or args.handles < 0:
        msg = "an edit says itself which frames it shows; widen them with --handles N, N >= 0"
        raise SettingsError(msg)
    options.say_host(args)
    plan = plan_from(args)
    for note in plan.notes:
        options.say(note)
    if args.dry_run:
        return batch.carry_out(plan.batch, args)
    _refuse_existing(args)
    entries = _render(plan, args)
    by_shot = {entry.shot: entry for entry in entries}
    mattes = _mattes(plan, by_shot, args)
    edits = _write_edits(plan, mattes, args)
    return batch.print_result(entries, args, more=edits)


def plan_from(args: argparse.Namespace) -> Plan:
    """Return what is to be done for the edit that `args` name."""
    from sghm_vs.shots.timeline.find_media import MediaFinder
    from sghm_vs.shots.timeline.ranges import find_uses, spans_of
    from sghm_vs.shots.timeline.read import EDL_SUFFIX, read_cuts, read_edit

    edit: Path = args.edit.absolute()
    finder = MediaFinder([folder.absolute() for folder in args.media], but=args.output.absolute())
    notes = []
    rate: Fraction | None = args.rate
    if rate is None and edit.suffix.lower() == EDL_SUFFIX:
        rate = finder.usual_rate() or DEFAULT_RATE
        notes.append(f"{edit.name} is read at {_words(rate)} frames a second; else give --rate")
    timeline = read_edit(edit, rate)
    cuts = read_cuts(timeline, edit.parent, args.tracks)
    if not cuts:
        msg = f"{edit} shows no clips in these tracks; choose others with --tracks"
        raise SourceError(msg)
    notes += [f"{cut.key}: {', '.join(cut.notes)}" for cut in cuts if cut.notes]
    uses, unfit = find_uses(cuts, finder, args.handles)
    spans = spans_of(uses)
    made = batch.Batch(
        _shots(spans, args), [_unfit(cuts[number], why) for number, why in unfit.items()]
    )
    return Plan(timeline, cuts[0].rate, spans, made, notes)


def _unfit(cut: Cut, reason: str) -> Unfit:
    from sghm_vs.shots.batch.names import safe_name
    from sghm_vs.shots.batch.run import Unfit

    return Unfit(safe_name(cut.name), cut.key, f"{cut.where}: {reason}")


def _shots(spans: Sequence[Span], args: argparse.Namespace) -> list[Shot]:
    """Return a shot for each of `spans`, called after the first clip that uses it."""
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.timeline.find_media import stem_of

    shots = [
        Shot(
            name="",
            source=span.media.path,
            outputs=(),
            frames=span.frames,
            opening=options.opening_from(args),
            matting=options.matting_from(args),
            delivery=options.delivery_from(args),
        )
        for span in spans
    ]
    names = [_stem(span.uses[0].cut.name) or stem_of(span.media.path.name) for span in spans]
    folder: Path = args.output.absolute()
    return batch.with_names(shots, [(name,) for name in names], [args] * len(shots), folder)


def _stem(name: str) -> str:
    from sghm_vs.media.sequences import PICTURE_SUFFIXES
    from sghm_vs.shots.batch.find import MOVIE_SUFFIXES

    path = Path(name)
    return path.stem if path.suffix.lower() in MOVIE_SUFFIXES | PICTURE_SUFFIXES else name


def _render(plan: Plan, args: argparse.Namespace) -> list[Entry]:
    from sghm_vs.shots.batch.run import run_batch

    with options.stdout_for_results(), shots_progress(quiet=args.quiet) as listener:
        return run_batch(
            plan.batch.shots,
            args.output,
            conduct=batch.conduct_from(args),
            unfit=plan.batch.unfit,
            listener=listener,
        )


def _mattes(plan: Plan, entries: Mapping[str, Entry], args: argparse.Namespace) -> dict[int, Matte]:
    """Return the mattes that were made, by the number of the clip."""
    from sghm_vs.media.sequences import SequencePath
    from sghm_vs.shots.timeline.write import Matte

    folder: Path = args.output.absolute()
    mattes: dict[int, Matte] = {}
    for shot, span in zip(plan.batch.shots, plan.spans, strict=True):
        entry = entries[shot.name]
        if entry.state != "done":
            continue
        paths = [folder / output for output in shot.outputs]
        sequences = [SequencePath.parse(path) for path in paths]
        movies = [path for path, one in zip(paths, sequences, strict=True) if one is None]
        numbered = [one for one in sequences if one is not None]
        for use in span.uses:
            mattes[use.cut.number] = Matte(
                use=use,
                shot=shot.name,
                frames=span.frames,
                first_number=entry.numbers[0],
                movie=movies[0] if movies else None,
                sequence=numbered[0] if numbered else None,
            )
    return mattes


def _edit_path(form: str, args: argparse.Namespace) -> Path:
    folder: Path = args.output.absolute()
    return folder / f"{args.edit.stem}_mattes.{form}"


def _refuse_existing(args: argparse.Namespace) -> None:
    from sghm_vs.media.targets import refuse_existing

    if not args.resume and not args.overwrite:
        refuse_existing([_edit_path(form, args) for form in args.edits])
    if args.edit.absolute() in [_edit_path(form, args) for form in args.edits]:
        msg = f"{args.edit} would be replaced; choose another folder with -o"
        raise ExportError(msg)


def _write_edits(plan: Plan, mattes: Mapping[int, Matte], args: argparse.Namespace) -> list[Path]:
    """Write the edit with its mattes in the forms asked for; one that can't hold it is named."""
    from sghm_vs.shots.timeline import write as output

    edited = output.with_mattes(plan.timeline, mattes, args.tracks)
    jobs: list[tuple[Path, Callable[[Path], None]]] = []
    if "otio" in args.edits:
        jobs.append((_edit_path("otio", args), partial(output.write_otio, edited)))
    if "xml" in args.edits:
        xml = _edit_path("xml", args)
        jobs.append((xml, partial(output.write_xml, edited, mattes)))
        if lost := output.speeds_lost_in_xml(edited):
            options.say(f"{xml} has no changes of speed; set them anew: {listed(lost)}")
    if "mlt" in args.edits:
        jobs.append((_edit_path("mlt", args), partial(_write_mlt, plan, edited, mattes)))
    if "edl" in args.edits:
        alone = output.mattes_alone(edited)
        for label, edit in alone.items():
            form = "edl" if len(alone) == 1 else f"{label}.edl"
            jobs.append((_edit_path(form, args), partial(output.write_edl, edit, plan.rate)))
    return [path for path, write in jobs if _is_written(path, write)]


def _write_mlt(
    plan: Plan, edited: otio.schema.Timeline, mattes: Mapping[int, Matte], path: Path
) -> None:
    """Write a project of the size and rate of the first movie."""
    from sghm_vs.shots.timeline.mlt import Profile, write_mlt
    from sghm_vs.shots.timeline.write import with_movies

    movies = [span.media for span in plan.spans if span.media.width]
    if not movies:
        msg = f"{path} needs plates that are movies, and there are none"
        raise ExportError(msg)
    first = movies[0]
    profile = Profile(width=first.width, height=first.height, rate=first.rate)
    write_mlt(with_movies(edited, mattes, path), profile, path)


def _is_written(path: Path, write: Callable[[Path], None]) -> bool:
    try:
        write(path)
    except ExportError as error:
        options.say(str(error))
        return False
    return True


def _words(rate: Fraction) -> str:
    return f"{float(rate):.6g}"


def _tracks(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        msg = f"{text!r} are no numbers of tracks; write 1 or 1,3"
        raise argparse.ArgumentTypeError(msg) from None


def _rate(text: str) -> Fraction:
    from sghm_vs.shots.timeline.read import exact_rate

    try:
        return exact_rate(float(Fraction(text)))
    except (ValueError, ZeroDivisionError):
        msg = f"{text!r} is no rate; write 24, 23.976 or 30000/1001"
        raise argparse.ArgumentTypeError(msg) from None


def _edits(text: str) -> tuple[str, ...]:
    words = tuple(word for word in text.split(",") if word)
    unknown = [word for word in words if word not in EDITS]
    if unknown:
        msg = f"{unknown[0]!r} is no form of edit; known are {', '.join(EDITS)}"
        raise argparse.ArgumentTypeError(msg)
    return words
