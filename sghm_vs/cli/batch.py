"""sghm batch: many shots, one failing alone, with a manifest to go on from."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Never

from sghm_vs.cli import options
from sghm_vs.cli.progress import shots_progress
from sghm_vs.errors import SettingsError, SourceError

if TYPE_CHECKING:
    from sghm_vs.shots.batch.find import Footage
    from sghm_vs.shots.batch.lists import Row
    from sghm_vs.shots.batch.manifest import Entry
    from sghm_vs.shots.batch.names import Shot
    from sghm_vs.shots.batch.run import Conduct, Planned, Unfit

USUAL_OUTPUT = "{shot}.mov"
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
    group = parser.add_argument_group("batch")
    group.add_argument(
        "-o", "--output", required=True, type=Path, metavar="DIR", help="folder for all outputs"
    )
    group.add_argument("--dry-run", action="store_true", help="print the plan, and make nothing")
    group.add_argument(
        "--resume",
        action="store_true",
        help="keep what is done, unchanged and whole, and make the rest",
    )
    group.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    group.add_argument(
        "--rehash",
        action="store_true",
        help="with --resume, read footage again whose size and date are as they were",
    )
    group.add_argument(
        "--jobs",
        type=_jobs,
        default=1,
        metavar="N",
        help="shots at once, as far as memory reaches (default: 1)",
    )


def add_shot_options(parser: argparse.ArgumentParser) -> None:
    """Add what a shot may have of its own."""
    parser.add_argument(
        "--to",
        action="append",
        metavar="NAME",
        help="output below DIR, as -o of sghm matte, with {shot}: {shot}/{shot}.####.exr; several "
        f"are written in one pass (default: {USUAL_OUTPUT})",
    )
    options.add_source_options(parser)
    options.add_form_options(parser)
    options.add_edge_options(parser)
    options.add_model_options(parser)
    options.add_mask_option(parser)


def run(args: argparse.Namespace) -> int:
    """Matte the shots that `args` name."""
    if bool(args.source) == (args.watch is not None):
        msg = "give sources, or a folder to --watch: sghm batch plates -o mattes"
        raise SettingsError(msg)
    options.say_host(args)
    if args.watch is not None:
        return _watch(args)
    requests = requests_from(args)
    return carry_out(shots_from(requests, args), args)


def carry_out(batch: Batch, args: argparse.Namespace) -> int:
    """Make the shots of `batch`, or print the plan, and return the exit code."""
    from sghm_vs.shots.batch.run import plan, run_batch

    conduct = conduct_from(args)
    if args.dry_run:
        print_plan(plan(batch.shots, args.output.absolute(), conduct), batch, args)
        return 1 if batch.unfit else 0
    with options.stdout_for_results(), shots_progress(quiet=args.quiet) as listener:
        entries = run_batch(
            batch.shots, args.output, conduct=conduct, unfit=batch.unfit, listener=listener
        )
    return print_result(entries, args)


@dataclass(frozen=True, slots=True)
class Request:
    """Footage, and the options it was asked for with."""

    footage: Footage
    args: argparse.Namespace
    name: str | None = None
    """What a list calls it."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be made, and what can't be."""

    shots: list[Shot]
    unfit: list[Unfit] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)


def requests_from(args: argparse.Namespace) -> tuple[list[Request], Batch]:
    """Return what `args` ask for; and, as a batch without shots, what is missing or left out."""
    from sghm_vs.shots.batch.find import find_footage
    from sghm_vs.shots.batch.lists import is_list

    rest = Batch([])
    requests: list[Request] = []
    for source in args.source:
        if is_list(source):
            requests += _listed(Path(source), args, rest)
            continue
        found = find_footage([source], but=args.output.absolute())
        requests += [Request(footage, args) for footage in found.footage]
        rest.left_out.extend(found.left_out)
    return _unique(requests), rest


def _unique(requests: Sequence[Request]) -> list[Request]:
    """Return each shot once; one that is asked for in two ways would be written over itself."""
    unique: dict[str, Request] = {}
    for request in requests:
        key = _unnamed(request).key
        before = unique.setdefault(key, request)
        if before.args is not request.args:
            msg = (
                f"{key} is asked for twice, with options of each; give it once, or make another "
                "batch in another folder"
            )
            raise SettingsError(msg)
    return list(unique.values())


