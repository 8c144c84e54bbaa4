"""sghm eval: how far mattes are from the truth."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sghm_vs.cli import options
from sghm_vs.cli.eval_set import RECORD, SIZING, run_set
from sghm_vs.cli.progress import progress
from sghm_vs.errors import SettingsError
from sghm_vs.options import PUBLIC_SETS, Guides, Matting, called, options_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import vapoursynth as vs

    from sghm_vs.media.readers import Source

NETWORKS = frozenset(option.name for option in options_of(Matting)) - {"matte_channel"}
"""Knobs of mattes that are made here."""
GUIDED = ("screen", "guide_band", "pred")
"""Words that say otherwise of mattes without a guide."""
HERE = Path()
"""Mattes without a guide that are made here."""
UNITS = (
    "mad, mse and band (mad within 10 px of the edge) x1e3, sad, grad and conn /1000, iou in %, "
    "dtssd x1e2, messddt and warp (the matte along the plate's motion) x1e3"
)


def add_parser(verbs: options.Verbs) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "eval",
        help="score mattes against the truth",
        description=f"Score mattes against the truth: {UNITS}. Give finished mattes with --pred, "
        "or pictures with --images to matte them first. Without a truth, --pred and --plate give "
        "the warp error alone. --set NAME DIR scores a public set by its paper's rules, beside what "
        "was published.",
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="with --set: where the set is"
    )
    parser.add_argument(
        "--set",
        choices=PUBLIC_SETS,
        metavar="NAME",
        help="a public set, matted first, or of --pred mattes: "
        + "; ".join(f"{name} ({what})" for name, what in PUBLIC_SETS.items()),
    )
    mattes = parser.add_mutually_exclusive_group()
    mattes.add_argument(
        "--pred",
        type=Path,
        metavar="P",
        help="a matte: movie, picture or sequence; or a folder of pictures, with --set in its layout",
    )
    mattes.add_argument(
        "--images", type=Path, metavar="DIR", help="a folder of pictures to matte and score"
    )
    parser.add_argument(
        "--gt",
        type=Path,
        metavar="G",
        help="the truth, in the form of the mattes; pictures are paired by name, NAME_mask and "
        "NAME_alpha too",
    )
    parser.add_argument(
        "--plate",
        type=Path,
        metavar="P",
        help="with --pred: the footage, for the warp error; dtssd, messddt and warp need a movie "
        "or a sequence",
    )
    parser.add_argument(
        "--pred-start",
        type=int,
        metavar="N",
        help="the frame of the truth, or of the plate, that the first frame of --pred is of "
        "(default: as its sidecar, EXR headers, timecode or numbers say; else all are of equal "
        "length); frames that both have are scored",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help=f"keep the mattes of --images or --set here, 16-bit PNG, and of --set {RECORD}",
    )
    parser.add_argument(
        "--resume", action="store_true", help=f"with --set: go on with the {RECORD} of -o"
    )
    parser.add_argument(
        "--mask",
        dest="masks",
        type=Path,
        metavar="DIR",
        help="to guide the network: with --set a folder of masks in its layout, one a frame; with "
        "--images a folder of pictures of the same names",
    )
    options.add_knob(parser, Guides, "screen")
    options.add_knob(parser, Guides, "guide_band")
    parser.add_argument(
        "--without",
        nargs="?",
        type=Path,
        const=HERE,
        metavar="P",
        help="also score mattes that are made without a guide, and print the scores with it "
        "divided by those without. With --pred, P are these mattes; with --images, whose guides "
        "are --mask or --screen, leave P out",
    )
    options.add_matte_channel(parser)
    sizing = f"{SIZING[False]}, as the published scripts; of clips {SIZING[True]}"
    options.add_model_options(parser, unset={"sizing": sizing})
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score what `args` name, and print a line per item and the mean."""
    _refuse_unused(args)
    if args.set is not None:
        return run_set(args, _matting_function)
    scores = _scores(args)
    mean = _mean(list(scores.values()))
    without = {} if args.without is None else _scores(_without(args))
    if args.json:
        told: dict[str, object] = {"mean": mean, "items": scores}
        if without:
            told["without"] = {"mean": _mean(list(without.values())), "items": without}
        options.print_json(told)
    else:
        sys.stdout.write(_table(scores, mean, without))
    return 0


