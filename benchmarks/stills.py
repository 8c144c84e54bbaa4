"""What guides gain on pictures whose alpha is exact: masks, and screens that are drawn behind people."""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sghm_vs.cli import options
from sghm_vs.cli.progress import progress
from sghm_vs.errors import SettingsError

if TYPE_CHECKING:
    import vapoursynth as vs

type Picture = NDArray[np.float32]
"""(height, width, 3), 0-1."""
type Plane = NDArray[np.float32]

DRAWN, DRAWN_PX = 16, 512
SCREENS = {"green": (0.05, 0.36, 0.07), "blue": (0.03, 0.07, 0.38)}
"""In light."""
SPILL = 0.2
"""Of a screen's light on what stands before it, at its outline; a quarter of that everywhere."""
MARKERS = 5, 4
DESPECKLED_PX = 60
"""Of a picture whose short side is 1080: more than a marker."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is matted: color in display code, also beyond it, and alpha, (height, width)."""

    name: str
    color: Picture
    alpha: Plane


class Row(NamedTuple):
    """What came out for one picture."""

    name: str
    scores: dict[str, float]
    shown: list[Picture | Plane]
    """To look at, side by side."""


@dataclass(frozen=True, kw_only=True)
class Screen:
    """What a drawn screen looks like."""

    falloff: float = 0.3
    """How much darker its corners are."""
    noise: float = 2.5
    """Sigma, in codes of 255."""
    shadow: float = 0.0
    """How much of its light the subject takes."""
    wrinkles: float = 0.0
    has_markers: bool = False
    has_garbage: bool = False
    """Whether a side of the picture, where nobody stands, shows what is beside it."""
    guides: tuple[str, ...] = ()
    """What helps: "holdout" of the garbage, or "despeckle"."""


KINDS = {
    "plain": Screen(),
    "noise of sigma 6": Screen(noise=6),
    "uneven, wrinkled": Screen(falloff=0.6, wrinkles=0.06),
    "shadow": Screen(shadow=0.45),
    "markers": Screen(has_markers=True),
    "markers, --despeckle": Screen(has_markers=True, guides=("despeckle",)),
    "garbage": Screen(has_garbage=True),
    "garbage, --holdout": Screen(has_garbage=True, guides=("holdout",)),
}


def add_parsers(measures: options.Verbs) -> None:
    """Add the measures to `python -m benchmarks`."""
    for name, meaning in MEASURES.items():
        parser = measures.add_parser(name, help=meaning, description=f"{name}: {meaning}.")
        parser.add_argument(
            "pictures", type=Path, nargs="?", metavar="DIR", help="pictures (default: drawn shapes)"
        )
        parser.add_argument(
            "alphas",
            type=Path,
            nargs="?",
            metavar="ALPHAS",
            help="their alphas, by the same names (default: NAME_alpha in DIR, or their own)",
        )
        parser.add_argument(
            "--over",
            type=Path,
            metavar="DIR",
            help="masks: compose them over pictures of this folder",
        )
        parser.add_argument("--names", metavar="NAME,NAME", help="these pictures alone")
        parser.add_argument(
            "--sheets", type=Path, metavar="DIR", help="write what came out, to look at"
        )
        options.add_model_options(parser)
        options.add_report_options(parser)
        parser.set_defaults(run=run, what=name)


def run(args: argparse.Namespace) -> int:
    """Measure, and print the means."""
    rows: dict[str, list[dict[str, float]]] = {}
    with options.stdout_for_results(), progress("bench", quiet=args.quiet) as report:
        found = subjects(args)
        for done, read in enumerate(found, start=1):
            subject = read()
            for row in _MEASURES[args.what](subject, args):
                rows.setdefault(row.name, []).append(row.scores)
                if args.sheets is not None:
                    _write_sheet(args.sheets, f"{subject.name}_{row.name}", row.shown)
            if report is not None:
                report(done, len(found))
    means = {
        name: {key: float(np.mean([one[key] for one in scores])) for key in scores[0]}
        for name, scores in rows.items()
    }
    if args.json:
        options.print_json(means)
        return 0
    for name, values in means.items():
        said = "  ".join(f"{key} {value:.1f}" for key, value in values.items())
        sys.stdout.write(f"{name:<34}{said}\n")
    return 0


