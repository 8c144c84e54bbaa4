"""
Score a model as the model card reports it: pictures at 640 px, clips per frame, an empty room.

    python -m weights.training.validate DATA [--model PATH]

DATA holds `validation/FOLDER/NAME.jpg` with `NAME_alpha.png` or `NAME_mask.png` beside it,
`sequence/NAME.mp4` with `NAME_alpha.mkv`, and `video/intel_onebyone_46s.mp4`, whose first
seconds show a room without people. What is missing is left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import vapoursynth as vs

from sghm_vs.evaluate import score_clip
from sghm_vs.filter import Slots, load_pipeline, matte_clip
from sghm_vs.settings import Settings
from sghm_vs.source import open_source
from sghm_vs.weights import find_weights

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


def score_pictures(matte: Matter, folder: Path) -> dict[str, float]:
    """Return the mean scores of the pictures in `folder`."""
    scores = []
    for truth in sorted([*folder.glob("*_alpha.png"), *folder.glob("*_mask.png")]):
        image = truth.with_name(f"{truth.stem.rpartition('_')[0]}.jpg")
        scores.append(score_clip(matte(at_640(image)), at_640(truth)))
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def coverage(alpha: vs.VideoNode) -> float:
    """Return the largest mean alpha of a frame of `alpha`, 0-1."""
    return max(float(np.asarray(frame[0]).mean()) for frame in alpha.frames(close=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="auto")
    args = parser.parse_args()
    pipeline = load_pipeline(find_weights(args.model), Settings(), CPU, torch.float32)
    slots = Slots(CPU, count=1)

    def matte(clip: vs.VideoNode) -> vs.VideoNode:
        return matte_clip(clip, pipeline, slots)

    def show(name: str, scores: dict[str, float]) -> None:
        flicker = f"  dtSSD {scores['dtssd']:.2f}" if "dtssd" in scores else ""
        mad, band, iou = scores["mad"] / 1e3, scores["band"] / 1e3, scores["iou"] / 100
        print(f"{name:<14} MAD {mad:.4f}  band {band:.3f}  IoU {iou:.3f}{flicker}", flush=True)

    for folder in sorted(path for path in args.data.glob("validation/*") if path.is_dir()):
        show(folder.name, score_pictures(matte, folder))
    for truth in sorted(args.data.glob("sequence/*_alpha.mkv")):
        plate = truth.with_name(truth.name.replace("_alpha.mkv", ".mp4"))
        show(plate.stem, score_clip(matte(open_source(plate).clip), open_source(truth).clip))
    if (room := args.data / EMPTY_ROOM).exists():
        alpha = matte(open_source(room).clip[:EMPTY_FRAMES])
        print(f"empty room     at most {coverage(alpha):.3%} of a frame covered")


if __name__ == "__main__":
    main()
