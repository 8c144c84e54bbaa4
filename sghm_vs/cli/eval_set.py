"""What `sghm eval --set` does: scores mattes of a public set beside the published figures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import ExportError, SettingsError

if TYPE_CHECKING:
    import vapoursynth as vs

    from sghm_vs.evaluate.metrics import Matte
    from sghm_vs.evaluate.sets import Item, Part
    from sghm_vs.evaluate.sets.scores import Frames, SetScores

    type MattingFunction = Callable[[vs.VideoNode, vs.VideoNode | None], vs.VideoNode]
    type Files = Mapping[str, Sequence[Path]]
    type Read = Callable[[Path], Matte]

RECORD = "scores.json"
SIZING = {False: "image", True: "pad"}
"""Of pictures as the published scripts do, whose figures are compared; of clips as `sghm matte` does."""


def run_set(
    args: argparse.Namespace, load_matting: Callable[[argparse.Namespace], MattingFunction]
) -> int:
    """Score the set that `args` name, and print its table; `load_matting` is for pictures."""
    from sghm_vs.evaluate.sets import find_parts
    from sghm_vs.evaluate.sets.base import files_of_all
    from sghm_vs.evaluate.sets.scores import matte_reader, table

    parts = find_parts(args.set, args.folder)
    has_clips = any(item.is_clip for part in parts for item in part.items)
    read = matte_reader(options.values_from(args).get("matte_channel"))
    if args.pred is not None:
        ours, files = args.pred.name, files_of_all(args.pred, parts)
        scores = _scores(args, {"mattes": str(args.pred.resolve())})
        frames = _given(files, read)
    else:
        masks = {} if args.masks is None else files_of_all(args.masks, parts)
        if "sizing" not in args:
            args.sizing = SIZING[has_clips]
        described = _described(args)
        ours, scores = described["model"], _scores(args, described)
        frames = _made(args, masks, read, _clip_matting_function if has_clips else load_matting)
    _score(args, parts, frames, read, scores)
    report = scores.report(parts)
    if args.json:
        options.print_json(report)
    else:
        sys.stdout.write(f"{table(report, ours)}\n")
    return 0


def _given(files: Files, read: Read) -> Callable[[Item], Frames]:
    return lambda item: lambda n: read(files[item.name][n])


def _described(args: argparse.Namespace) -> dict[str, Any]:
    from sghm_vs.shots.shot import describe

    masks = {} if args.masks is None else {"masks": str(args.masks.resolve())}
    return describe(options.matting_from(args)) | masks


def _scores(args: argparse.Namespace, of: Mapping[str, Any]) -> SetScores:
    """Return what is scored already of the mattes that `of` describes."""
    from sghm_vs.evaluate.sets.scores import SetScores

    if args.output is None:
        if args.resume:
            msg = "--resume goes on with the scores that -o DIR keeps; give -o DIR"
            raise SettingsError(msg)
        return SetScores(args.set, of)
    path = args.output / RECORD
    if args.resume:
        return SetScores.resumed(args.set, of, path)
    if path.exists():
        msg = f"{path} exists already; go on with it: --resume, or give another -o DIR"
        raise ExportError(msg)
    return SetScores(args.set, of, path)


def _score(
    args: argparse.Namespace,
    parts: Sequence[Part],
    frames: Callable[[Item], Frames],
    read: Read,
    scores: SetScores,
) -> None:
    from sghm_vs.evaluate.sets.scores import score_item

    done, total = 0, sum(len(item.truths) for part in parts for item in part.items)
    with progress("eval", quiet=args.quiet) as report:

        def count(frames_done: int = 1) -> None:
            nonlocal done
            done += frames_done
            if report is not None:
                report(done, total)

        for part in parts:
            for item in part.items:
                if scores.has(item, part.rules):
                    count(len(item.truths))
                    continue
                measured = score_item(item, part.rules, frames(item), read, count)
                scores.keep(item, measured, parts)


def _made(
    args: argparse.Namespace,
    masks: Files,
    read: Read,
    load_matting: Callable[[argparse.Namespace], MattingFunction],
) -> Callable[[Item], Frames]:
    """Return the function that mattes an item, with one network for all."""
    from sghm_vs.evaluate.sets.scores import opened

    channel = options.values_from(args).get("matte_channel")
    matte: list[MattingFunction] = []

    def frames(item: Item) -> Frames:
        # Loaded by the first item that is not scored yet.
        matte[:] = matte or [load_matting(args)]
        clip, mask = opened(item, masks.get(item.name), channel)
        return _kept(args.output, item, clip, matte[0](clip, mask), read)

    return frames


def _clip_matting_function(args: argparse.Namespace) -> MattingFunction:
    """Return the function from a clip, and its masks, to its alpha; it holds the network."""
    from sghm_vs.filter.sghm import sghm_prepared
    from sghm_vs.shots.shot import prepare

    matting = options.matting_from(args)
    prepared = prepare(matting)
    return lambda clip, mask: sghm_prepared(
        clip,
        prepared.weights,
        prepared.networks,
        matting.settings,
        num_streams=matting.num_streams,
        guide_clips={} if mask is None else {"mask": mask},
    )


def _kept(
    output: Path | None, item: Item, clip: vs.VideoNode, alpha: vs.VideoNode, read: Read
) -> Frames:
    """Return the frames of `alpha` in 16 bits, as they are kept below `output` if that is given."""
    import numpy as np
    import vapoursynth as vs

    from sghm_vs.color.convert import to_full_range_gray
    from sghm_vs.media.writers import export

    fine = to_full_range_gray(alpha, vs.GRAY16)
    if output is None:
        gray = to_full_range_gray(fine, vs.GRAYS)
        return lambda n: np.asarray(gray.get_frame(n)[0], np.float64)
    place = output / item.name
    if not item.is_clip:
        (file,) = export(clip, fine, f"{place}.png", patterns=False, overwrite=True, sidecar=False)
        return lambda n: read(file)  # noqa: ARG005 - a picture is frame 0
    export(clip, fine, place / "####.png", overwrite=True, sidecar=False)
    return lambda n: read(place / f"{n:04}.png")
