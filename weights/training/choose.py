"""
Score weights by the pictures of a pack that are held back: what to choose weights by.

    python -m weights.training.choose PACK WEIGHTS... [--small 448] [--every 1] [--validation DATA]
    python -m weights.training.choose PACK --write DIR

Prints, of the network's own masks, cleaned as the filter does: IoU, mean and 10th percentile, of people
as they were taken, by source, of people over places that are held back and over those of kinds that are
held back whole, and of DATA's `validation`; and how much of pictures without people is covered, mean
and share of pictures over 2 %, and the same of those kinds; all in percent.
Of held people over held places, guided by masks that are exact, of low resolution and rough: mean
error and error within 10 px of soft edges, in thousandths, of the coarse alpha and of what the filter
makes of all, and how much of the pictures the finest alpha is looked at in.
`--write` lays the held pictures out as `report` takes them.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from sghm_vs.matting import guides
from sghm_vs.matting.refinement import by_detail
from sghm_vs.matting.segmentation import clean, judged
from sghm_vs.matting.sizing import PUBLISHED_SHORT_SIDE
from sghm_vs.models.arrays import read_model
from sghm_vs.models.sghm.design import STRIDE
from sghm_vs.models.sghm.network import LightSGHM, sghm_lite_10, sghm_lite_11
from sghm_vs.options import Guides
from weights.training.library import Library, Picture, part
from weights.training.losses import dilated
from weights.training.pack import read, shrunk_to
from weights.training.train import load

HELD_MARK = "held_back_from_training"
"""A file of this name says that weights may be chosen by what lies beside it."""
EMPTY_KINDS = ("nobody", "unseen")
BAND_PX = 10
COVERED_PERCENT = 2
LOW_LONG_SIDE_PX = 256
ROUGH_PX, ROUGH_CORNERS = 3, 0.008


def small_of(image: Tensor, long_side: int) -> Tensor:
    """Return `image` (1, 3, h, w) as the encoder sees it: sides multiples of 16."""
    scale = min(long_side / max(image.shape[2:]), 1)
    size = [max(round(side * scale / 16), 1) * 16 for side in image.shape[2:]]
    return interpolate(image, size, mode="bilinear", antialias=True, align_corners=False)


def is_judged(path: Path) -> bool:
    """Return whether the weights at `path` have a judge."""
    return path.suffix == ".safetensors" and read_model(path).row.has_judge


def floats(picture: Picture) -> Tensor:
    """Return the color of `picture`, (1, 3, h, w), 0-1."""
    return picture.color[None].float() / 255


def own_mask(network: LightSGHM, image: Tensor, long_side: int) -> Tensor:
    """Return where people are, bool (1, 1, h, w), of `image`'s size, judged and cleaned."""
    features = network.encode_small(small_of(image, long_side))
    seen = network.segment(features)
    if network.is_judged:
        seen = judged(seen, network.second_look(features))
    size = image.shape[2], image.shape[3]
    cleaned = clean(seen, size, min(size) / PUBLISHED_SHORT_SIDE)
    return interpolate(cleaned, size, mode="bilinear", align_corners=False) > 0.5


def overlap(mask: Tensor, truth: Tensor) -> float:
    """Return the IoU of two masks in percent; 100 where both are empty."""
    union = int((mask | truth).sum())
    return 100 * int((mask & truth).sum()) / union if union else 100.0


def said_of(name: str, overlaps: Sequence[float]) -> str:
    """Return a set's figures in words."""
    tenth = np.percentile(overlaps, 10)
    return f"{name} ({len(overlaps)}) IoU {np.mean(overlaps):.1f}, 10th percentile {tenth:.1f}"


