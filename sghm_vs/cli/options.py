"""The command line's side of `sghm_vs.options`, and options that several verbs share."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli.progress import progress
from sghm_vs.errors import SettingsError
from sghm_vs.options import (
    GUIDE_CLIPS,
    Delivery,
    Edges,
    FrameRange,
    Group,
    Guides,
    Matting,
    Opening,
    Option,
    OutputFormat,
    ShotOptions,
    check_names,
    check_used,
    made_of,
    options_of,
)
from sghm_vs.progress import Progress

if TYPE_CHECKING:
    from sghm_vs.media.readers import Source

CACHE_MIB = 2048
"""Played in order, a shot needs no more: a 4K frame in float RGB is 100 MiB."""

type Verbs = argparse._SubParsersAction[Any]

OUTPUT_FORMS = (
    "x.mov: ProRes 4444, straight alpha; x.####.exr: EXR; x.####.png: 16-bit gray alpha; "
    "x.mkv: FFV1 16-bit gray alpha; x.mp4: review movie (--over). Names may have {shot}, {layer}, "
    "{version} and {frame}. Several -o are written in one pass"
)
GUIDES = (
    "what is known of who is where; holdout rules, then keep, then keys, then the trimap, then "
    "the mask, then the screen. A FILE has as many frames as the footage, or is one picture for all; "
    "keys are of single frames"
)
EDGES = "in this order; PX is a pixel of a picture whose short side is 1080, and scales with it"


def add_group(
    parser: argparse.ArgumentParser,
    title: str,
    group: Group,
    *,
    but: Collection[str] = (),
    deep: bool = True,
    description: str | None = None,
    defaults: Mapping[str, object] | None = None,
    flags: Mapping[str, str] | None = None,
    unset: Mapping[str, str] | None = None,
) -> None:
    """
    Add the knobs of a group of `sghm_vs.options`; `values_from` has those that are given.

    Args:
        parser: Gets them.
        title: Of the group in the help.
        group: Whose they are.
        but: Names of knobs that are left out.
        deep: Whether knobs of the groups in it are added as well.
        description: Stands below the title.
        defaults: This verb's own.
        flags: This verb's own, by the knob's name.
        unset: What this verb does where a knob isn't given, in words, by the knob's name.
    """
    check_names()
    added = parser.add_argument_group(title, description)
    for option in options_of(group, deep=deep):
        if option.name not in but:
            flag = (flags or {}).get(option.name, option.flag)
            words = (unset or {}).get(option.name, option.knob.unset)
            option = option._replace(knob=option.knob._replace(unset=words))
            add_option(added, option, (defaults or {}).get(option.name), flag)


def add_option(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    option: Option,
    default: object = None,
    flag: str | None = None,
) -> None:
    """Add one knob; `default` and `flag` are this verb's own."""
    if default is not None:
        option = option._replace(default=default)
    how: dict[str, Any] = {"dest": option.name}
    how["default"] = argparse.SUPPRESS if default is None else default
    how["help"] = option.help.replace("%", "%%")
    if option.has_opposite:
        how["action"] = argparse.BooleanOptionalAction
    elif option.is_switch:
        how |= {"action": "store_true"}
    else:
        how |= {"metavar": option.knob.metavar, "choices": option.knob.choices}
        how |= {"type": _typed(option), "action": "append" if option.knob.is_repeated else "store"}
    parser.add_argument(flag or option.flag, **how)


def _typed(option: Option) -> Callable[[str], Any]:
    if option.knob.choices is not None or option.knob.parse in (int, float):
        return option.knob.parse

    def read(word: str) -> Any:
        try:
            return option.read(word)
        except SettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return read


def add_model_options(
    parser: argparse.ArgumentParser,
    *,
    guides: bool = False,
    unset: Mapping[str, str] | None = None,
    **defaults: object,
) -> None:
    """Add what chooses the model, its device and its settings, and perhaps what guides it."""
    guiding = [option.name for option in options_of(Guides)]
    add_group(parser, "matting", Matting, but=guiding, defaults=defaults, unset=unset)
    if guides:
        add_group(parser, "guides", Guides, description=GUIDES)


def add_knob(parser: argparse.ArgumentParser, group: Group, name: str) -> None:
    """Add the knob `name` of `group` alone."""
    add_option(parser, next(one for one in options_of(group) if one.name == name))