def _listed(path: Path, args: argparse.Namespace, rest: Batch) -> list[Request]:
    """Return what a list asks for; a source of it that is not there is unfit, and no more."""
    from sghm_vs.shots.batch.find import find_footage
    from sghm_vs.shots.batch.lists import read_list
    from sghm_vs.shots.batch.names import safe_name
    from sghm_vs.shots.batch.run import Unfit

    requests = []
    for number, row in enumerate(read_list(path), start=1):
        own = _row_args(row, path, number, args)
        source = str(path.absolute().parent / row.source)
        try:
            found = find_footage([source], but=args.output.absolute())
        except SourceError as error:
            name = safe_name(row.shot or Path(row.source).stem)
            rest.unfit.append(Unfit(name, source, str(error)))
            continue
        requests += [Request(footage, own, row.shot) for footage in found.footage]
        rest.left_out.extend(found.left_out)
    return requests


class _RowParser(argparse.ArgumentParser):
    """Parses a row's settings as the command line does, and tells errors apart from its own."""

    def error(self, message: str) -> Never:
        raise SettingsError(message)


def _row_args(row: Row, path: Path, number: int, args: argparse.Namespace) -> argparse.Namespace:
    """Return `args` with the settings of `row`."""
    own = argparse.Namespace(**vars(args))
    if "to" in row.settings:
        own.to = None
    words = [
        f"--{name}" if value is True else f"--{name}={_from_list(name, value, path)}"
        for name, value in row.settings.items()
    ]
    try:
        return parse_row(words, own)
    except SettingsError as error:
        msg = f"{path}, row {number}: {error}; options are those of sghm batch --help"
        raise SettingsError(msg) from None


def parse_row(words: Sequence[str], own: argparse.Namespace | None = None) -> argparse.Namespace:
    """
    Return `own` with what `words` say of a shot.

    Raises:
        SettingsError: They are no options of one.
    """
    return _row_parser().parse_args(words, own)


@cache
def _row_parser() -> _RowParser:
    parser = _RowParser(add_help=False, allow_abbrev=False)
    add_shot_options(parser)
    return parser


def _from_list(name: str, value: str | bool, path: Path) -> str | bool:
    """Return `value`; files that a list names are beside it."""
    beside = path.absolute().parent / str(value)
    is_file = name == "mask" or (name == "over" and beside.is_file())
    return str(beside) if is_file else value


def shots_from(asked: tuple[Sequence[Request], Batch], args: argparse.Namespace) -> Batch:
    """Return the shots that are asked for."""
    requests, rest = asked
    shots = with_names(
        [_unnamed(request) for request in requests],
        [_wishes(request) for request in requests],
        [request.args for request in requests],
        args.output.absolute(),
    )
    return Batch(shots, rest.unfit, rest.left_out)


def with_names(
    shots: Sequence[Shot],
    wishes: Sequence[Sequence[str]],
    own: Sequence[argparse.Namespace],
    folder: Path,
) -> list[Shot]:
    """
    Return `shots` with names and outputs; those that the manifest knows keep their names.

    Args:
        shots: Without names.
        wishes: What to call each, the best first; any text.
        own: The options of each.
        folder: Where outputs go.
    """
    from sghm_vs.shots.batch.manifest import Manifest
    from sghm_vs.shots.batch.names import safe_name, unique_names

    entries = Manifest(folder).entries
    kept = {key: entry.shot for key, entry in entries.items() if entry.outputs}
    wanted = [
        (shot.key, [safe_name(name) for name in names])
        for shot, names in zip(shots, wishes, strict=True)
    ]
    named = zip(shots, unique_names(wanted, kept), own, strict=True)
    return [_delivered(replace(shot, name=name), args, folder) for shot, name, args in named]


def _wishes(request: Request) -> tuple[str, ...]:
    return request.footage.names if request.name is None else (request.name,)


def _unnamed(request: Request) -> Shot:
    from sghm_vs.shots.batch.names import Shot

    own = request.args
    return Shot(
        name="",
        source=request.footage.path,
        outputs=(),
        frames=request.footage.frames or own.frames,
        opening=options.opening_from(own),
        matting=options.matting_from(own),
        delivery=options.delivery_from(own),
    )


