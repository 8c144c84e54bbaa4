"""Options that several verbs share, and what their words mean."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sghm_vs.cli.progress import Report, progress
from sghm_vs.errors import DeviceError
from sghm_vs.media.sequences import FrameRange, SequencePath
from sghm_vs.options import Devices, Edges, Foreground, Settings, Shape, Sizing

if TYPE_CHECKING:
    from sghm_vs.media.readers import Opening
    from sghm_vs.shots.shot import Delivery, Matting

CACHE_MIB = 2048
"""Played in order, a shot needs no more: a 4K frame in float RGB is 100 MiB."""

type Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

OUTPUT_FORMS = (
    "x.mov: ProRes 4444, straight alpha; x.####.exr: EXR; x.####.png: 16-bit gray alpha; "
    "x.mkv: FFV1 16-bit gray alpha; x.mp4: review movie (--over). Names may have {shot}, {layer}, "
    "{version} and {frame}. Several -o are written in one pass"
)
HOSTS = (
    "nuke", "fusion", "resolve", "premiere", "fcp", "aftereffects", "blender", "kdenlive",
    "shotcut", "flame",
)  # fmt: skip
COLORS = {
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "gray": (0.5, 0.5, 0.5),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
}
"""In display code."""


def add_model_options(parser: argparse.ArgumentParser, *, sizing: Sizing = "pad") -> None:
    """Add what chooses the model, its device and its settings."""
    group = parser.add_argument_group("matting")
    group.add_argument(
        "--model",
        default="auto",
        metavar="NAME|PATH",
        help="auto, sghm-lite, sghm-resnet50, or a checkpoint with the published names (default: "
        "auto, which is sghm-resnet50 if it is installed, else sghm-lite)",
    )
    group.add_argument(
        "--device",
        default="auto",
        help="auto, cpu, cuda, cuda:N, or cuda:N,M to spread frames over devices (default: auto)",
    )
    group.add_argument(
        "--backend",
        default="auto",
        choices=["auto", "torch", "openvino"],
        help="what runs the network; auto is openvino for sghm-resnet50 on the CPU where it is "
        "installed (pip install 'sghm-vs[openvino]'), else torch (default: auto)",
    )
    group.add_argument(
        "--fp16",
        action=argparse.BooleanOptionalAction,
        help="half precision; by openvino bfloat16, where the CPU has it (default: on CUDA alone)",
    )
    group.add_argument(
        "--sizing",
        default=sizing,
        choices=get_args(Sizing),
        help="pad keeps the aspect; image and video do as the published scripts (default: "
        f"{sizing})",
    )
    group.add_argument(
        "--infer-size",
        type=int,
        default=1280,
        metavar="PX",
        help="short side above which a picture is shrunk for the network (default: 1280)",
    )
    group.add_argument(
        "--exposure",
        type=float,
        default=0.0,
        metavar="STOPS",
        help="how much brighter the network sees the footage; what is written stays (default: 0)",
    )
    group.add_argument(
        "--tr",
        type=_temporal_radius,
        default=2,
        metavar="N|WORD",
        help="how many frames each way steady a frame: 0 mattes each alone; or off (0), fast (1), "
        "default (2), quality (3) (default: 2)",
    )
    group.add_argument(
        "--sc-threshold",
        type=_threshold,
        default=0.1,
        metavar="T",
        help="how much of a picture must be new for a cut, 0 to 1; props trusts what a script "
        "says of its frames, off looks for none (default: 0.1)",
    )


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add what footage leaves open."""
    group = parser.add_argument_group("source")
    group.add_argument(
        "--missing",
        default="error",
        choices=["error", "black", "hold"],
        help="frames missing in a sequence: refuse it, take black frames with an empty alpha, or "
        "hold the frame before (default: error)",
    )
    group.add_argument(
        "--input-colorspace",
        metavar="NAME",
        help="what the codes mean: srgb, rec709, linear, pq, hlg, acescg, acescct, logc3, logc4, "
        "vlog, slog3_sgamut3cine or any other name, alias or interop id of OpenColorIO's studio "
        "config, or of the config that OCIO names (default: what the footage says)",
    )
    group.add_argument(
        "--layer",
        metavar="NAME",
        help="layer or part of EXR files (default: R, G, B of the first part that has them)",
    )
    group.add_argument(
        "--track",
        type=int,
        metavar="N",
        help="track of a movie, counted from 0 (default: the first with moving pictures)",
    )
    group.add_argument(
        "--keep-windows",
        action="store_true",
        help="matte the overscan of EXR plates too, and give EXR outputs each plate's data and "
        "display window (default: the display window alone)",
    )


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


