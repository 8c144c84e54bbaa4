"""
Write the averaged weights of both halves, and of a judge, as the file that ships.

    python -m weights.training.finish SEGMENTATION MATTING sghm-lite.safetensors [--judge JUDGE]
    python -m weights.training.finish SEGMENTATION MATTING PATH --mean-with WEIGHTS [--share 0.5]

SEGMENTATION, MATTING and JUDGE, another run of segmentation, are checkpoints (.pt) or snapshots
(.safetensors) of `train`, or a file that ships. `--outline` says
which probability, 0-1, is the outline of a person; what is written has it at one half. `--mean-with`
takes the mean of SEGMENTATION, of which `--share` counts, and of the weights that it began with: what a
short run learns comes in without what it forgets.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save_file

from sghm_vs.models.sghm.encoder import MobileNetV2Encoder
from sghm_vs.models.sghm.network import LightSGHM, sghm_lite_10, sghm_lite_11
from weights.training.train import TRAINED, load


def joined(
    segmentation: Path,
    matting: Path,
    outline: float,
    mean_with: Path | None = None,
    share: float = 0.5,
) -> LightSGHM:
    """Return the network of two runs whose encoders begin alike, its outline at one half."""
    network, other = sghm_lite_10(), sghm_lite_10()
    load(network, segmentation)
    load(other, matting)
    if mean_with is not None:
        begun = sghm_lite_10()
        load(begun, mean_with)
        network = between(begun, network, share)
    _check_shared(network, other, f"{segmentation} and {matting}")
    network.refine.load_state_dict(other.refine.state_dict())
    network.decoder.conv4.bias.data -= torch.logit(torch.tensor(outline))
    return network


def with_judge(network: LightSGHM, judge: Path) -> LightSGHM:
    """Return `network`, judged by the segmentation of `judge`, whose first stages are the same."""
    other, whole = sghm_lite_10(), sghm_lite_11()
    load(other, judge)
    _check_shared(network, other, f"the halves and {judge}")
    whole.load_state_dict(network.state_dict(), strict=False)
    assert whole.judge is not None  # noqa: S101 - this network has one
    whole.judge.stage4.load_state_dict(
        cast("MobileNetV2Encoder", other.backbone).stage4.state_dict()
    )
    whole.judge.aspp.load_state_dict(other.aspp.state_dict())
    whole.judge.decoder.load_state_dict(other.decoder.state_dict())
    return whole


def _check_shared(network: LightSGHM, other: LightSGHM, which: str) -> None:
    mine, theirs = network.state_dict(), other.state_dict()
    frozen = [key for key in mine if not _is_trained(key)]
    if any(not torch.equal(mine[key].half(), theirs[key].half()) for key in frozen):
        msg = f"{which} do not share the encoder's first stages: start both from one file"
        raise SystemExit(msg)


def between(begun: LightSGHM, trained: LightSGHM, share: float) -> LightSGHM:
    """Return `begun` moved toward `trained` by `share`, 0-1."""
    ends = trained.state_dict()
    state = {
        key: value.lerp(ends[key], share) if value.is_floating_point() else value
        for key, value in begun.state_dict().items()
    }
    begun.load_state_dict(state)
    return begun


def _is_trained(key: str) -> bool:
    return any(key.startswith(f"{part}.") for parts in TRAINED.values() for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("segmentation", type=Path)
    parser.add_argument("matting", type=Path)
    parser.add_argument("path", type=Path)
    parser.add_argument("--judge", type=Path)
    parser.add_argument("--outline", type=float, default=0.5)
    parser.add_argument("--mean-with", type=Path, metavar="WEIGHTS")
    parser.add_argument("--share", type=float, default=0.5)
    args = parser.parse_args()
    if not 0 <= args.share <= 1:
        parser.error(f"--share is {args.share} and must be a part between 0 and 1")
    if not 0 < args.outline < 1:
        parser.error(f"--outline is {args.outline} and must be a probability between 0 and 1")
    network = joined(args.segmentation, args.matting, args.outline, args.mean_with, args.share)
    if args.judge is not None:
        network = with_judge(network, args.judge)
    state = network.state_dict()
    halved = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in state.items()
    }
    save_file(halved, args.path)


if __name__ == "__main__":
    main()
