"""sghm people: who is who in a shot, once for all frames."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.errors import ExportError
from sghm_vs.options import Matting, PeopleOptions, ShotOptions, options_of

if TYPE_CHECKING:
    from sghm_vs.matting.people.record import People

KNOBS = ("model", "device_index", "backend", "fp16", "exposure", "sc_threshold")
"""Of matting, those that have a part in where people are seen."""


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "people",
        help="tell the people in a shot apart, with ids that last",
        description="Look at a shot every few frames, tell the people in it apart, and write who is "
        "who to a file, by which --people of sghm matte gives each their own matte.",
    )
    parser.add_argument("source", type=Path, metavar="SHOT", help="footage, as for sghm matte")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="a file people.json"
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="FILE",
        help="also write a PNG of some frames, each person in the color of their id",
    )
    options.add_source_options(parser)
    options.add_group(parser, "people", PeopleOptions)
    options.add_knob(parser, ShotOptions, "frames")
    others = [one.name for one in options_of(Matting) if one.name not in KNOBS]
    light = {"model": "sghm-lite"}
    options.add_group(parser, "finding", Matting, but=others, defaults=light, unset=light)
    parser.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    options.add_report_options(parser)
    options.add_progress_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Tell the people apart in the shot that `args` name."""
    from sghm_vs.files import write_files
    from sghm_vs.shots.people import look_for_people
    from sghm_vs.shots.people_sheet import sheet_of
    from sghm_vs.shots.shot import prepare

    how = options.group_from(PeopleOptions, args)
    options.bound_cache()
    with options.stdout_for_results(), options.progress_of("people", args) as report:
        source = options.opened(args.source, args)
        outputs = [args.output, *([] if args.sheet is None else [args.sheet])]
        _refuse_outputs(args, outputs)
        people = look_for_people(
            source,
            prepare(options.matting_from(args)),
            how,
            frames=options.values_from(args).get("frames"),
            progress=report,
        )
        contents: dict[Path, bytes | str] = {args.output: people.to_json()}
        if args.sheet is not None:
            contents[args.sheet] = sheet_of(source, people)
        paths = write_files(contents, overwrite=args.overwrite)
    _print(people, paths, args)
    return 0


def _refuse_outputs(args: argparse.Namespace, outputs: list[Path]) -> None:
    """Refuse, before a shot is looked at, what could not be written at its end."""
    from sghm_vs.files import refuse_existing

    for path, ending in zip(outputs, (".json", ".png"), strict=False):
        if path.suffix.lower() != ending:
            msg = f"{path} must end in {ending}; write {path.with_suffix(ending)}"
            raise ExportError(msg)
    if not args.overwrite:
        refuse_existing(outputs)


def _print(people: People, paths: list[Path], args: argparse.Namespace) -> None:
    if args.json:
        options.print_json(
            {
                "outputs": [str(path) for path in paths],
                "people": [asdict(one) for one in people.people],
                "contacts": [asdict(one) for one in people.contacts],
                "notes": [*people.notes],
                "roi": _region(people),
            }
        )
        return
    options.print_lines([*map(str, paths), *_table(people)])


def _region(people: People) -> str | None:
    """Return the rectangles in which everybody is, also who is dropped; None is all of the picture."""
    from sghm_vs.matting.people.region import regions_of_people
    from sghm_vs.options import Guides, write_regions

    found = regions_of_people(people, [one.id for one in people.people], Guides().guide_band)
    return write_regions(found) if found else None


def _table(people: People) -> Iterator[str]:
    """Yield a line for each person, then what is to be said of them."""
    if not people.people:
        yield f"nobody was seen in frames {people.first}-{people.last}"
    for one in people.people:
        x, y = one.place
        dropped = f"  dropped: {one.dropped}" if one.dropped else ""
        yield (
            f"{one.id:3}  frames {one.first}-{one.last}  {100 * one.size:.2f} % of the picture  "
            f"around {x},{y}{dropped}"
        )
    for contact in people.contacts:
        who = " and ".join(map(str, contact.people))
        yield f"{who} touch in frames {contact.first}-{contact.last}; carried {contact.carried}"
    yield from people.notes
    if (roi := _region(people)) is not None:
        yield f"all of them are within --roi {roi}"
