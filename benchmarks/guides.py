"""What guides gain, what is lost where they are late or missing, and what keys gain and cost."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sghm_vs.cli import options
from sghm_vs.errors import SettingsError, SourceError

if TYPE_CHECKING:
    import vapoursynth as vs

    from sghm_vs.evaluate.metrics import Matte

DROPPED_EACH = 7
KEYED_EACH = (24, 12)
COST_SIZE_PX = 1280, 720
WANTED_IOU = 0.98
KEYS_MAX = 8
COMPOSED_FRAMES = 49
LATE_MOST = 2
WIDER_PX = 8
COARSE = 16

type Rows = dict[str, dict[str, float]]


def add_parser(measures: options.Verbs) -> None:
    """Add the measure to `python -m benchmarks`."""
    parser = measures.add_parser(
        "guides",
        help="what guides gain and cost",
        description="guides: with masks of a clip's truth, dtSSD where they are late or missing, as a "
        "part of that with all; by how many frames they seem to be late; with its truth as keys, IoU "
        "of the frames between, of the matte and of what is carried, with the truth where that is "
        "nothing; how many keys are needed, each where the matte is worst, until IoU of the other "
        f"frames is {WANTED_IOU}; and the time that keys take.",
    )
    parser.add_argument(
        "clip",
        type=Path,
        nargs="?",
        help="NAME.mp4, beside its truth, NAME_alpha.mkv, or NAME_mask.mkv",
    )
    parser.add_argument(
        "--composed",
        type=Path,
        nargs=3,
        metavar=("PICTURE", "ALPHA", "PLACE"),
        help=f"in its place {COMPOSED_FRAMES} frames of a picture that moves over another",
    )
    parser.add_argument("--frames", type=int, metavar="N", help="of its start (default: all)")
    parser.add_argument(
        "--only", choices=[*_MEASURES], help="one of the five (default: all of them)"
    )
    options.add_model_options(parser)
    options.add_report_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure, and print what came out."""
    with options.stdout_for_results():
        clip, exact = _composed(*args.composed) if args.composed else _read(args.clip)
        if args.frames:
            clip, exact = clip[: args.frames], exact[: args.frames]
        names = [args.only] if args.only else [*_MEASURES]
        found = {name: _MEASURES[name](clip, exact, args) for name in names}
    if args.json:
        options.print_json(found)
        return 0
    what = (
        " over ".join(path.stem for path in args.composed[::2]) if args.composed else args.clip.stem
    )
    for name, rows in found.items():
        sys.stdout.write(f"{what}, {name}\n")
        for row, values in rows.items():
            said = "  ".join(f"{key} {value:.3f}" for key, value in values.items())
            sys.stdout.write(f"  {row:<28}{said}\n")
    return 0


def _read(path: Path | None) -> tuple[vs.VideoNode, vs.VideoNode]:
    """Return the clip at `path` and its truth."""
    from sghm_vs.color.convert import read_color, to_matte
    from sghm_vs.media.readers import open_source

    if path is None:
        msg = "name a clip, or what it is --composed of: PICTURE ALPHA PLACE"
        raise SettingsError(msg)
    truths = [path.with_name(f"{path.stem}_{kind}.mkv") for kind in ("alpha", "mask")]
    truth = next((one for one in truths if one.is_file()), None)
    if truth is None:
        msg = f"{path} has no truth beside it: {' or '.join(one.name for one in truths)}"
        raise SourceError(msg)
    return read_color(open_source(path).clip).clip, to_matte(open_source(truth).clip)


def _composed(picture: Path, alpha: Path, place: Path) -> tuple[vs.VideoNode, vs.VideoNode]:
    """Return a clip of a subject that sways and comes nearer over a place that pans, and its truth."""
    import cv2
    import numpy as np

    from benchmarks.stills import clip_of, planes_in, rounded, subject_in

    subject, behind = subject_in(picture.stem, picture, alpha), planes_in(place)[..., :3]
    height, width = subject.alpha.shape
    wide = cv2.resize(behind, (width + 2 * COMPOSED_FRAMES, height), interpolation=cv2.INTER_CUBIC)
    plain = np.dstack([subject.color, subject.alpha])
    clips, truths = [], []
    for n in range(COMPOSED_FRAMES):
        far = n / COMPOSED_FRAMES
        turned = cv2.getRotationMatrix2D((width / 2, height), 5 * np.sin(7 * far), 0.9 + 0.15 * far)
        turned[0, 2] += 0.1 * width * np.sin(5 * far) + 0.05 * width * far
        moved = cv2.warpAffine(plain, turned, (width, height))
        part = moved[..., 3:]
        seen = part * moved[..., :3] + (1 - part) * wide[:, n : n + width]
        grain = np.random.default_rng(n).normal(0, 2.5 / 255, seen.shape)
        clips.append(clip_of(rounded(np.asarray(seen + grain, np.float32))))
        truths.append(clip_of(np.asarray(moved[..., 3], np.float32)))
    return _joined(clips), _joined(truths)


