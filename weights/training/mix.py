"""
Mix the segmentation of two finished files; matting parts come from the second.

    python -m weights.training.mix BEFORE.safetensors AFTER.safetensors 0.7 MIXED.safetensors

A network that was trained on keeps what it knew before where its weights are drawn back part of
the way (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). AFTER's run must
have started from BEFORE's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from weights.training.train import TRAINED


def mix(before: dict[str, Tensor], after: dict[str, Tensor], share: float) -> dict[str, Tensor]:
    """Return `after` with its segmentation `share` of the way from `before`, in half precision."""
    mixed = dict(after)
    for key, value in after.items():
        if key.partition(".")[0] in TRAINED["segmentation"] and value.is_floating_point():
            mixed[key] = before[key].float().lerp(value.float(), share).half().contiguous()
    return mixed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("share", type=float, help="0 is BEFORE's segmentation, 1 is AFTER's")
    parser.add_argument("path", type=Path)
    args = parser.parse_args()
    save_file(mix(load_file(args.before), load_file(args.after), args.share), args.path)


if __name__ == "__main__":
    main()