def add_form_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how frames are written."""
    group = parser.add_argument_group("form")
    group.add_argument(
        "--foreground",
        default="source",
        choices=get_args(Foreground),
        help="color that is written: estimate is the subject's without the old background, made in "
        "linear light; source is the plate's own; none is black (default: source)",
    )
    group.add_argument(
        "--for",
        dest="host",
        choices=HOSTS,
        help="write what this host takes as it is, and say why; leave the endings of -o out",
    )
    group.add_argument(
        "--layout",
        choices=["rgba", "matte", "alpha", "layered", "fg", "multipart"],
        help="EXR channels: rgba is premultiplied, scene-linear; matte is R=G=B=A; alpha is A "
        "alone; layered is rgba with matte.A and further mattes; fg is straight linear color; "
        "multipart has the mattes in a part of their own (default: rgba)",
    )
    group.add_argument("--sample", choices=["half", "float"], help="EXR samples (default: half)")
    group.add_argument(
        "--compression",
        choices=["none", "rle", "zips", "zip", "piz", "pxr24", "dwaa", "dwab"],
        help="of EXR; dwaa and dwab change color, and are refused where they would change a matte "
        "(default: zip)",
    )
    group.add_argument(
        "--codec",
        choices=["prores4444", "prores4444xq", "animation", "ffv1", "ffv1-alpha"],
        help="of movies: prores4444 (default), prores4444xq or animation, 8 bits, in .mov; "
        "ffv1-alpha (default), 16 bits of alpha, or ffv1, color and alpha of 10 bits, in .mkv",
    )
    group.add_argument(
        "--premultiplied",
        action="store_true",
        default=None,
        help="multiply the color in movies by the alpha (default: straight)",
    )
    group.add_argument(
        "--audio", action="store_true", help="give movies the sound of the footage, cut with it"
    )
    group.add_argument(
        "--over",
        type=_over,
        metavar="COLOR|FILE",
        help="what a review movie, .mp4, shows the subject over: black, white, gray, red, green, "
        "blue, 204080, or footage or a picture",
    )
    group.add_argument(
        "--timecode",
        metavar="HH:MM:SS:FF",
        help="timecode of the source's first frame, with ; before FF for drop-frame (default: the "
        "source's)",
    )
    group.add_argument(
        "--version",
        type=_version,
        metavar="N|auto",
        help="what {version} in a name is, as v001; auto is the first that nothing has",
    )
    group.add_argument(
        "--quality",
        type=int,
        default=4,
        metavar="Q",
        help="ProRes quantizer, 1 best to 31 smallest (default: 4); the alpha is lossless at any",
    )
    group.add_argument(
        "--frames",
        type=frame_range,
        metavar="A-B",
        help="source frames, both included: movies count from 0, sequences by the number in "
        "the name",
    )
    group.add_argument(
        "--start-number",
        type=int,
        metavar="N",
        help="number of the first written frame (default: the source's)",
    )


def add_mask_option(parser: argparse.ArgumentParser) -> None:
    """Add what stands in for the network's segmentation."""
    parser.add_argument(
        "--mask",
        metavar="FILE",
        help="footage or a picture, white where the people are, in place of the network's own "
        "segmentation",
    )