def subjects(args: argparse.Namespace) -> list[Callable[[], Subject]]:
    """Return what reads each subject that `args` name, or draws one."""
    if args.pictures is None:
        return [partial(_drawn, number) for number in range(DRAWN)]
    from sghm_vs.evaluate.pairs import pictures_by_stem

    pictures = pictures_by_stem(args.pictures)
    alphas = pictures_by_stem(args.alphas or args.pictures)
    alphas_of = {
        name: found
        for name in pictures
        # A picture of its own name beside its alpha is no alpha.
        if (found := alphas.get(f"{name}_alpha", alphas.get(name))) is not None
        and not name.endswith("_alpha")
    }
    names = [*alphas_of]
    if args.names is not None:
        names = [name for name in args.names.split(",") if name in names]
    if not names:
        msg = f"{args.pictures} has no pictures whose alphas are there; name their folder behind it"
        raise SettingsError(msg)
    return [partial(subject_in, name, pictures[name], alphas_of[name]) for name in names]


def subject_in(name: str, picture: Path, alpha: Path) -> Subject:
    """Return the subject whose color and alpha these files have."""
    color, found = planes_in(picture)[..., :3], planes_in(alpha)
    found = found[..., 3] if found.shape[2] == 4 else found[..., 0]
    if found.shape != color.shape[:2]:
        found = np.asarray(cv2.resize(found, color.shape[1::-1]))
    return Subject(name=name, color=color, alpha=found)


