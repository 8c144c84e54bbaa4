"""sghm nuke: the bridge, the network and comps for Nuke."""

from __future__ import annotations

import argparse
from pathlib import Path

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError, SourceError, counted


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "nuke",
        help="the bridge, the network and comps for Nuke",
        description="The bridge, the network and comps for Nuke. No Nuke was at hand to try them "
        "in.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    comp = actions.add_parser("comp", help="write a comp of a matte over a background, a .nk")
    comp.add_argument(
        "matte", type=Path, metavar="MATTE", help="what sghm wrote as EXR: x.####.exr, any layout"
    )
    comp.add_argument(
        "--plate",
        type=Path,
        metavar="FILE",
        help="the color: the plate, or what --layout fg wrote (default: the matte's own color)",
    )
    comp.add_argument(
        "--matte-start",
        type=int,
        metavar="N",
        help="the plate's frame that the matte's first frame is of; movies count from 0 (default: "
        "as its sidecar, EXR headers, timecode or numbers say; else both are of equal length)",
    )
    comp.add_argument("--alpha-start", type=int, help=argparse.SUPPRESS)
    options.add_matte_channel(comp)
    comp.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.nk")
    comp.add_argument(
        "--relative",
        action="store_true",
        help="name footage from the folder of FILE.nk on, so that all may move together (default: by "
        "absolute paths)",
    )
    comp.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    comp.set_defaults(run=write_comp)
    export = actions.add_parser(
        "export", help="write the network for Nuke's Inference node: live, each frame"
    )
    export.add_argument(
        "--model", default="auto", metavar="NAME|PATH", help="as in sghm matte (default: auto)"
    )
    export.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    export.add_argument("--overwrite", action="store_true", help="replace files that exist")
    export.set_defaults(run=export_model)
    install = actions.add_parser("install", help="put the bridge where Nuke loads it")
    install.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="DIR",
        help="a folder of plug-ins of Nuke's (default: .nuke in the user's home)",
    )
    install.set_defaults(run=install_bridge)


def install_bridge(args: argparse.Namespace) -> int:
    """Install the bridge where `args` say, and say what was done."""
    from sghm_vs.hosts.nuke.install import LINE, install

    done = install((args.folder or Path.home() / ".nuke").expanduser())
    has, got = ("has", "already") if done.init_was_ready else ("got", "the line")
    options.print_lines(
        [
            f"{done.folder}: {counted(done.files, 'file')}",
            f"{done.init}: {has} {got}: {LINE}",
            f"it runs {done.executable}"
            if done.executable
            else "no sghm was found to run; set SGHM_EXECUTABLE for Nuke",
            "start Nuke anew: Nodes menu, SGHM",
        ]
    )
    return 0


def export_model(args: argparse.Namespace) -> int:
    """Write the model that `args` name for Nuke."""
    from sghm_vs.hosts.nuke.export import export

    paths = export(args.model, args.output, overwrite=args.overwrite)
    options.print_lines(map(str, paths))
    return 0


def _matte_start(args: argparse.Namespace) -> int | None:
    """Return where the matte begins, as it is called now or as it was."""
    now: int | None = args.matte_start
    once: int | None = args.alpha_start
    if once is not None:
        options.say("--alpha-start is called --matte-start here: type that")
    return once if now is None else now


def write_comp(args: argparse.Namespace) -> int:
    """Write the comp that `args` name."""
    from sghm_vs.files import write_files
    from sghm_vs.hosts.nuke.comps import comp, footage, nuke_channel
    from sghm_vs.hosts.nuke.script import write
    from sghm_vs.media.pairing import check_meeting, opening_of, pair
    from sghm_vs.media.readers import Opening, open_source

    channel = options.values_from(args).get("matte_channel")
    if channel is not None and args.plate is None:
        msg = "--matte-channel is for a matte over a plate; name it with --plate, or leave it out"
        raise SettingsError(msg)
    matte = open_source(args.matte, Opening(with_alpha=True, channel=channel))
    alpha = nuke_channel(matte, channel)
    plate = None if args.plate is None else open_source(args.plate, opening_of(matte))
    if plate is not None and plate.origin.shown:
        msg = (
            f"{args.plate} is read at {plate.clip.fps} frames a second, which its own frames don't "
            "keep, and Nuke reads these; matte it with --vfr, or make a movie of that rate first, "
            "and name it with --plate"
        )
        raise SourceError(msg)
    folder = args.output.parent if args.relative else None
    shown = footage(matte, folder)
    # A single picture is shown with every frame.
    if plate is None or plate.kind == "picture":
        nodes = comp(shown, None if plate is None else footage(plate, folder), alpha=alpha)
    else:
        pairing = pair(matte, plate, _matte_start(args), "--matte-start")
        check_meeting(matte, pairing, plate, "--matte-start")
        nodes = comp(shown, footage(plate, folder), pairing.first, alpha)
    written = write_files({args.output: write(nodes)}, overwrite=args.overwrite)
    options.print_lines(map(str, written))
    return 0
