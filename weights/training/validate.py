"""
Score a model as the model card reports it: pictures at 640 px, clips per frame, an empty room.

    python -m weights.training.validate DATA [--model PATH] [--sheets DIR] [--each]

DATA holds `validation/FOLDER/NAME.jpg` with `NAME_alpha.png` or `NAME_mask.png` beside it,
`sequence/NAME.mp4` with `NAME_alpha.mkv`, and `video/intel_onebyone_46s.mp4`, whose first
seconds show a room without people. What is missing is left out. `--sheets` writes a sheet of each
folder of pictures, worst first: source, alpha, subject over a color.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
import vapoursynth as vs

from sghm_vs.color.convert import read_color, to_display_rgb
from sghm_vs.evaluate import score_clip
from sghm_vs.evaluate.contact_sheet import contact_sheet
from sghm_vs.filter.engine import TensorEngine, load_pipeline
from sghm_vs.filter.sghm import matte_clip
from sghm_vs.media.readers import open_source
from sghm_vs.models.backends.device import Compute
from sghm_vs.models.backends.streams import Streams
from sghm_vs.models.weights import find_weights
from sghm_vs.options import Settings

LONG_SIDE_PX = 640
CPU = torch.device("cpu")
EMPTY_ROOM = "video/intel_onebyone_46s.mp4"
EMPTY_FRAMES = 40

type Matter = Callable[[vs.VideoNode], vs.VideoNode]


def at_640(path: Path) -> vs.VideoNode:
    """Return the picture at `path`, its long side at 640 px."""
    clip = open_source(path).clip
    scale = LONG_SIDE_PX / max(clip.width, clip.height)
    return clip.resize.Bicubic(round(clip.width * scale), round(clip.height * scale))


def score_pictures(matte: Matter, folder: Path) -> dict[Path, dict[str, float]]:
    """Return the scores of each picture in `folder`, worst first."""
    scores = {}
    for truth in sorted([*folder.glob("*_alpha.png"), *folder.glob("*_mask.png")]):
        image = truth.with_name(f"{truth.stem.rpartition('_')[0]}.jpg")
        scores[image] = score_clip(matte(at_640(image)), at_640(truth))
    return dict(sorted(scores.items(), key=lambda item: item[1]["iou"]))


def mean(scores: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each score."""
    listed = list(scores)
    return {name: float(np.mean([score[name] for score in listed])) for name in listed[0]}


def write_sheet(matte: Matter, images: Iterable[Path], sheet: Path) -> None:
    """Write source, alpha and subject over a color of each of `images`, in squares."""
    clips = [at_640(image) for image in images]
    squares = [
        vs.core.std.Splice([_square(view(clip)) for clip in clips]) for view in (_rgb, matte)
    ]
    contact_sheet(*squares, range(len(clips)), sheet, columns=3)


def _rgb(clip: vs.VideoNode) -> vs.VideoNode:
    return to_display_rgb(read_color(clip))


def _square(clip: vs.VideoNode) -> vs.VideoNode:
    rest = {"right": LONG_SIDE_PX - clip.width, "bottom": LONG_SIDE_PX - clip.height}
    return clip.std.AddBorders(**rest)


def coverage(alpha: vs.VideoNode) -> float:
    """Return the largest mean alpha of a frame of `alpha`, 0-1."""
    return max(float(np.asarray(frame[0]).mean()) for frame in alpha.frames(close=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="auto")
    parser.add_argument("--sheets", type=Path, metavar="DIR", help="write sheets there")
    parser.add_argument("--each", action="store_true", help="print each picture's scores, too")
    args = parser.parse_args()
    pipeline = load_pipeline(find_weights(args.model), Settings(tr=0), Compute(CPU))
    engine = TensorEngine.of(pipeline, Streams(CPU, count=1))

    def matte(clip: vs.VideoNode) -> vs.VideoNode:
        return matte_clip(clip, [engine])

    def show(name: str, scores: dict[str, float]) -> None:
        flicker = f"  dtSSD {scores['dtssd']:.2f}" if "dtssd" in scores else ""
        mad, band, iou = scores["mad"] / 1e3, scores["band"] / 1e3, scores["iou"] / 100
        print(f"{name:<14} MAD {mad:.4f}  band {band:.3f}  IoU {iou:.3f}{flicker}", flush=True)

    for folder in sorted(path for path in args.data.glob("validation/*") if path.is_dir()):
        scores = score_pictures(matte, folder)
        show(folder.name, mean(scores.values()))
        for image, score in scores.items() if args.each else ():
            show(f"  {image.stem}", score)
        if args.sheets:
            args.sheets.mkdir(parents=True, exist_ok=True)
            write_sheet(matte, scores, args.sheets / f"{folder.name}.png")
    for truth in sorted(args.data.glob("sequence/*_alpha.mkv")):
        plate = truth.with_name(truth.name.replace("_alpha.mkv", ".mp4"))
        show(plate.stem, score_clip(matte(open_source(plate).clip), open_source(truth).clip))
    if (room := args.data / EMPTY_ROOM).exists():
        alpha = matte(open_source(room).clip[:EMPTY_FRAMES])
        print(f"empty room     at most {coverage(alpha):.3%} of a frame covered")


if __name__ == "__main__":
    main()