def planes_in(path: Path) -> NDArray[np.float32]:
    """Return red, green and blue, and alpha where there is one, of any depth as 0-1."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if found is None:
        msg = f"{path} can't be read as a picture"
        raise SettingsError(msg)
    top = 65535 if found.dtype == np.uint16 else 255
    planes = np.atleast_3d(np.asarray(found, np.float32)) / top
    order = {1: [0, 0, 0], 2: [0, 0, 0, 1], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[planes.shape[2]]
    return np.asarray(planes[..., order], np.float32)


def _drawn(number: int) -> Subject:
    """Return hair, leaves, lace or something plain: nobody."""
    from weights.training.strands import draw_shape

    color, alpha = draw_shape(np.random.default_rng((29, number)), DRAWN_PX, DRAWN_PX)
    return Subject(
        name=f"drawn{number:02}",
        color=np.asarray(color / np.float32(255)),
        alpha=np.asarray(alpha / np.float32(255)),
    )


def _masks(subject: Subject, args: argparse.Namespace) -> Iterator[Row]:
    """Yield what masks give: none, exact, of 256 px and drawn by hand."""
    picture, alpha = _composed(subject, args.over), subject.alpha
    matte = _matted(picture, args)
    yield Row("without", _scored(matte, alpha), [picture, alpha, matte])
    for kind, mask in _masks_of(alpha).items():
        yield Row(f"{kind}, alone", _scored(mask, alpha), [picture, alpha, mask])
        matte = _matted(picture, args, mask=clip_of(mask))
        yield Row(kind, _scored(matte, alpha), [picture, alpha, mask, matte])
        yield Row(f"{kind}, the truth held", _scored(_held(alpha, mask), alpha), [mask])


def _held(alpha: Plane, mask: Plane) -> Plane:
    """Return what a network without error would give: the truth, held to the mask."""
    from sghm_vs.matting.guides import held
    from sghm_vs.options import Guides

    return held(alpha, mask, Guides().guide_band * min(alpha.shape))


def _masks_of(alpha: Plane) -> dict[str, Plane]:
    import torch

    from weights.training.choose import guides_of

    found = guides_of(torch.from_numpy(alpha)[None, None])
    return {kind: mask[0, 0].numpy() for kind, mask in found.items()}


def _composed(subject: Subject, over: Path | None) -> Picture:
    """Return the subject over one of the pictures in the folder `over`, or as it is."""
    from sghm_vs.evaluate.pairs import pictures_by_stem

    if over is None:
        return subject.color
    places = [*pictures_by_stem(over).values()]
    place = planes_in(places[zlib.crc32(subject.name.encode()) % len(places)])[..., :3]
    height, width = subject.alpha.shape
    scale = max(height / place.shape[0], width / place.shape[1])
    size = [max(round(side * scale), 1) for side in place.shape[1::-1]]
    larger = cv2.resize(place, size, interpolation=cv2.INTER_CUBIC)
    part = subject.alpha[..., None]
    behind = cv2.resize(larger[:height, :width], (width, height))
    return rounded(part * subject.color + (1 - part) * behind)


def _screens(subject: Subject, args: argparse.Namespace) -> Iterator[Row]:
    """Yield what `--screen` and `--despill` give before screens of each color and kind."""
    for color, light in SCREENS.items():
        for kind, screen in KINDS.items():
            yield from _screen(f"{color}, {kind}", subject, light, screen, args)


def _screen(
    name: str,
    subject: Subject,
    light: tuple[float, float, float],
    screen: Screen,
    args: argparse.Namespace,
) -> Iterator[Row]:
    from sghm_vs import edges, foreground

    subject = replace(subject, color=_own_color(subject, has_background=args.alphas is None))
    picture, garbage = before_screen(subject, light, screen)
    plate, alpha = clip_of(picture), subject.alpha
    help = {"holdout": clip_of(garbage)} if "holdout" in screen.guides else {}
    matte = _sghm(plate, args, screen="auto", **help)
    if "despeckle" in screen.guides:
        matte = edges(matte, despeckle=DESPECKLED_PX)
    made, without = _values(matte), _matted(picture, args)
    colors = {
        "plate": picture,
        "estimated": _values(foreground(plate, matte)),
        "despilled": _values(foreground(plate, matte, despill="auto")),
    }
    errors = {
        key: 1e3 * float(np.abs(one - subject.color).mean(axis=2)[alpha > 0.1].mean())
        for key, one in colors.items()
    }
    over = [one * made[..., None] + 0.5 * (1 - made[..., None]) for one in colors.values()]
    yield Row(f"{name}: without", _scored(without, alpha), [picture, alpha, without])
    yield Row(name, _scored(made, alpha) | errors, [picture, alpha, made, *over])


def _own_color(subject: Subject, *, has_background: bool) -> Picture:
    """Return the color of the subject alone, as far as that can be told."""
    from sghm_vs.matting.foreground import estimate

    if not has_background:
        return subject.color
    return _coded(np.clip(estimate(_light(subject.color), subject.alpha), 0, 1))


def before_screen(
    subject: Subject, color: tuple[float, float, float], screen: Screen
) -> tuple[Picture, Plane]:
    """
    Return what a camera sees of `subject` before a screen, and where it sees what is beside that.

    Light of the screen falls on the subject, colors are mixed in light, chroma is of half the size.
    """
    rng = np.random.default_rng(zlib.crc32(subject.name.encode()))
    alpha, hue = subject.alpha, np.array(color, np.float32)
    height, width = alpha.shape
    behind = hue * _lighting(alpha, screen, rng)[..., None]
    if screen.has_markers:
        behind = _marked(behind)
    garbage = np.zeros_like(alpha)
    if screen.has_garbage:
        garbage[:, _beside(alpha)] = 1
        behind = np.where(garbage[..., None] > 0, _light(_noise(rng, (height, width))), behind)
    front = _light(subject.color)
    inside = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    near = SPILL * (0.25 + 0.75 * np.exp(-inside / (0.02 * min(alpha.shape))))
    spill = (
        near[..., None] * hue * (front.mean(axis=2, keepdims=True) + front.mean() / 2) / hue.max()
    )
    part = alpha[..., None]
    seen = _coded(part * (front + spill) + (1 - part) * behind)
    noisy = seen + rng.normal(0, screen.noise / 255, seen.shape)
    return _halved_chroma(rounded(np.asarray(noisy, np.float32))), garbage


def _beside(alpha: Plane) -> slice:
    """Return the columns of one side where nobody stands, an eighth of all at most."""
    width, taken = alpha.shape[1], np.flatnonzero(alpha.max(axis=0) > 0)
    if taken[0] > width - 1 - taken[-1]:
        return slice(0, min(int(taken[0]), width // 8))
    return slice(max(int(taken[-1]) + 1, width - width // 8), width)


def _lighting(alpha: Plane, screen: Screen, rng: np.random.Generator) -> Plane:
    height, width = alpha.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    across, down = rng.uniform(-0.5, 0.5, 2)
    light = 1 - screen.falloff * ((x - across) ** 2 + (y - down) ** 2) / 4
    if screen.wrinkles:
        folds = rng.normal(0, screen.wrinkles, (6, 24)).astype(np.float32)
        light *= 1 + cv2.resize(folds, (width, height), interpolation=cv2.INTER_CUBIC)
    if screen.shadow:
        moved = np.array([[1, 0, 0.06 * width], [0, 1, 0.03 * height]], np.float32)
        cast = cv2.warpAffine(alpha, moved, (width, height))
        light *= 1 - screen.shadow * cv2.GaussianBlur(cast, (0, 0), 0.012 * min(height, width))
    return np.asarray(light, np.float32)


def _marked(behind: Picture) -> Picture:
    """Return a screen with crosses of gray tape."""
    height, width = behind.shape[:2]
    taped, arm = np.ascontiguousarray(behind), max(round(0.02 * min(height, width)), 2)
    for across in range(1, MARKERS[0]):
        for down in range(1, MARKERS[1]):
            x, y = width * across // MARKERS[0], height * down // MARKERS[1]
            for dx, dy in ((arm, 0), (0, arm)):
                ends = (x - dx, y - dy), (x + dx, y + dy)
                cv2.line(taped, *ends, (0.6, 0.6, 0.6), max(arm // 4, 1))
    return taped


def _noise(rng: np.random.Generator, size: tuple[int, int]) -> Picture:
    coarse = rng.random((12, 20, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_LINEAR))


def _halved_chroma(picture: Picture) -> Picture:
    """Return `picture` with chroma of half the size, as cameras record it."""
    codes = np.rint(picture * 255).astype(np.uint8)
    luma, *chroma = cv2.split(cv2.cvtColor(codes, cv2.COLOR_RGB2YCrCb))
    height, width = luma.shape
    less = max(width // 2, 1), max(height // 2, 1)
    coarse = [
        cv2.resize(cv2.resize(one, less, interpolation=cv2.INTER_AREA), (width, height))
        for one in chroma
    ]
    return np.asarray(
        cv2.cvtColor(cv2.merge([luma, *coarse]), cv2.COLOR_YCrCb2RGB) / np.float32(255)
    )


def _light(codes: Picture) -> Picture:
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def _coded(light: Picture) -> Picture:
    curved = 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055
    return np.asarray(np.where(light <= 0.0031308, 12.92 * light, curved), np.float32)


def rounded(picture: Picture) -> Picture:
    """Return `picture` as 8 bits have it."""
    return np.asarray(np.rint(np.clip(picture, 0, 1) * 255) / 255, np.float32)


def _scored(matte: Plane, alpha: Plane) -> dict[str, float]:
    from sghm_vs.evaluate.metrics import band_error, intersection_over_union

    return {
        "mad": 1e3 * float(np.abs(matte - alpha).mean()),
        "band": band_error(matte, alpha),
        "iou": intersection_over_union(matte, alpha),
    }


def _matted(picture: Picture, args: argparse.Namespace, **guides: Any) -> Plane:
    return _values(_sghm(clip_of(picture), args, **guides))


def _sghm(clip: vs.VideoNode, args: argparse.Namespace, **guides: Any) -> vs.VideoNode:
    from sghm_vs import sghm

    matting = options.matting_from(args)
    return sghm(clip, matting.device_index, matting.model, tr=0, **guides)


def clip_of(values: Picture | Plane) -> vs.VideoNode:
    """Return one frame, RGBS in display code or GRAYS."""
    import vapoursynth as vs

    planes = values[..., None] if values.ndim == 2 else values
    height, width, count = planes.shape
    kind = vs.GRAYS if count == 1 else vs.RGBS
    blank = vs.core.std.BlankClip(format=kind, width=width, height=height, length=1)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        del n
        frame = f.copy()
        for plane in range(count):
            np.copyto(np.asarray(frame[plane]), planes[..., plane])
        return frame

    drawn = blank.std.ModifyFrame(blank, fill).std.SetFrameProps(_Range=int(vs.RANGE_FULL))
    return drawn if count == 1 else drawn.std.SetFrameProps(_Transfer=13, _Primaries=1, _Matrix=0)


def _values(clip: vs.VideoNode) -> NDArray[np.float32]:
    with clip.get_frame(0) as frame:
        planes = [np.asarray(plane).copy() for plane in frame]
    return planes[0] if len(planes) == 1 else np.stack(planes, axis=2)


def _write_sheet(folder: Path, name: str, shown: list[Picture | Plane]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    colored = [np.repeat(one[..., None], 3, axis=2) if one.ndim == 2 else one for one in shown]
    row = np.clip(np.hstack(colored), 0, 1)[..., ::-1]
    path = folder / f"{name.replace(', ', '_').replace(': ', '_').replace(' ', '-')}.png"
    cv2.imwrite(str(path), np.rint(row * 255).astype(np.uint8))


MEASURES = {
    "masks": "what masks gain on stills: MAD and band x1e3 and IoU with masks of the truth that are "
    "exact, of 256 px and drawn by hand; beside each, the mask alone, and the truth held to it, which "
    "any network could reach; and without a mask",
    "screen": "what --screen gains before drawn screens: MAD and band x1e3 and IoU, and the error of "
    "the subject's color, x1e3: the plate's, estimated, and with --despill",
}
_MEASURES = {"masks": _masks, "screen": _screens}
