"""Draw pictures to train on, with the alpha of their people; all on the library's device."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from weights.training import camera, guides
from weights.training.library import Library, Picture, part, soft_place
from weights.training.pack import HARD

SHARE_AS_TAKEN = 0.34
SHARE_NOBODY = 0.25
"""Of the pictures for segmentation; the rest are composites."""
SHARE_FAR = 0.2
"""Of those as they were taken: far people, which few photos show; mirrored at the sides."""
SHARE_HIDDEN = 0.2
"""Of all: a face, or something else, is blurred past knowing, as where people are made anonymous."""
SHARE_CLOTHES = 0.08
"""Of those without people. With many more, clothes become nobody on people, too."""
SHARE_HARD = 0.3
"""Of the others, where the pack knows pictures of which earlier weights covered a part."""
NEAR, FAR = (1.0, 1.8), (0.35, 1.0)
"""How large a photo is shown; by 1 it just fills the picture."""
THINGS_ALONE = (0, 0, 0, 1, 1, 2, 3)
THINGS_BEHIND = (0, 0, 1, 1, 2)
"""How many things stand in a picture without people, and behind the people of a composite."""
SHARE_THING_BEFORE = 0.05
"""Of the composites: a thing hides parts of the people."""
CUTOUTS = {"render_": 0.28, "ccp_": 0.25, "hair_": 0.15, "sfhq_": 0.12, "": 0.2}
"""How often a person comes from which pictures, of those that the pack has."""
SHARE_WITH_FRONT = 0.7
"""Of the people who sit on or hold something; the others show where it was."""
OF_PERSON = 4
"""Planes of a person: color and alpha."""
SHARE_CUT_OFF = 0.08
"""Of a border of a picture: a person who covers more of it goes on beyond."""
COUNTS = (1, 1, 1, 2, 2, 3, 5)
"""Of the people in a composite."""


class Sample(NamedTuple):
    """A picture to train on."""

    image: Tensor
    """(3, h, w), 0-1."""
    alpha: Tensor
    """(1, h, w), 0-1."""


class Batch(NamedTuple):
    """Pictures of one size."""

    images: Tensor
    """(n, 3, h, w), 0-1."""
    alphas: Tensor
    """(n, 1, h, w), 0-1."""
    guides: Tensor
    """(n, 1, h, w), 0-1: for matting."""


def segmentation_batch(
    rng: np.random.Generator, library: Library, size: tuple[int, int], count: int
) -> Batch:
    """Return `count` pictures of `size` (height, width) as the encoder sees them."""
    drawn = [segmentation_sample(rng, library, size) for _ in range(count)]
    images, alphas = (torch.stack(planes) for planes in zip(*drawn, strict=True))
    return Batch(images, alphas, alphas)


def matting_batch(
    rng: np.random.Generator, library: Library, size: tuple[int, int], count: int
) -> Batch:
    """Return `count` crops of `size` (height, width) at the pictures' own scale, with guides."""
    drawn = [matting_sample(rng, library, size) for _ in range(count)]
    images, alphas = (torch.stack(planes) for planes in zip(*drawn, strict=True))
    return Batch(images, alphas, torch.stack([guides.damaged(rng, alpha) for alpha in alphas]))


def segmentation_sample(
    rng: np.random.Generator, library: Library, size: tuple[int, int]
) -> Sample:
    """Return people as they were taken, people over other places, or nobody."""
    lot = rng.random()
    if lot < SHARE_AS_TAKEN:
        least, most = FAR if rng.random() < SHARE_FAR else NEAR
        image, alpha = as_taken(rng, library.pick(rng, "photo"), size, most, least)
    elif lot < SHARE_AS_TAKEN + SHARE_NOBODY:
        image, alpha = nobody(rng, library, size)
    else:
        image, alpha = composite(rng, library, size)
    if rng.random() < 0.5:
        image, alpha = image.flip(2), alpha.flip(2)
    if rng.random() < SHARE_HIDDEN:
        image = with_face_hidden(rng, Sample(image, alpha))
    return Sample(camera.develop(rng, image), alpha)