def add_edge_options(parser: argparse.ArgumentParser) -> None:
    """Add what is done to the alpha's edges before it is written."""
    group = parser.add_argument_group(
        "edges",
        "in this order; PX is a pixel of a picture whose short side is 1080, and scales with it",
    )
    neutral = Edges()
    for name, metavar, meaning in (
        ("black", "A", "alpha that becomes 0, with all below"),
        ("white", "A", "alpha that becomes 1, with all above"),
        ("gamma", "G", "above 1 soft edges become denser, below 1 thinner"),
        ("despeckle", "PX", "drop islands smaller than a disc of this diameter"),
        ("fill", "PX", "close holes smaller than a disc of this diameter"),
        ("grow", "PX", "move the edge outward, or inward if negative"),
        ("feather", "PX", "how wide a hard edge becomes"),
    ):
        default = getattr(neutral, name)
        said = f"{meaning} (default: {default:g})"
        group.add_argument(f"--{name}", type=float, default=default, metavar=metavar, help=said)
    group.add_argument(
        "--shape",
        default=neutral.shape,
        choices=get_args(Shape),
        help="alpha; core: it shrunk by --width; edge: what lies within --width of its edge; "
        "trimap: 1 inside, 0 outside, 0.5 between (default: alpha)",
    )
    group.add_argument(
        "--width", type=float, default=neutral.width, metavar="PX", help="see --shape (default: 6)"
    )
    group.add_argument("--invert", action="store_true", help="swap 0 and 1, at last")


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


def bound_cache() -> None:
    """Keep VapourSynth's frame cache small: by itself it may grow to half of the memory."""
    import vapoursynth as vs

    vs.core.max_cache_size = min(vs.core.max_cache_size, CACHE_MIB)


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


def words_of(
    add: tuple[Callable[[argparse.ArgumentParser], None], ...],
    args: argparse.Namespace,
    but: Collection[str] = (),
) -> tuple[str, ...]:
    """
    Return the options that `args` set, as words of the command line that mean the same anywhere.

    Args:
        add: What adds the options in question to a parser.
        args: Values by name.
        but: Names that are left out.
    """
    words = []
    for action in _actions(add):
        value = getattr(args, action.dest, None)
        if action.dest in but or value is None or value == action.default:
            continue
        if action.nargs == 0:
            words.append(action.option_strings[0 if value else -1])
        else:
            words.append(f"{action.option_strings[0]}={_word(action.dest, value)}")
    return tuple(words)


@cache
def _actions(add: tuple[Callable[[argparse.ArgumentParser], None], ...]) -> list[argparse.Action]:
    parser = argparse.ArgumentParser(add_help=False)
    for one in add:
        one(parser)
    return parser._actions


def _word(name: str, value: object) -> str:
    if isinstance(value, tuple):
        named = [word for word, color in COLORS.items() if color == value]
        return named[0] if named else bytes(round(255 * part) for part in value).hex()
    is_file = isinstance(value, Path) or name == "mask"
    return str(Path(str(value)).absolute()) if is_file else str(value)


def opening_from(args: argparse.Namespace) -> Opening:
    """Return how to open the footage, as `args` say."""
    from sghm_vs.media.readers import Opening

    return Opening(
        missing=args.missing,
        colorspace=args.input_colorspace,
        layer=args.layer,
        track=args.track,
        keep_windows=args.keep_windows,
    )


def matting_from(args: argparse.Namespace) -> Matting:
    """Return how to matte, as `args` say."""
    from sghm_vs.shots.shot import Matting

    mask: str | None = getattr(args, "mask", None)
    debug: str | None = getattr(args, "debug", None)
    return Matting(
        model=args.model,
        device_index=parse_device(args.device),
        settings=Settings(
            sizing=args.sizing,
            infer_size=args.infer_size,
            tr=args.tr,
            sc=args.sc_threshold != "off",
            sc_threshold=None if isinstance(args.sc_threshold, str) else args.sc_threshold,
            exposure=args.exposure,
        ),
        backend=args.backend,
        fp16=args.fp16,
        mask=Path(mask) if mask else None,
        debug=Path(debug) if debug else None,
    )