def score_masks(network: LightSGHM, library: Library, long_side: int, every: int) -> str:
    """Return the figures of the network's own masks, a line a set."""
    of_sources: dict[str, list[float]] = {}
    for name in library.names["held_photo"][::every]:
        picture = library.read(name)
        assert picture.alpha is not None  # noqa: S101 - a photo has one
        found = overlap(own_mask(network, floats(picture), long_side), picture.alpha[None] > 127)
        of_sources.setdefault(name.partition("/")[2].partition("_")[0], []).append(found)
    said = [said_of(f"people of {source}", found) for source, found in sorted(of_sources.items())]
    for places in EMPTY_KINDS:
        if f"held_{places}" in library.names:
            overlaps = [
                overlap(own_mask(network, image, long_side), alpha > 0.5)
                for image, alpha in composed(library, every, f"held_{places}")
            ]
            said.append(said_of(f"people over {places}", overlaps))
    for kind in EMPTY_KINDS:
        if names := library.names.get(f"held_{kind}", [])[::every]:
            covered = [
                100 * float(own_mask(network, floats(library.read(name)), long_side).float().mean())
                for name in names
            ]
            over = 100 * np.mean(np.array(covered) > COVERED_PERCENT)
            said.append(f"{kind} covered {np.mean(covered):.1f}, over 2 % {over:.0f}")
    return "\n    ".join(said)


def score_validation(network: LightSGHM, data: Path, long_side: int) -> str:
    """Return the figures of masks of the pictures in `data`/validation, at 640 px, a line a folder."""
    said = []
    for folder in sorted(path for path in (data / "validation").iterdir() if path.is_dir()):
        overlaps = []
        for truth in sorted([*folder.glob("*_alpha.png"), *folder.glob("*_mask.png")]):
            color = shrunk_to(read(truth.with_name(f"{truth.stem.rpartition('_')[0]}.jpg")), 640)
            image = torch.from_numpy(color[..., ::-1].copy()).permute(2, 0, 1)[None].float() / 255
            alpha = torch.from_numpy(shrunk_to(read(truth, cv2.IMREAD_GRAYSCALE), 640))
            mask = own_mask(network, image, long_side)
            overlaps.append(overlap(mask, alpha[None, None] > 127))
        said.append(said_of(folder.name, overlaps))
    return "\n    ".join(said)