def with_face_hidden(rng: np.random.Generator, sample: Sample) -> Tensor:
    """Return the image of `sample` with a disk blurred, where a face may be: high in what is covered."""
    height, width = sample.image.shape[-2:]
    top, bottom, left, right = _box((sample.alpha * 255).to(torch.uint8))
    side = min(bottom - top, right - left)
    radius = side * float(rng.uniform(0.1, 0.35))
    y = top + radius + side * float(rng.uniform(0, 0.3))
    x = (left + right) / 2 + (right - left) * float(rng.normal(0, 0.15))
    rows = torch.arange(height, device=sample.image.device)[:, None] - y
    columns = torch.arange(width, device=sample.image.device)[None] - x
    stretch = float(rng.uniform(0.7, 1.2))
    inside = ((columns / stretch) ** 2 + rows**2 < radius**2).float()
    return sample.image.lerp(camera.blur(sample.image, max(radius / 2, 2)), inside)


def as_taken(
    rng: np.random.Generator,
    picture: Picture,
    size: tuple[int, int],
    most: float = 1.8,
    least: float = 1.0,
) -> Sample:
    """Return `picture` in `size`, from `least` to `most` times as large as just fills it."""
    height, width = picture.color.shape[-2:]
    scale = max(size[0] / height, size[1] / width) * rng.uniform(least, most)
    center = _within(rng, height, size[0] / scale), _within(rng, width, size[1] / scale)
    turn = float(rng.normal(0, 0.05))
    planes = picture.color
    if picture.alpha is not None:
        planes = torch.cat([planes, picture.alpha])
    shown = part(planes, center, scale, size, turn=turn, beyond="reflection")
    alpha = shown[3:] if picture.alpha is not None else torch.zeros_like(shown[:1])
    return Sample(shown[:3], alpha)


def nobody(rng: np.random.Generator, library: Library, size: tuple[int, int]) -> Sample:
    """Return a thing, an animal, a place, or clothes; in some, things lie before it."""
    if rng.random() < SHARE_CLOTHES:
        picture = library.pick(rng, "clothes")
    else:
        hard = HARD if library.has("nobody", HARD) and rng.random() < SHARE_HARD else ""
        picture = library.pick(rng, "nobody", hard)
    image, alpha = as_taken(rng, picture, size, 1.6)
    for _ in range(int(rng.choice([0, 0, 0, 1, 2]))):
        image, alpha = _behind_thing(rng, library, Sample(image, alpha))
    return with_things(rng, library, Sample(image, alpha), int(rng.choice(THINGS_ALONE)))


def with_things(rng: np.random.Generator, library: Library, sample: Sample, count: int) -> Sample:
    """Return `sample` with `count` things before it, each cut out; as it is if the pack has none."""
    image, alpha = sample
    size = image.shape[-2], image.shape[-1]
    for _ in range(count if library.has("thing") else 0):
        planes = thing(rng, library, size)
        covered = planes[3:]
        image = planes[:3] * covered + image * (1 - covered)
        alpha = alpha * (1 - covered)
    return Sample(image, alpha)


def thing(rng: np.random.Generator, library: Library, size: tuple[int, int]) -> Tensor:
    """Return a thing or an animal somewhere in a picture of `size`: color and alpha, (4, h, w)."""
    picture = library.pick(rng, "thing")
    assert picture.alpha is not None  # noqa: S101 - a thing has one
    top, bottom, left, right = _box(picture.alpha)
    long = max(bottom - top, right - left)
    shown = part(
        picture.planes,
        ((top + bottom) / 2, (left + right) / 2),
        min(min(size) * rng.uniform(0.2, 1.1) / long, 2.0),
        size,
        turn=float(rng.normal(0, 0.15)),
        flip=rng.random() < 0.5,
        at=(rng.uniform(0.2, 0.9), rng.uniform(0.05, 0.95)),
    )
    return torch.cat([camera.adjust_color(rng, shown[:3], 0.35), shown[3:]])


def composite(rng: np.random.Generator, library: Library, size: tuple[int, int]) -> Sample:
    """Return one to five people over another place, some behind things."""
    lot = rng.random()
    if lot < 0.25:
        image, alpha = as_taken(rng, library.pick(rng, "photo"), size, 1.4)
    else:
        image, alpha = as_taken(rng, library.pick(rng, "nobody"), size, 2.0)
    if rng.random() < 0.3:
        image, alpha = _behind_thing(rng, library, Sample(image, alpha))
    if rng.random() < 0.3:
        image = camera.blur(image, rng.uniform(0.5, 3))
    image, alpha = with_things(rng, library, Sample(image, alpha), int(rng.choice(THINGS_BEHIND)))
    count = int(rng.choice(COUNTS))
    for _ in range(count):
        planes = person(rng, library, size, alone=count == 1)
        image, alpha = over(planes, Sample(image, alpha))
    if rng.random() < 0.25:
        image, alpha = _behind_thing(rng, library, Sample(image, alpha))
    if rng.random() < SHARE_THING_BEFORE:
        image, alpha = with_things(rng, library, Sample(image, alpha), 1)
    return Sample(image, alpha)


