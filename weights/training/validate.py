"""
Score a model on folders of pictures with truths beside them, at 640 px.

    python -m weights.training.validate VALIDATION [--model PATH]

Each folder of VALIDATION holds `NAME.jpg` with `NAME_alpha.png` or `NAME_mask.png`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import vapoursynth as vs

from sghm_vs.evaluate import score_clip
from sghm_vs.filter import Slots, load_pipeline, matte_clip
from sghm_vs.settings import Settings
from sghm_vs.source import open_source
from sghm_vs.weights import find_weights

LONG_SIDE_PX = 640
CPU = torch.device("cpu")


def at_640(path: Path) -> vs.VideoNode:
    """Return the picture at `path`, its long side at 640 px."""
    clip = open_source(path).clip
    scale = LONG_SIDE_PX / max(clip.width, clip.height)
    return clip.resize.Bicubic(round(clip.width * scale), round(clip.height * scale))


def main() -> None:
    parser = argparse.ArgumentParser(description="Score a model on folders of pictures, at 640 px.")
    parser.add_argument("validation", type=Path)
    parser.add_argument("--model", default="auto")
    args = parser.parse_args()
    pipeline = load_pipeline(find_weights(args.model), Settings(), CPU, torch.float32)
    slots = Slots(CPU, count=1)
    for folder in sorted(path for path in args.validation.iterdir() if path.is_dir()):
        scores = []
        for truth in sorted([*folder.glob("*_alpha.png"), *folder.glob("*_mask.png")]):
            image = truth.with_name(f"{truth.stem.rpartition('_')[0]}.jpg")
            scores.append(score_clip(matte_clip(at_640(image), pipeline, slots), at_640(truth)))
        mad = sum(score["mad"] for score in scores) / len(scores) / 1000
        iou = sum(score["iou"] for score in scores) / len(scores) / 100
        print(f"{folder.name:<10} {len(scores):>3} pictures  MAD {mad:.4f}  IoU {iou:.3f}")


if __name__ == "__main__":
    main()
