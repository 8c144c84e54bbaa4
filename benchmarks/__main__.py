"""python -m benchmarks: what a choice of settings gains and costs, and how fast things are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import tee
from pathlib import Path
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from benchmarks import (
    backends,
    delivery,
    farm,
    farm_simulation,
    faults,
    guides,
    install,
    peers,
    people,
    regions,
    seeks,
    speed,
    startup,
    stills,
    timing,
)
from sghm_vs.cli import Parser, carry_out, options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import SettingsError, SourceError
from sghm_vs.options import PRESETS, Settings

if TYPE_CHECKING:
    import vapoursynth as vs

    from sghm_vs.evaluate.metrics import Matte

TRUTH_ENDING = "_alpha"
COST_SIZE_PX = 1280, 720
DELIVERED_FRAMES = 120

type Scores = dict[str, dict[str, float]]
"""By way of steadying, then by measure."""


MEASURES = {
    "temporal": "what temporal filtering gains: matte clips whose truth is known with each preset of "
    "--tr, and print dtSSD and MAD as parts of those without filtering (1 is no change, less is "
    "better), beside two simple filters; and what each preset alone adds to the exact truth",
    "cost": "the CPU time of a frame with each preset, of the first of the clips at 1280x720",
    "speed": "frames a second of the network alone, through VapourSynth and from movie to movie, "
    "beside a plain forward pass of the same weights; the CPU time of each part; memory",
    "delivery": "write 1080p EXR mattes and ProRes 4444, and print how fast beside OpenEXR and "
    "ffmpeg alone",
    "farm": "plan 10,000 chunks; dispatch 1,000 to a worker that does nothing; and, of footage, the "
    "speed of 1, 2 and 4 workers of a core each",
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of `python -m benchmarks`."""
    parser = Parser(prog="python -m benchmarks", description="Measure sghm on this machine.")
    measures = parser.add_subparsers(title="benchmarks", metavar="WHAT", required=True)
    for name, meaning in MEASURES.items():
        measure = measures.add_parser(name, help=meaning, description=f"{name}: {meaning}.")
        _add_options(measure)
        measure.set_defaults(run=run, what=name)
    farm_simulation.add_parser(measures)
    startup.add_parser(measures)
    guides.add_parser(measures)
    people.add_parser(measures)
    regions.add_parser(measures)
    install.add_parser(measures)
    stills.add_parsers(measures)
    faults.add_parser(measures)
    backends.add_parser(measures)
    peers.add_parser(measures)
    seeks.add_parser(measures)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Measure what `words` say, or the process's own, and return the exit code."""
    return carry_out(build_parser(), words)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        metavar="DIR|FILE",
        help="temporal: clips, each NAME.mp4 (or any movie) beside its truth, NAME_alpha.mkv; "
        "speed: footage; farm: footage, or nothing; "
        "delivery: where to write for the while (default: the system's folder for that)",
    )
    parser.add_argument(
        "--frames",
        type=int,
        default=0,
        metavar="N",
        help="of each clip's start (default: all; speed: 24); delivery: how many (default: 120)",
    )
    parser.add_argument(
        "--size",
        type=timing.size_of,
        default=(1920, 1080),
        metavar="WxH",
        help="speed, delivery: of the frames (default: 1920x1080)",
    )
    parser.add_argument(
        "--matrix",
        action="store_true",
        help="speed: both models, four sizes, tr 0 and 2, in place of --model, --size, --tr",
    )
    parser.add_argument(
        "--floors",
        action="store_true",
        help="speed: what the floors in docs/decisions/022-speed.md are about, in place of --model, "
        "--size, --tr: on CUDA both models, four sizes, tr 0 and 2, on the CPU a few rows; and "
        "whether they hold",
    )
    parser.add_argument(
        "--long",
        type=int,
        default=0,
        metavar="N",
        help="speed: also send N frames through the filter, the footage over and over, and compare "
        "time and memory with 100 of them",
    )
    parser.add_argument(
        "--save",
        type=Path,
        metavar="DIR",
        help="speed: also write DIR/speed.md and DIR/speed.json",
    )
    parser.add_argument(
        "--band",
        type=Path,
        metavar="FILE",
        help="speed: a matte whose edges are refined in place of the network's own; random weights, "
        "which stand in for a model that is not installed, have none",
    )
    parser.add_argument(
        "--memory",
        action="store_true",
        help="delivery: print the memory held along a pass with four outputs instead",
    )
    parser.add_argument(
        "--grain",
        type=float,
        default=0,
        metavar="S",
        help="add fresh grain of this sigma, of 255, to each frame (default: 0)",
    )
    parser.add_argument(
        "--only",
        choices=[name for name in PRESETS if name != "off"],
        help="one preset beside off, which takes half of the time (default: all of them)",
    )
    options.add_model_options(parser)
    options.add_report_options(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, and print what came out."""
    if args.what == "delivery":
        args.frames = args.frames or DELIVERED_FRAMES
        return delivery.run(args)
    if args.what == "farm":
        return farm.run(args)
    if args.folder is None:
        needed = "footage" if args.what == "speed" else "a folder of clips"
        msg = f"{args.what} needs {needed}; type: python -m benchmarks {args.what} PATH"
        raise SettingsError(msg)
    return {"cost": _run_cost, "speed": speed.run, "temporal": _run_temporal}[args.what](args)


def _run_cost(args: argparse.Namespace) -> int:
    """Measure the first clip of the folder."""
    plate, _ = _pairs(args.folder)[0]
    with options.stdout_for_results():
        costs = _costs(plate, args)
    if args.json:
        options.print_json(costs)
        return 0
    sys.stdout.write(f"{'CPU ms a frame':<20}{'':>8}{'over off':>10}\n")
    for name, cost in costs.items():
        sys.stdout.write(f"{name:<20}{cost:>8.0f}{cost - costs['off']:>10.0f}\n")
    return 0


def _run_temporal(args: argparse.Namespace) -> int:
    """Measure each clip of the folder, and print the means."""
    clips = _pairs(args.folder)
    scores: dict[str, Scores] = {}
    with options.stdout_for_results(), progress("bench", quiet=args.quiet) as report:
        for done, (plate, truth) in enumerate(clips, start=1):
            scores[plate.stem] = _measure(plate, truth, args)
            if report is not None:
                report(done, len(clips))
    if args.json:
        options.print_json(scores)
    else:
        sys.stdout.write(_table(scores))
    return 0


def _pairs(folder: Path) -> list[tuple[Path, Path]]:
    if not folder.is_dir():
        msg = f"{folder} is not a folder; give the folder that holds the clips"
        raise SourceError(msg)
    files = sorted(path for path in folder.iterdir() if path.is_file())
    by_stem = {path.stem: path for path in files}
    pairs = [
        (path, by_stem[path.stem + TRUTH_ENDING])
        for path in files
        if path.stem + TRUTH_ENDING in by_stem
    ]
    if not pairs:
        msg = f"{folder} holds no clip NAME beside its truth NAME{TRUTH_ENDING}"
        raise SourceError(msg)
    return pairs


def _measure(plate: Path, truth: Path, args: argparse.Namespace) -> Scores:
    """Return the scores of each preset, of the simple filters, and of presets over the truth."""
    from benchmarks.baselines import Steadiness, exponential, one_frame_delay
    from sghm_vs.color.convert import to_matte
    from sghm_vs.media.readers import open_source

    clip, exact = open_source(plate).clip, to_matte(open_source(truth).clip)
    if args.frames:
        clip, exact = clip[: args.frames], exact[: args.frames]
    if (clip.width, clip.height, clip.num_frames) != (exact.width, exact.height, exact.num_frames):
        msg = f"{plate.name} and {truth.name} differ in size or length"
        raise SettingsError(msg)
    if args.grain:
        clip = _grained(clip, args.grain)
    over_truth = _over_truth(clip, exact, args)
    streams = {name: _alphas(matte) for name, matte in _by_preset(clip, args).items()}
    streams["off"], once, again = tee(streams["off"], 3)
    streams |= {"exponential": exponential(once), "one-frame-delay": one_frame_delay(again)}
    streams |= {f"{name}, truth": _alphas(matte) for name, matte in over_truth.items()}
    scores = {name: Steadiness() for name in streams}
    for *alphas, true_alpha in zip(*streams.values(), _alphas(exact), strict=True):
        for score, alpha in zip(scores.values(), alphas, strict=True):
            score.add(alpha, true_alpha)
    return {name: score.scores() for name, score in scores.items()}


def _costs(plate: Path, args: argparse.Namespace) -> dict[str, float]:
    """Return the median CPU time of a frame at 1280x720 with each preset, ms, of all threads."""
    from sghm_vs.color.convert import read_color
    from sghm_vs.media.readers import open_source

    # Untagged color means another thing at another size.
    clip = read_color(open_source(plate).clip).clip
    clip = clip[: args.frames] if args.frames else clip
    clip = clip.resize.Bicubic(*COST_SIZE_PX)
    mattes = _by_preset(clip, args)
    costs: dict[str, list[float]] = {name: [] for name in mattes}
    for n in range(clip.num_frames):
        # Read once before: the first of them would pay for all.
        clip.get_frame(n).close()
        for name, matte in mattes.items():
            start = process_time()
            matte.get_frame(n).close()
            costs[name].append(1e3 * (process_time() - start))
    # What comes first warms up, and looks ahead for all that follow; the last look ahead no more.
    whole = clip.num_frames - max(chosen.reach for chosen in _presets(args).values())
    counted = slice(1, whole if whole > 1 else None)
    return {name: median(cost[counted] or cost) for name, cost in costs.items()}


def _by_preset(clip: vs.VideoNode, args: argparse.Namespace) -> dict[str, vs.VideoNode]:
    """Return the mattes of `clip` by each preset."""
    from sghm_vs.filter.engines import engines_for
    from sghm_vs.filter.sghm import matte_clip
    from sghm_vs.models.backends.device import choose_computes
    from sghm_vs.models.load import load_network
    from sghm_vs.models.weights import find_weights

    how = options.matting_from(args)
    weights = find_weights(how.model)
    computes = choose_computes(how.device_index, how.fp16, how.backend)
    networks = {compute: load_network(weights, compute) for compute in computes}

    def matted(settings: Settings) -> vs.VideoNode:
        engines = engines_for(
            weights, settings, computes, load=lambda _, compute: networks[compute]
        )
        return matte_clip(clip, engines)

    return {name: matted(chosen) for name, chosen in _presets(args).items()}


def _over_truth(
    clip: vs.VideoNode, exact: vs.VideoNode, args: argparse.Namespace
) -> dict[str, vs.VideoNode]:
    """Return what each preset's alpha filter makes of the truth."""
    from sghm_vs.color.convert import read_color, to_display_rgb
    from sghm_vs.filter import graph
    from sghm_vs.filter.neighbors import temporal_neighbors

    rgb = to_display_rgb(read_color(clip))
    return {
        name: graph.stabilized(exact, temporal_neighbors(rgb, chosen))
        for name, chosen in _presets(args).items()
        if chosen.radius
    }


def _presets(args: argparse.Namespace) -> dict[str, Settings]:
    settings = options.matting_from(args).settings
    names = ("off", args.only) if args.only else PRESETS
    return {name: replace(settings, tr=name) for name in names}


def _grained(clip: vs.VideoNode, sigma: float) -> vs.VideoNode:
    """Return `clip` as RGB24 with grain that is the same each time."""
    import numpy as np
    import vapoursynth as vs

    from sghm_vs.color.convert import read_color, to_display_rgb

    rgb = to_display_rgb(read_color(clip)).resize.Point(format=vs.RGB24, dither_type="none")

    def add(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        frame = f.copy()
        noise = np.random.default_rng(n)
        for plane in map(np.asarray, frame):
            grained = plane + noise.normal(0, sigma, plane.shape)
            np.copyto(plane, np.clip(np.rint(grained), 0, 255).astype(np.uint8))
        return frame

    return rgb.std.ModifyFrame(rgb, add)


def _alphas(matte: vs.VideoNode) -> Iterator[Matte]:
    import numpy as np

    for frame in matte.frames(close=True):
        yield np.array(frame[0], np.float64)


def _table(scores: dict[str, Scores]) -> str:
    clips = list(scores.values())
    ways = [way for way in clips[0] if not way.endswith(", truth")]
    lines = [f"{'mean of ' + str(len(clips)) + ' clips':<20}{'dtSSD':>8}{'MAD':>8}"
             f"{'worst':>8}{'worst':>8}{'+dtSSD':>8}{'+MAD':>8}"]  # fmt: skip
    for way in ways:
        parts = [
            [clip[way][name] / max(clip["off"][name], 1e-9) for clip in clips]
            for name in ("dtssd", "mad")
        ]
        cells = [sum(part) / len(part) for part in parts] + [max(part) for part in parts]
        row = f"{way:<20}" + "".join(f"{cell:>8.3f}" for cell in cells)
        added = [clip.get(f"{way}, truth") for clip in clips]
        if all(added):
            means = [sum(a[name] for a in added if a) / len(added) for name in ("dtssd", "mad")]
            row += "".join(f"{mean:>8.3f}" for mean in means)
        lines.append(row)
    note = "parts of off; then the worst clip's; then what the filter adds to the exact truth"
    return "\n".join([*lines, note]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