def over(planes: Tensor, sample: Sample) -> Sample:
    """
    Return a person over `sample`, with the furniture that is before and behind.

    Args:
        planes: Of `Picture.planes`, float (4 or 8, h, w), 0-1: person and front share a pixel as
            the render shared it, so their parts add up.
        sample: What is behind.
    """
    color, covered = planes[:3], planes[3:4]
    hidden = covered + planes[7:] if len(planes) > OF_PERSON else covered
    image = color * covered + sample.image * (1 - hidden).clamp(min=0)
    if len(planes) > OF_PERSON:
        image = image + planes[4:7] * planes[7:]
    left = sample.alpha * (1 - hidden).clamp(min=0)
    return Sample(image.clamp(max=1), (covered + left).clamp(max=1))


def person(
    rng: np.random.Generator, library: Library, size: tuple[int, int], *, alone: bool
) -> Tensor:
    """Return a person somewhere in a picture of `size`: planes for `over`."""
    shares = {start: share for start, share in CUTOUTS.items() if library.has("cutout", start)}
    of_all = np.array(list(shares.values()))
    start = str(rng.choice(list(shares), p=of_all / of_all.sum()))
    picture = library.pick(rng, "cutout", start)
    assert picture.alpha is not None  # noqa: S101 - a cutout has one
    top, bottom, left, right = _box(picture.alpha)
    tall = rng.uniform(0.35, 1.5) if alone else rng.uniform(0.2, 1.0)
    scale = min(size[0] * tall / (bottom - top), 2.0)
    reach = scale * (bottom - top) / size[0]
    head_at = rng.uniform(-0.05, 0.4) if rng.random() < 0.8 else rng.uniform(-0.4, 0.7)
    middle = rng.normal(0.5, 0.15) if alone else rng.uniform(0.05, 0.95)
    cut = cut_off(picture.alpha)
    if cut.below:
        head_at = max(head_at, 1 - reach)
    half = scale * (right - left) / size[1] / 2
    if cut.left != cut.right:
        middle = min(middle, half) if cut.left else max(middle, 1 - half)
    at = head_at + reach / 2, middle
    if rng.random() > SHARE_WITH_FRONT:
        picture = picture._replace(front=None)
    shown = part(
        picture.planes,
        ((top + bottom) / 2, (left + right) / 2),
        scale,
        size,
        turn=float(rng.normal(0, 0.12)),
        flip=rng.random() < 0.5,
        at=at,
    )
    return torch.cat([camera.adjust_color(rng, shown[:3], 0.35), shown[3:]])


class CutOff(NamedTuple):
    """The borders of a picture that cut its person off: they cut it off where it is shown, too."""

    below: bool
    left: bool
    right: bool


def cut_off(alpha: Tensor) -> CutOff:
    """Return which borders cut off what `alpha`, uint8 (1, h, w), covers."""
    height, width = alpha.shape[1:]
    solid = alpha[0] > 127
    rows, columns = SHARE_CUT_OFF * width, SHARE_CUT_OFF * height
    return CutOff(
        bool(solid[-1].sum() > rows),
        bool(solid[:, 0].sum() > columns),
        bool(solid[:, -1].sum() > columns),
    )