def _delivered(shot: Shot, args: argparse.Namespace, folder: Path) -> Shot:
    """Return `shot` with the names of its outputs."""
    from sghm_vs.media.name_templates import newest_version
    from sghm_vs.shots.batch.names import output_names

    usual = "{shot}" if args.host else USUAL_OUTPUT
    templates = options.named_for_host(args.to or [usual], args.host)
    delivery = shot.delivery
    if delivery.version == "auto":
        paths = [folder / template for template in templates]
        newest = newest_version(paths, shot=shot.name, form=delivery.form)
        # What is resumed is the newest version; a new one would be made from the start.
        is_new = newest == 0 or not args.resume
        delivery = replace(delivery, version=newest + is_new)
    outputs = output_names(templates, shot.name, delivery)
    return replace(shot, outputs=outputs, delivery=delivery)


def conduct_from(args: argparse.Namespace) -> Conduct:
    """Return how the batch goes about, as `args` say."""
    from sghm_vs.shots.batch.run import Conduct

    return Conduct(resume=args.resume, overwrite=args.overwrite, rehash=args.rehash, jobs=args.jobs)


def print_plan(planned: Sequence[Planned], batch: Batch, args: argparse.Namespace) -> None:
    """Print what would be made, a shot a line."""
    if args.json:
        options.print_json({"shots": [_as_json(one) for one in planned],
                            "unfit": {one.key: one.reason for one in batch.unfit},
                            "left_out": [str(path) for path in batch.left_out]})  # fmt: skip
        return
    width = max((len(one.shot.name) for one in planned), default=0)
    options.print_lines(
        f"{one.shot.name:{width}}  {_verdict(one)}  {one.shot.key} ({_look(one.shot)}) -> "
        f"{', '.join(one.shot.outputs)}"
        for one in planned
    )
    options.print_lines(f"{one.name}: unfit: {one.reason}" for one in batch.unfit)
    options.print_lines(f"left out: {path}" for path in batch.left_out)
    made = sum(one.verdict != "done" for one in planned)
    options.print_lines([f"{made} shots to make, {len(planned) - made} done, "
                         f"{len(batch.unfit)} unfit; nothing was written"])  # fmt: skip


def _look(shot: Shot) -> str:
    """Return what the footage of `shot` says of itself."""
    from sghm_vs.media.probe import probe

    if shot.source.suffix.lower() == ".vpy":
        return "a script"
    try:
        media = probe(shot.source, shot.opening.rate)
    except SourceError as error:
        return f"unreadable: {error}"
    size = f", {media.width}x{media.height}" if media.width else ""
    return f"{media.kind}, frames {media.frames}{size}"


def _verdict(planned: Planned) -> str:
    return f"again ({planned.reason})" if planned.verdict == "again" else planned.verdict


def _as_json(planned: Planned) -> Mapping[str, object]:
    shot = planned.shot
    return {
        "shot": shot.name,
        "source": str(shot.source),
        "frames": None if shot.frames is None else str(shot.frames),
        "outputs": shot.outputs,
        "verdict": planned.verdict,
        "reason": planned.reason,
    }


def print_result(
    entries: Sequence[Entry], args: argparse.Namespace, more: Sequence[Path] = ()
) -> int:
    """Print what was delivered, with `more` files, and what failed; return the exit code."""
    folder: Path = args.output.absolute()
    done = [entry for entry in entries if entry.state == "done"]
    outputs = [folder / output for entry in done for output in entry.outputs]
    outputs += more
    failed = {entry.key: f"{entry.shot}: {entry.error}" for entry in entries if entry.error}
    options.print_outputs(outputs, args, failed)
    if failed:
        options.say(f"{len(done)} shots are done, {len(failed)} failed; see {folder}/manifest.json")
    return 1 if failed else 0


def _watch(args: argparse.Namespace) -> int:
    """Matte what settles in the watched folder, until a signal."""
    from sghm_vs.shots.batch.watch import Watch

    watch = Watch(args.watch.absolute(), args.settle, but=args.output.absolute())
    args.resume = True
    while True:
        found = watch.settled()
        if found.footage:
            requests = [Request(footage, args) for footage in found.footage]
            carry_out(shots_from((requests, Batch([])), args), args)
        time.sleep(POLL_S)


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        msg = f"{text!r} is no number of shots from 1 up"
        raise argparse.ArgumentTypeError(msg)
    return int(text)