def _joined(clips: list[vs.VideoNode]) -> vs.VideoNode:
    """Return frames one after the other, 24 a second."""
    import vapoursynth as vs

    return vs.core.std.Splice(clips).std.AssumeFPS(fpsnum=24, fpsden=1)


def _masks(clip: vs.VideoNode, exact: vs.VideoNode, args: argparse.Namespace) -> Rows:
    """Return dtSSD and MAD of mattes that masks guide, and the first as a part of that of all."""
    from benchmarks.baselines import Steadiness
    from sghm_vs.filter.neighbors import IS_MISSING

    mask = exact.std.Expr("x 0.5 > 1 0 ?")
    none = mask.std.BlankClip(keep=True).std.SetFrameProps(**{IS_MISSING: 1})
    last = mask[-2].std.SetFrameProps(**{IS_MISSING: 1})
    empty = mask.std.BlankClip(keep=True)
    masks = {
        "all": mask,
        "late by a frame": mask[0] + mask[:-1],
        "late, by --mask-start": mask[:-1] + last,
        f"each {DROPPED_EACH}th missing": _each(mask, none),
        f"each {DROPPED_EACH}th black": _each(mask, empty),
    }
    rows: Rows = {}
    for name, one in masks.items():
        steadiness = Steadiness()
        for alpha, true in zip(_alphas(_matted(clip, args, mask=one)), _alphas(exact), strict=True):
            steadiness.add(alpha, true)
        rows[name] = steadiness.scores()
        rows[name]["of all"] = rows[name]["dtssd"] / rows["all"]["dtssd"]
    return rows