def _scores(args: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Return the scores of each of the mattes that `args` name."""
    if args.gt is None:
        return {_matte_without_truth(args).name: {"warp": _warp_error(args)}}
    if args.images is not None:
        return dict(_score_images(args))
    if args.pred.is_dir() and args.gt.is_dir():
        return dict(_score_folders(args))
    return {args.pred.name: _score_footage(args)}


def _without(args: argparse.Namespace) -> argparse.Namespace:
    """Return what names the same mattes made without a guide."""
    said = {name: value for name, value in vars(args).items() if name not in GUIDED}
    return argparse.Namespace(
        **{**said, "masks": None, "output": None},
        **({} if args.pred is None else {"pred": args.without}),
    )


def _refuse_unused(args: argparse.Namespace) -> None:
    """Refuse what would do nothing for the mattes that `args` name, or name none."""
    is_set, is_given = args.set is not None, args.pred is not None
    if is_set and args.folder is None:
        msg = f"--set {args.set} needs the folder of the set; add it: --set {args.set} DIR"
        raise SettingsError(msg)
    if not is_set and not is_given and args.images is None:
        msg = "give mattes with --pred, pictures with --images or a public set with --set NAME DIR"
        raise SettingsError(msg)
    own = "mattes without --set, which has its own"
    of_pred = own if is_set else _lacking("--pred")
    uses = [
        ("DIR", args.folder, is_set, _lacking("--set")),
        ("--resume", args.resume or None, is_set, _lacking("--set")),
        ("--mask", args.masks, not is_given, "--set or --images without --pred"),
        ("--images", args.images, not is_set, own),
        ("--gt", args.gt, not is_set, own),
        ("--plate", args.plate, is_given and not is_set, of_pred),
        ("--pred-start", args.pred_start, is_given and not is_set, of_pred),
        ("-o", args.output, is_set or not is_given, _lacking("--images")),
    ]
    network = [name for name in options.values_from(args) if name in NETWORKS]
    uses += [(called(name), name, not is_given, _lacking("--images")) for name in network]
    is_guided = args.masks is not None or "screen" in args
    uses += [
        ("--screen", getattr(args, "screen", None), not is_set, own),
        ("--guide-band", getattr(args, "guide_band", None), is_guided, _lacking("--mask")),
        ("--without", args.without, not is_set, own),
        ("--without", args.without, is_given or is_guided, "mattes that are guided, and none are"),
    ]
    if args.without is not None and (args.without == HERE) == is_given:
        msg = (
            "--without names the mattes that were made without a guide: --pred WITH --without P"
            if is_given
            else "--without makes the mattes of --images without a guide itself; name none behind it"
        )
        raise SettingsError(msg)
    for flag, value, is_used, what in uses:
        if value is not None and not is_used:
            msg = f"{flag} is for {what}; leave it out"
            raise SettingsError(msg)


def _lacking(flag: str) -> str:
    return f"{flag}, which is not given"


def _matte_without_truth(args: argparse.Namespace) -> Path:
    """Return the matte that is measured without a truth."""
    if args.pred is None or args.plate is None:
        msg = (
            "there is no truth to score against; give it with --gt, or for the warp error alone a "
            "movie or a sequence with --pred and its footage with --plate"
        )
        raise SettingsError(msg)
    return Path(args.pred)


def _warp_error(args: argparse.Namespace) -> float:
    from sghm_vs.evaluate import warp_error

    matte = _open_matte(args.pred, args)
    if matte.clip.num_frames == 1:
        msg = f"{args.pred} is one frame, and the warp error is between frames; give a movie"
        raise SettingsError(msg)
    return warp_error(*_in_common(matte, [_plate(args, matte)], args))


def _score_footage(args: argparse.Namespace) -> dict[str, float]:
    from sghm_vs.evaluate import score_clip

    matte = _open_matte(args.pred, args)
    plates = [] if args.plate is None else [_plate(args, matte)]
    pred, truth, *plate = _in_common(matte, [_open_matte(args.gt, args, matte), *plates], args)
    with progress("eval", quiet=args.quiet) as report:
        return score_clip(pred, truth, report, *plate)


def _plate(args: argparse.Namespace, matte: Source) -> Source:
    """Return the footage of `matte`, its frames counted as there."""
    from sghm_vs.media.pairing import opening_of
    from sghm_vs.media.readers import open_source

    return open_source(args.plate, opening_of(matte))


def _in_common(matte: Source, others: list[Source], args: argparse.Namespace) -> list[vs.VideoNode]:
    """Return the frames that `matte` and all of `others` have, its own first."""
    from sghm_vs.media.pairing import in_common, pair

    flag = "--pred-start"
    paired = [(other, pair(matte, other, args.pred_start, flag)) for other in others]
    return in_common(matte, paired, flag)


def _score_folders(args: argparse.Namespace) -> Iterator[tuple[str, dict[str, float]]]:
    from sghm_vs.evaluate import pair_folders, score_clip

    for done, (matte, truth) in enumerate(pair_folders(args.pred, args.gt)):
        clips = (_open_matte(path, args, is_told=not done).clip for path in (matte, truth))
        yield matte.name, score_clip(*clips)


def _open_matte(
    path: Path,
    args: argparse.Namespace,
    pred: Source | None = None,
    *,
    is_told: bool = True,
) -> Source:
    """Return the matte at `path`; the truth of `pred` at its rate, where it says none."""
    from sghm_vs.media.readers.mattes import open_matte

    channel = options.values_from(args).get("matte_channel")
    return open_matte(path, channel, pred, is_told=is_told)


def _score_images(args: argparse.Namespace) -> Iterator[tuple[str, dict[str, float]]]:
    """Matte each picture with one network, as the published evaluation script does, and score it."""
    from sghm_vs.evaluate import pair_folders, score_clip
    from sghm_vs.media.readers import open_source
    from sghm_vs.media.writers import export

    matte = _matting_function(args)
    pairs = pair_folders(args.images, args.gt)
    masks = {} if args.masks is None else dict(pair_folders(args.images, args.masks))
    with progress("eval", quiet=args.quiet) as report:
        for done, (image, truth) in enumerate(pairs):
            clip = open_source(image).clip
            mask = masks.get(image)
            alpha = matte(clip, mask and _open_matte(mask, args, is_told=not done).clip)
            if args.output is not None:
                export(
                    clip, alpha, args.output / f"{image.stem}.png", overwrite=True, sidecar=False
                )
            yield image.name, score_clip(alpha, _open_matte(truth, args, is_told=not done).clip)
            if report is not None:
                report(done + 1, len(pairs))


def _matting_function(
    args: argparse.Namespace,
) -> Callable[[vs.VideoNode, vs.VideoNode | None], vs.VideoNode]:
    """Return the function from a picture's clip, and its mask, to its alpha; it holds the network."""
    from sghm_vs.filter.engines import engines_for
    from sghm_vs.filter.guides import read_guides
    from sghm_vs.filter.sghm import matte_clip
    from sghm_vs.models.backends.device import choose_computes
    from sghm_vs.models.weights import find_weights

    if "sizing" not in args:
        args.sizing = SIZING[False]
    matting = options.matting_from(args)
    computes = [
        compute.for_many_sizes()
        for compute in choose_computes(matting.device_index, matting.fp16, matting.backend)
    ]
    weights = find_weights(matting.model)
    engines = engines_for(weights, matting.settings, computes, num_streams=1, captures=False)

    # Each clip is one picture: nothing of another is kept.
    def matte(clip: vs.VideoNode, mask: vs.VideoNode | None) -> vs.VideoNode:
        guides = read_guides(clip, matting.guides, matting.settings, {"mask": mask})
        return matte_clip(clip, engines, guides)

    return matte


def _mean(scores: list[dict[str, float]]) -> dict[str, float]:
    if not scores:
        msg = "there is nothing to score"
        raise SettingsError(msg)
    return {name: sum(score[name] for score in scores) / len(scores) for name in scores[0]}


def _table(
    scores: dict[str, dict[str, float]],
    mean: dict[str, float],
    without: dict[str, dict[str, float]],
) -> str:
    rows = [*scores.items(), ("mean", mean)] if len(scores) > 1 else list(scores.items())
    if without:
        plain = _mean(list(without.values()))
        parts = {name: mean[name] / plain[name] if plain[name] else 1.0 for name in mean}
        rows += [("without", plain), ("of without", parts)]
    width = max(len(name) for name, _ in rows)
    head = f"{'':<{width}} " + "".join(f"{name:>10}" for name in mean)
    lines = [
        f"{name:<{width}} " + "".join(f"{value:>10.3f}" for value in score.values())
        for name, score in rows
    ]
    return "\n".join([head, *lines]) + "\n"