def composed(
    library: Library, every: int, places: str = "held_nobody"
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield held people over `places`, by fixed seeds: image (1, 3, h, w), alpha (1, 1, h, w)."""
    names = [n for n in library.names["held_cutout"] if "/render_" in n or "/hair_" in n]
    for name in names[::every]:
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        person, place = library.read(name), library.pick(rng, places)
        assert person.alpha is not None  # noqa: S101 - a cutout has one
        size = tuple(side // STRIDE * STRIDE for side in person.color.shape[1:])
        height, width = (max(side, 4 * STRIDE) for side in size)
        middle = person.color.shape[1] / 2, person.color.shape[2] / 2
        own = part(torch.cat([person.color, person.alpha]), middle, 1.0, (height, width))
        scale = max(height / place.color.shape[1], width / place.color.shape[2]) * 1.1
        behind = part(
            place.color,
            (place.color.shape[1] / 2, place.color.shape[2] / 2),
            scale,
            (height, width),
        )
        color, alpha = own[:3], own[3:]
        yield (color * alpha + behind * (1 - alpha))[None], alpha[None]


def guides_of(alpha: Tensor) -> dict[str, Tensor]:
    """Return masks of `alpha` (1, 1, h, w): exact, of low resolution, drawn by hand."""
    mask = (alpha[0, 0].numpy() > 0.5).astype(np.uint8)
    scale = LOW_LONG_SIDE_PX / max(mask.shape)
    small = cv2.resize(mask * 1.0, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) > 0.5
    low = cv2.resize(small.astype(np.float32), mask.shape[::-1]) > 0.5
    side = 2 * ROUGH_PX + 1
    wide = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    lines, _ = cv2.findContours(wide, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    reach = ROUGH_CORNERS * max(mask.shape)
    drawn = [cv2.approxPolyDP(line, reach, True) for line in lines if len(line) > 40]
    rough = cv2.fillPoly(np.zeros_like(mask), drawn, 1)
    masks = {"exact": mask, "low": low, "rough": rough}
    return {
        kind: torch.from_numpy(made.astype(np.float32))[None, None] for kind, made in masks.items()
    }


def held_to(guide: Tensor, alpha: Tensor) -> Tensor:
    """Return `alpha` (1, 1, h, w) as the filter holds it to a mask that it is given."""
    band_px = Guides().guide_band * min(alpha.shape[2:])
    mask = guides.decided(guide[0, 0].numpy())
    return torch.from_numpy(guides.held(alpha[0, 0].numpy(), mask, band_px))[None, None]


def score_guided(network: LightSGHM, library: Library, long_side: int, every: int) -> str:
    """Return the figures of guided mattes in a line."""
    found: dict[str, list[tuple[float, ...]]] = {}
    looked_at: list[float] = []
    for image, alpha in composed(library, every):
        band = dilated(((alpha > 0.02) & (alpha < 0.98)).float(), BAND_PX) > 0
        features = network.encode_small(small_of(image, long_side))
        for kind, guide in guides_of(alpha).items():
            coarse, os1 = network.refined(image, features, guide)
            rough, weight = by_detail(coarse.os4, coarse.detail)
            fused = held_to(guide, rough.lerp(os1, weight))
            looked_at.append(100 * float(weight.mean()))
            errors = [(made - alpha).abs() for made in (guide, coarse.os4, fused)]
            found.setdefault(kind, []).append(
                tuple(
                    1e3 * float(e.mean() if where is None else e[where].mean())
                    for e in errors
                    for where in (None, band)
                )
            )
    told = []
    for kind, rows in found.items():
        mad, band_, mad4, band4, mad1, band1 = np.mean(rows, 0)
        told.append(
            f"{kind}: guide {mad:.1f} / {band_:.0f}, coarse {mad4:.1f} / {band4:.0f}, "
            f"fused {mad1:.1f} / {band1:.0f}"
        )
    return "; ".join([*told, f"detail in {np.mean(looked_at):.1f} % of the pixels"])


def _places(kind: str, stem: str) -> tuple[str, ...]:
    """Return the folders of a held picture's color and alpha among the tool's sets; none if in none."""
    if kind == "held_photo":
        return "portraits/img", "portraits/mask"
    if kind == "held_nobody":
        return ("nobody",)
    for start, name in (("render_", "rendered"), ("hair_", "hair")):
        if kind == "held_cutout" and stem.startswith(start):
            return f"{name}/img", f"{name}/alpha"
    return ()


def write_held(library: Library, folder: Path) -> None:
    """Write held pictures as `folder`/report, in the sets that the scoring tool reads."""
    for kind, names in sorted(library.names.items()):
        for name in names if kind.startswith("held_") else ():
            picture, stem = library.read(name), name.partition("/")[2]
            for place, plane in zip(_places(kind, stem), picture, strict=False):
                target = folder / "report" / place
                target.mkdir(parents=True, exist_ok=True)
                values = plane.permute(1, 2, 0).numpy()[..., ::-1]
                cv2.imwrite(str(target / f"{stem}.png"), values)
    (folder / HELD_MARK).touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("pack", type=Path)
    parser.add_argument("weights", type=Path, nargs="*")
    parser.add_argument("--write", type=Path, metavar="DIR")
    parser.add_argument("--small", type=int, nargs="+", default=[448])
    parser.add_argument("--every", type=int, default=1, help="every so manieth picture")
    parser.add_argument("--validation", type=Path, metavar="DATA")
    parser.add_argument("--only", choices=("masks", "guided"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    library = Library(args.pack)
    if args.write:
        write_held(library, args.write)
    for path in args.weights:
        network = sghm_lite_11() if is_judged(path) else sghm_lite_10()
        load(network, path)
        network.eval()
        with torch.inference_mode():
            for long_side in args.small:
                told = []
                if args.only != "guided":
                    told.append(score_masks(network, library, long_side, args.every))
                    if args.validation:
                        told.append(score_validation(network, args.validation, long_side))
                if args.only != "masks":
                    told.append(score_guided(network, library, long_side, args.every))
                print(path.name, long_side, *told, sep="\n    ", flush=True)


if __name__ == "__main__":
    main()