def parse_device(text: str) -> Devices:
    """
    Return what the command line's word means: auto, cpu, cuda, cuda:N, or cuda:N,M and more.

    Raises:
        DeviceError: It is none of these.
    """
    if text in ("auto", "cpu", "cuda"):
        return {"auto": None, "cpu": -1, "cuda": 0}[text]
    kind, _, number = text.partition(":")
    numbers = number.split(",")
    if kind == "cuda" and all(one.isdecimal() for one in numbers):
        return tuple(map(int, numbers)) if len(numbers) > 1 else int(number)
    msg = f"device {text!r} is not known; use auto, cpu, cuda, cuda:N or cuda:N,M"
    raise DeviceError(msg)


def delivery_from(args: argparse.Namespace) -> Delivery:
    """Return how to write, as `args` say."""
    from sghm_vs.hosts.presets import PRESETS
    from sghm_vs.media.writers import Form
    from sghm_vs.shots.shot import Delivery

    preset = PRESETS[args.host].form if args.host else {}
    names = ("layout", "sample", "compression", "codec", "premultiplied", "audio", "quality")
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    return Delivery(
        form=Form(**{**preset, **given}),
        over=args.over,
        timecode=args.timecode,
        version=args.version,
        start_number=args.start_number,
        overwrite=args.overwrite,
        resume=args.resume,
        foreground=args.foreground,
        edges=Edges(**{field.name: getattr(args, field.name) for field in fields(Edges)}),
    )


def outputs_from(args: argparse.Namespace) -> list[str]:
    """Return where to write, as `args` say; what a host gets is said on stderr."""
    say_host(args)
    return named_for_host(args.output, args.host)


def named_for_host(outputs: list[str], host: str | None) -> list[str]:
    """Return `outputs` with the ending that `host` takes, if one is named."""
    if host is None:
        return outputs
    from sghm_vs.hosts.presets import outputs_for

    return outputs_for(host, outputs)


def say_host(args: argparse.Namespace) -> None:
    """Say on stderr what the host gets that `args` name, and why."""
    if args.host is None or args.quiet:
        return
    from sghm_vs.hosts.presets import PRESETS

    sys.stderr.write(f"for {args.host}: {PRESETS[args.host]}\n")


def told(what: str, args: argparse.Namespace) -> contextlib.AbstractContextManager[Report | None]:
    """Return the context that yields whom to report to while `what` is made, as `args` say."""
    return progress(what, quiet=args.quiet, as_json=args.progress == "json")


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
    # A name's bytes may be no UTF-8: whoever reads our lines gets them as they are.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    sys.stdout.writelines(f"{line}\n" for line in lines)


def say(words: str) -> None:
    """Tell `words` on stderr."""
    sys.stderr.write(f"sghm: {words}\n")


def _temporal_radius(text: str) -> int | str:
    # `Settings` knows the words, and refuses others.
    return int(text) if text.removeprefix("-").isdecimal() else text


def _threshold(text: str) -> float | str:
    try:
        return text if text in ("props", "off") else float(text)
    except ValueError:
        msg = f"{text!r} is no number above 0 and at most 1, nor props or off"
        raise argparse.ArgumentTypeError(msg) from None


def _over(text: str) -> Path | tuple[float, float, float]:
    if text in COLORS:
        return COLORS[text]
    if re.fullmatch(r"#?[0-9A-Fa-f]{6}", text) and not Path(text).exists():
        red, green, blue = bytes.fromhex(text.removeprefix("#"))
        return red / 255, green / 255, blue / 255
    path = Path(text)
    if not path.exists() and SequencePath.parse(path) is None:
        msg = (
            f"{text!r} is no file, and no color; give {', '.join(COLORS)}, six hexadecimal "
            "digits as 204080, or the path of footage or a picture"
        )
        raise argparse.ArgumentTypeError(msg)
    return path


def _version(text: str) -> int | str:
    if text != "auto" and not text.isdecimal():
        msg = f"version {text!r} is no number from 0 up, nor auto"
        raise argparse.ArgumentTypeError(msg)
    return text if text == "auto" else int(text)


def frame_range(text: str) -> FrameRange:
    """Return the frames that an option names."""
    try:
        return FrameRange.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