def add_matte_channel(parser: argparse.ArgumentParser) -> None:
    """Add which channel of a finished matte is meant."""
    add_knob(parser, Guides, "matte_channel")


def add_source_options(parser: argparse.ArgumentParser, *, of_edit: bool = False) -> None:
    """Add what footage leaves open; beside an edit, whose rate is `--rate`, the media has its own."""
    add_group(parser, "source", Opening, flags={"rate": "--media-rate"} if of_edit else None)


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where and how frames are written."""
    group = parser.add_argument_group("output")
    group.add_argument(
        "-o", "--output", action="append", required=True, metavar="OUT", help=OUTPUT_FORMS
    )
    add_form_options(parser)
    existing = group.add_mutually_exclusive_group()
    existing.add_argument("--overwrite", action="store_true", help="replace outputs that exist")
    existing.add_argument(
        "--resume",
        action="store_true",
        help="go on with what broke off: keep the frames that are whole, render the others; a "
        "movie that was not finished is rendered whole",
    )


def add_form_options(parser: argparse.ArgumentParser, *, to: bool = False) -> None:
    """Add which frames are written, and how; and perhaps `--to`, a name below a folder."""
    add_group(parser, "shot", ShotOptions, but=() if to else ("to",), deep=False)
    add_group(parser, "form", Delivery, but=[option.name for option in options_of(Edges)])
    add_group(parser, "edges", Edges, description=EDGES)


def add_settings_options(parser: argparse.ArgumentParser) -> None:
    """Add where settings come from besides what is typed."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="settings for what is not typed: TOML, options by their names, as tr = 3 (default: "
        "SHOT.review/settings.toml beside the footage, as sghm review saves it, if it is there)",
    )
    group.add_argument(
        "--no-settings",
        action="store_true",
        help="leave out what sghm review saved beside the footage",
    )


def take_settings(args: argparse.Namespace) -> None:
    """
    Give `args` what was not typed, of --settings.

    Raises:
        SourceError: The file can't be read.
        SettingsError: It has a word that is no option, or a value that is none.
    """
    from sghm_vs.shots.settings import read_settings

    if args.settings is not None:
        _take(args, read_settings(args.settings))


def take_review(args: argparse.Namespace, footage: Path) -> None:
    """Give `args` what was not typed, of what was saved beside `footage`; see `take_settings`."""
    from sghm_vs.shots.settings import with_review

    if not reads_reviews(args):
        return
    notes: list[str] = []
    _take(args, with_review(values_from(args), footage, notes))
    for note in notes if not args.quiet else ():
        sys.stderr.write(f"{note}\n")


def _take(args: argparse.Namespace, found: Mapping[str, Any]) -> None:
    typed = values_from(args)
    for name, value in found.items():
        if name not in typed:
            setattr(args, name, value)


def reads_reviews(args: argparse.Namespace) -> bool:
    """Tell whether what was saved beside footage says what was not typed."""
    return args.settings is None and not args.no_settings


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how much is printed, and in which form."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON on stdout")
    parser.add_argument("--quiet", action="store_true", help="print no progress")


def add_progress_option(parser: argparse.ArgumentParser) -> None:
    """Add how progress is told."""
    parser.add_argument(
        "--progress",
        default="auto",
        choices=["auto", "json"],
        help="on stderr: auto is a bar on a terminal and lines elsewhere; json is for programs, a "
        'line {"progress": "matte", "done": 3, "total": 40} at most ten times a second, also with '
        "--quiet (default: auto)",
    )


def add_home_option(parser: argparse.ArgumentParser) -> None:
    """Add which folder of weights is meant."""
    parser.add_argument(
        "--home",
        type=Path,
        metavar="DIR",
        help="the folder of weights, for this command (default: SGHM_HOME, or else where the "
        "platform keeps a user's data)",
    )


def bound_cache(mib: int = CACHE_MIB) -> None:
    """Keep VapourSynth's frame cache small: by itself it may grow to half of the memory."""
    import vapoursynth as vs

    vs.core.max_cache_size = min(vs.core.max_cache_size, mib)


