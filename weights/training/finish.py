"""
Write the averaged weights of both halves, and of a judge, as the file that ships.

    python -m weights.training.finish SEGMENTATION MATTING sghm-lite.safetensors [--judge JUDGE]
    python -m weights.training.finish SEGMENTATION MATTING PATH --mean-with WEIGHTS [--share 0.5]
    python -m weights.training.finish SEGMENTATION MATTING PATH --also STATE... --sees-in-bfloat16

SEGMENTATION, MATTING and JUDGE, another run of segmentation, are checkpoints (.pt) or snapshots
(.safetensors) of `train`, or a file that ships, whose judge is FILE:judge. `--outline` says
which probability, 0-1, is the outline of a person; what is written has it at one half. `--mean-with`
takes the mean of SEGMENTATION, of which `--share` counts, and of the weights that it began with: what a
short run learns comes in without what it forgets. `--also` takes the mean of SEGMENTATION and other
states of its run before that. `--temperature` below 1 flattens probabilities around the outline, which
stays (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).
`--sees-in-bfloat16` says that the segmentation stands bfloat16, by the clips of `validate` with `tr=2`:
it is run so then, where the CPU has it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save_file

from sghm_vs.models.architectures import SEES_IN_BFLOAT16
from sghm_vs.models.sghm.encoder import MobileNetV2Encoder
from sghm_vs.models.sghm.network import LightSGHM, sghm_lite_10, sghm_lite_11
from weights.training.train import TRAINED, load

OF_JUDGE = ":judge"
"""Behind the name of weights that have one: their judge is meant."""


def loaded(path: Path) -> LightSGHM:
    """Return the network at `path`; of `PATH:judge` its judge as its segmentation."""
    network = sghm_lite_10()
    if not path.name.endswith(OF_JUDGE):
        load(network, path)
        return network
    judged = sghm_lite_11()
    load(judged, path.with_name(path.name.removesuffix(OF_JUDGE)))
    assert judged.judge is not None  # noqa: S101 - this network has one
    network.load_state_dict(judged.state_dict(), strict=False)
    cast("MobileNetV2Encoder", network.backbone).stage4.load_state_dict(
        judged.judge.stage4.state_dict()
    )
    network.aspp.load_state_dict(judged.judge.aspp.state_dict())
    network.decoder.load_state_dict(judged.judge.decoder.state_dict())
    return network


def mean_of(states: Sequence[Path]) -> LightSGHM:
    """Return the network whose values are the means of `states`, all alike."""
    first, *others = states
    network = loaded(first)
    for count, state in enumerate(others, start=2):
        network = between(network, loaded(state), 1 / count)
    return network


def with_matting(network: LightSGHM, matting: Path) -> LightSGHM:
    """Return `network` with the matting half of `matting`, whose first stages are the same."""
    other = loaded(matting)
    _check_shared(network, other, f"the segmentation and {matting}")
    network.refine.load_state_dict(other.refine.state_dict())
    return network


def with_outline(network: LightSGHM, outline: float, temperature: float = 1) -> LightSGHM:
    """Return `network` whose probability `outline` becomes one half, and flatter below 1."""
    head = network.decoder.conv4
    head.bias.data -= torch.logit(torch.tensor(outline))
    for values in (head.weight, head.bias):
        values.data *= temperature
    return network


def with_judge(network: LightSGHM, judge: Path) -> LightSGHM:
    """Return `network`, judged by the segmentation of `judge`, whose first stages are the same."""
    other, whole = loaded(judge), sghm_lite_11()
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
    parser.add_argument("--temperature", type=float, default=1)
    parser.add_argument("--also", type=Path, nargs="+", default=[], metavar="STATE")
    parser.add_argument("--sees-in-bfloat16", action="store_true")
    parser.add_argument("--mean-with", type=Path, metavar="WEIGHTS")
    parser.add_argument("--share", type=float, default=0.5)
    args = parser.parse_args()
    if not 0 <= args.share <= 1:
        parser.error(f"--share is {args.share} and must be a part between 0 and 1")
    if not 0 < args.outline < 1:
        parser.error(f"--outline is {args.outline} and must be a probability between 0 and 1")
    network = mean_of([args.segmentation, *args.also])
    if args.mean_with is not None:
        network = between(loaded(args.mean_with), network, args.share)
    network = with_matting(network, args.matting)
    network = with_outline(network, args.outline, args.temperature)
    if args.judge is not None:
        network = with_judge(network, args.judge)
    state = dict(network.state_dict())
    if args.sees_in_bfloat16:
        state[SEES_IN_BFLOAT16] = torch.ones(1)
    halved = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in state.items()
    }
    save_file(halved, args.path)


if __name__ == "__main__":
    main()