def matting_sample(rng: np.random.Generator, library: Library, size: tuple[int, int]) -> Sample:
    """Return a crop around a soft edge: people, drawn shapes, or a photo as it was taken."""
    lot = rng.random()
    if lot < 0.15:
        planes = _edge_of(rng, library.pick(rng, "photo"), size, beyond="reflection")
        image, alpha = planes[:3], planes[3:]
    else:
        if lot < 0.45:
            picture = library.pick(rng, "shape")
        else:
            picture = library.pick(rng, "cutout", "hair_" if rng.random() < 0.4 else "render_")
        planes = _edge_of(rng, picture, size)
        color, alpha = planes[:3], planes[3:4]
        color = camera.adjust_color(rng, color, 0.35)
        behind = _background(rng, library, size)
        if rng.random() < 0.3:
            # A place of nearly the same color is the hard one.
            weight = alpha / alpha.sum().clamp(min=1)
            tone = (color * weight).sum((1, 2), keepdim=True) - behind.mean((1, 2), keepdim=True)
            behind = (behind + tone * float(rng.uniform(0.3, 1))).clamp(0, 1)
        if rng.random() < 0.15:
            color, alpha = _out_of_focus(rng, color, alpha)
        front = planes[OF_PERSON:] if rng.random() < SHARE_WITH_FRONT else planes[:0]
        nobody_behind = Sample(behind, torch.zeros_like(alpha))
        image, alpha = over(torch.cat([color, alpha, front]), nobody_behind)
    if rng.random() < 0.5:
        image, alpha = image.flip(2), alpha.flip(2)
    if rng.random() < 0.1:
        image = image.mean(0, keepdim=True).expand(3, -1, -1)
    if rng.random() < 0.6:
        image = camera.degrade(rng, image)
    return Sample(image, alpha)


def _edge_of(
    rng: np.random.Generator, picture: Picture, size: tuple[int, int], beyond: str = "zeros"
) -> Tensor:
    assert picture.alpha is not None  # noqa: S101 - what is asked for has one
    return part(
        picture.planes,
        soft_place(rng, picture.alpha),
        float(np.exp(rng.uniform(np.log(0.5), np.log(1.4)))),
        size,
        turn=float(rng.normal(0, 0.2)),
        beyond=beyond,
        at=(rng.uniform(0.25, 0.75), rng.uniform(0.25, 0.75)),
    )


def _background(rng: np.random.Generator, library: Library, size: tuple[int, int]) -> Tensor:
    """Return a place as sharp as photos are: one that is blurrier than people gives them away."""
    if rng.random() < 0.6:
        picture, most = library.pick(rng, "photo"), 1.3
    else:
        picture, most = library.pick(rng, "nobody"), 1.1
    image = as_taken(rng, picture, size, most).image
    if rng.random() < 0.4:
        image = camera.blur(image, float(np.exp(rng.uniform(np.log(0.7), np.log(8)))))
    return camera.adjust_color(rng, image, 0.3)


def _out_of_focus(rng: np.random.Generator, color: Tensor, alpha: Tensor) -> Sample:
    """Return color and alpha blurred alike: what is out of focus covers in fractions."""
    sigma = float(np.exp(rng.uniform(np.log(0.7), np.log(5))))
    blurred = camera.blur(torch.cat([color * alpha, alpha]), sigma)
    covered = blurred[3:].clamp(0, 1)
    return Sample(
        torch.where(covered > 1e-3, blurred[:3] / covered.clamp(min=1e-3), color), covered
    )


def _behind_thing(rng: np.random.Generator, library: Library, sample: Sample) -> Sample:
    """Return `sample` with a thing before it, of the outline of something drawn or of somebody."""
    size = sample.image.shape[-2], sample.image.shape[-1]
    kind = "cutout" if rng.random() < 0.2 else "shape"
    outline = library.pick(rng, kind).alpha
    assert outline is not None  # noqa: S101 - both kinds have one
    scale = size[0] / outline.shape[1] * rng.uniform(0.2, 0.9)
    at = rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9)
    center = outline.shape[1] / 2, outline.shape[2] / 2
    covered = part(outline, center, scale, size, turn=rng.uniform(-3, 3), at=at)
    thing = as_taken(rng, library.pick(rng, "nobody"), size, 3.0).image
    return Sample(thing * covered + sample.image * (1 - covered), sample.alpha * (1 - covered))


def _box(alpha: Tensor) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of what `alpha`, uint8 (1, h, w), covers by half."""
    solid = alpha[0] > 127
    rows, columns = (torch.nonzero(solid.any(axis))[:, 0].tolist() for axis in (1, 0))
    if not rows:
        return 0, alpha.shape[1], 0, alpha.shape[2]
    return rows[0], rows[-1] + 1, columns[0], columns[-1] + 1


def _within(rng: np.random.Generator, length: float, seen: float) -> float:
    """Return the middle of a stretch of `seen` that lies within `length`, or of all that there is."""
    return float(rng.uniform(seen / 2, length - seen / 2)) if seen < length else length / 2