@contextlib.contextmanager
def stdout_for_results() -> Iterator[None]:
    """Send what scripts, plugins and libraries print to stderr: stdout is for results alone."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def values_from(args: argparse.Namespace) -> dict[str, Any]:
    """Return what `args` say of a shot, by the knob's name."""
    names = {option.name for option in options_of(ShotOptions)}
    return {name: value for name, value in vars(args).items() if name in names}


def group_from[Made](group: type[Made], args: argparse.Namespace) -> Made:
    """Return `group` as `args` say; it is none of a shot's."""
    return made_of(group, vars(args))


def opening_from(args: argparse.Namespace) -> Opening:
    """Return how to open the footage, as `args` say."""
    return made_of(Opening, values_from(args))


def matting_from(args: argparse.Namespace) -> Matting:
    """Return how to matte, as `args` say."""
    debug: str | None = getattr(args, "debug", None)
    return replace(made_of(Matting, values_from(args)), debug=Path(debug) if debug else None)


def opened(path: str | Path, args: argparse.Namespace) -> Source:
    """
    Return the footage at `path`, opened as `args` say.

    Raises:
        SettingsError: They say something that it has no use for.
    """
    from sghm_vs.media.readers import open_source, refuse_unused

    opening, said = opening_from(args), vars(args)
    source = open_source(path, opening)
    given = (said.get(name) for name in ("alpha", "over", *GUIDE_CLIPS))
    refuse_unused(source, opening, [Path(one) for one in given if isinstance(one, str | Path)])
    return source


def delivery_from(args: argparse.Namespace) -> Delivery:
    """Return how to write, as `args` say, and else as the host takes it."""
    from sghm_vs.hosts.presets import with_preset

    delivery = made_of(Delivery, with_preset(values_from(args)))
    return replace(delivery, overwrite=args.overwrite, resume=args.resume)


def outputs_from(args: argparse.Namespace, *, mattes: bool = True) -> list[str]:
    """
    Return where to write, as `args` say; what a host gets is said on stderr.

    Args:
        args: What was typed.
        mattes: Whether a network looks at the footage.

    Raises:
        ExportError: An option is given that no output has a use for.
    """
    from sghm_vs.hosts.presets import outputs_for, with_preset

    say_host(args)
    values = values_from(args)
    host = values.get("host")
    outputs: list[str] = args.output if host is None else outputs_for(host, args.output)
    check_used(values, outputs, made_of(OutputFormat, with_preset(values)), mattes=mattes)
    return outputs


def say_host(args: argparse.Namespace) -> None:
    """Say on stderr what the host gets that `args` name, and why."""
    from sghm_vs.hosts.presets import PRESETS

    host = values_from(args).get("host")
    if host is not None and not args.quiet:
        sys.stderr.write(f"for {host}: {PRESETS[host]}\n")


def progress_of(
    what: str, args: argparse.Namespace
) -> contextlib.AbstractContextManager[Progress | None]:
    """Return the context that yields whom to report to while `what` is made, as `args` say."""
    return progress(what, quiet=args.quiet, as_json=args.progress == "json")


def note_printer(what: str, args: argparse.Namespace) -> Callable[[str | None], None]:
    """Return what tells people on stderr how `what` is made; programs and `--quiet` hear nothing."""
    is_told = not args.quiet and args.progress != "json"

    def tell(words: str | None) -> None:
        if words is not None and is_told:
            sys.stderr.write(f"{what}: {words}\n")

    return tell


def print_json(result: object) -> None:
    """Print `result` on stdout as one JSON document."""
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


def print_outputs(
    paths: list[Path], args: argparse.Namespace, failed: Mapping[str, str] | None = None
) -> None:
    """Print what was written, a line each, or as JSON; and what failed, by source."""
    if args.json:
        print_json(
            {"outputs": [str(path) for path in paths], **({"failed": failed} if failed else {})}
        )
        return
    print_lines(str(path) for path in paths)
    for error in (failed or {}).values():
        say(error.removeprefix("sghm: "))


def print_lines(lines: Iterable[str]) -> None:
    """Print `lines` on stdout."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


def say(words: str) -> None:
    """Tell `words` on stderr."""
    sys.stderr.write(f"sghm: {words}\n")


def frame_range(text: str) -> FrameRange:
    """Return the frames that an option names."""
    try:
        return FrameRange.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