def _timing(clip: vs.VideoNode, exact: vs.VideoNode, args: argparse.Namespace) -> Rows:
    """Return by how many frames masks seem to be late that are so; 0 is that nothing is said."""
    from sghm_vs.shots.mask_timing import evenly, find_timing
    from sghm_vs.shots.shot import prepare

    prepared, mask = prepare(options.matting_from(args)), exact.std.Expr("x 0.5 > 1 0 ?")
    wide = mask
    for _ in range(WIDER_PX):
        wide = wide.std.Maximum()
    small = mask.resize.Bilinear(mask.width // COARSE, mask.height // COARSE)
    low = small.resize.Bilinear(mask.width, mask.height)
    looked_at = evenly(range(clip.num_frames), clip.num_frames)
    rows: Rows = {}
    for name, one in {"exact": mask, f"{WIDER_PX} px wider": wide, f"1/{COARSE}": low}.items():
        for late in range(-LATE_MOST, LATE_MOST + 1):
            found = find_timing(clip, _later(one, late), prepared, looked_at)
            said = {"late": 0, "agreeing": 0} if found is None else found._asdict()
            rows[f"{name}, late by {late}"] = {key: said[key] for key in ("late", "agreeing")}
    return rows


def _later(mask: vs.VideoNode, by: int) -> vs.VideoNode:
    """Return `mask`, each frame of it `by` frames later; its ends stand."""
    if by == 0:
        return mask
    return mask[0].std.Loop(by) + mask[:-by] if by > 0 else mask[-by:] + mask[-1].std.Loop(-by)


def _each(mask: vs.VideoNode, other: vs.VideoNode) -> vs.VideoNode:
    """Return `mask`, with `other` in each so-manieth frame."""
    return mask.std.FrameEval(
        lambda n: other if n % DROPPED_EACH == DROPPED_EACH // 2 else mask, clip_src=[mask, other]
    )


def _keys(clip: vs.VideoNode, exact: vs.VideoNode, args: argparse.Namespace) -> Rows:
    """Return the mean and the least IoU of the frames between keys."""
    import numpy as np

    from sghm_vs.matting.guides import UNKNOWN

    true = [alpha > 0.5 for alpha in _alphas(exact)]
    alone = [alpha > 0.5 for alpha in _alphas(_matted(clip, args))]
    rows: Rows = {}
    for each in KEYED_EACH:
        keys = _keyed(exact, each)
        between = [n for n in range(clip.num_frames) if n not in keys]
        said = [*_alphas(_matted(clip, args, keys=keys, debug="guide"))]
        mattes = {
            f"each {each}, without": alone,
            f"each {each}": [a > 0.5 for a in _alphas(_matted(clip, args, keys=keys))],
            f"each {each}, carried": [
                np.where(one == UNKNOWN, truth, one > 0.5)
                for one, truth in zip(said, true, strict=True)
            ],
        }
        for name, found in mattes.items():
            overlaps = [_overlap(found[n], true[n]) for n in between]
            rows[name] = {"iou": float(np.mean(overlaps)), "least": min(overlaps)}
        open_share = [float((said[n] == UNKNOWN).mean()) for n in between]
        rows[f"each {each}, carried"]["left open"] = float(np.mean(open_share))
    return rows


def _needed(clip: vs.VideoNode, exact: vs.VideoNode, args: argparse.Namespace) -> Rows:
    """Return the mean and the least IoU with ever more keys, each where the matte is worst."""
    import numpy as np

    true = [alpha > 0.5 for alpha in _alphas(exact)]
    key = exact.std.Expr("x 0.5 > 1 0 ?")
    rows: Rows = {}
    keyed: dict[int, vs.VideoNode] = {}
    while True:
        mattes = [alpha > 0.5 for alpha in _alphas(_matted(clip, args, keys=keyed or None))]
        overlaps = {
            n: _overlap(mattes[n], true[n]) for n in range(clip.num_frames) if n not in keyed
        }
        mean, worst = float(np.mean([*overlaps.values()])), min(overlaps, key=lambda n: overlaps[n])
        rows[f"{len(keyed)} keys"] = {"iou": mean, "least": overlaps[worst], "of frame": worst}
        if mean >= WANTED_IOU or len(keyed) == KEYS_MAX:
            return rows
        keyed[worst] = key[worst]


def _cost(clip: vs.VideoNode, exact: vs.VideoNode, args: argparse.Namespace) -> Rows:
    """
    Return the CPU time of a frame in order without and with keys, and the time of a seek.

    The network is there by then, as it is for whoever seeks in an open script.
    """
    clip, exact = (one.resize.Bicubic(*COST_SIZE_PX) for one in (clip, exact))
    rows: Rows = {}
    open_script = _matted(clip, args)
    open_script.get_frame(0).close()
    for name, keys in (("without", {}), ("with", _keyed(exact, KEYED_EACH[0]))):
        start = time.process_time()
        for frame in _matted(clip, args, keys=keys or None).frames(prefetch=1, close=True):
            frame.close()
        spent = time.process_time() - start
        rows[f"in order, {name} keys"] = {"cpu_ms": 1e3 * spent / clip.num_frames}
    before = rows["in order, without keys"]["cpu_ms"]
    rows["in order, with keys"]["of without"] = rows["in order, with keys"]["cpu_ms"] / before
    for name, keys in (("without", {}), ("with", _keyed(exact, KEYED_EACH[0]))):
        alpha = _matted(clip, args, keys=keys or None)
        begun, start = time.perf_counter(), time.process_time()
        alpha.get_frame(clip.num_frames // 2 - KEYED_EACH[0] // 2).close()
        rows[f"a seek, {name} keys"] = {
            "s": time.perf_counter() - begun,
            "cpu_s": time.process_time() - start,
        }
    return rows


def _keyed(exact: vs.VideoNode, each: int) -> dict[int, vs.VideoNode]:
    key = exact.std.Expr("x 0.5 > 1 0 ?")
    return {n: key[n] for n in range(0, exact.num_frames, each)}


def _matted(clip: vs.VideoNode, args: argparse.Namespace, **guides: Any) -> vs.VideoNode:
    from sghm_vs import sghm

    matting = options.matting_from(args)
    tr = matting.settings.tr
    return sghm(clip, matting.device_index, matting.model, tr=tr, **guides)


def _alphas(matte: vs.VideoNode) -> Iterator[Matte]:
    import numpy as np

    for frame in matte.frames(prefetch=2, close=True):
        yield np.asarray(frame[0]).copy()


def _overlap(one: Any, other: Any) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


_MEASURES: dict[str, Callable[..., Rows]] = {
    "masks": _masks,
    "timing": _timing,
    "keys": _keys,
    "needed": _needed,
    "cost": _cost,
}
