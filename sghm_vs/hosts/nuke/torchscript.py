"""
The pipeline once more, in the part of Python that TorchScript compiles, around the same layers.

Nuke runs TorchScript, by a torch as old as 2.1. What `sghm_vs.matting.frame` does with OpenCV and
NumPy is done here with tensors, and pictures are resized by the operators themselves:
`torch.nn.functional.interpolate` brings operators along that old versions don't have. TorchScript sees
no constants of modules, so the stages' numbers stand here once more.
`tests/test_nuke_model.py` holds both to be equal.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, leaky_relu

from sghm_vs.matting.refinement import (
    dilate_by_pooling,
    soften_by_pooling,
    spread_by_pooling,
    undecided_on_device,
)
from sghm_vs.models.resampling import bilinear
from sghm_vs.models.sghm.design import NEEDED, SOLID
from sghm_vs.models.sghm.encoder import ASPP, Features
from sghm_vs.models.sghm.matting_decoder import MattingDecoder, ResidualBlock
from sghm_vs.models.sghm.network import SGHM, LightSGHM, sharpened


class OneFrame(nn.Module):
    """The alpha of each frame by itself, and the knob that Nuke shows for it."""

    def __init__(self, network: SGHM) -> None:
        super().__init__()
        self.matting = matting_of(network)
        self.infer_size = 1280

    def forward(self, picture: Tensor) -> Tensor:
        """
        Return the alpha, (1, 1, height, width), 0-1.

        Args:
            picture: Display-coded RGB, (1, 3, height, width), of any size; clamped to 0-1.
        """
        alpha: Tensor = self.matting(picture, self.infer_size)
        return alpha


class ThreeFrames(nn.Module):
    """
    The alpha of a frame that its neighbors may overrule: what flickers for one frame is taken out.

    Where the frames before and after agree with each other and both differ from the one between,
    it takes their mean.

    Source:
        One-frame delay: Ke et al., "MODNet: Real-Time Trimap-Free Portrait Matting", AAAI 2022.
    """

    def __init__(self, network: SGHM) -> None:
        super().__init__()
        self.matting = matting_of(network)
        self.infer_size = 1280
        self.agree = True
        self.tolerance = 0.1

    def forward(self, pictures: Tensor) -> Tensor:
        """
        Return the alpha of the first picture, (1, 1, height, width), 0-1.

        Args:
            pictures: Of a frame, of the one before and of the one after, (1, 9, height, width).
        """
        own: Tensor = self.matting(pictures[:, 0:3], self.infer_size)
        if not self.agree:
            return own
        before = self.matting(pictures[:, 3:6], self.infer_size)
        after = self.matting(pictures[:, 6:9], self.infer_size)
        return agreed(own, before, after, self.tolerance)


class Matting(nn.Module):
    """A frame's way: fit, segment, matte, refine; see `sghm_vs.matting.frame`."""

    def __init__(self, network: SGHM) -> None:
        super().__init__()
        self.backbone = network.backbone
        self.context = _context_of(network.aspp)
        self.decoder = network.decoder
        self.shortcut = network.shortcut
        self.refine = self.matting_half(network)
        self.small_px = network.small_px or 0
        self.sharpens = network.sharpen is sharpened
        self.trusts_mask = network.trusts_mask
        self.solid, self.needed = SOLID, NEEDED

    @torch.jit.unused
    def matting_half(self, network: SGHM) -> nn.Module:
        """Return what makes alphas, in the part of Python that TorchScript compiles."""
        return Decoder(network.refine)

    def forward(self, picture: Tensor, infer_size: int) -> Tensor:
        """Return the alpha of `picture`, (1, 1, height, width), in its type."""
        weight = self.decoder.conv4.weight
        height, width = picture.shape[2], picture.shape[3]
        image = picture.to(weight.dtype).nan_to_num(0.0).clamp(0, 1)
        shrink = min(1.0, max(infer_size, 64) / min(height, width))
        rows, columns = in_px(float(height), shrink), in_px(float(width), shrink)
        if rows != height or columns != width:
            image = torch._C._nn._upsample_bilinear2d_aa(image, [rows, columns], False, None)
        bottom, right = -rows % 64, -columns % 64
        border = [0, right, 0, bottom]
        if bottom < rows and right < columns:
            image = torch.ops.aten.reflection_pad2d(image, border)
        else:
            image = torch.ops.aten.replication_pad2d(image, border)
        image = image.contiguous(memory_format=torch.channels_last)
        alpha = self.matte(image, min(rows, columns) / 1280)
        alpha = resized(alpha[:, :, :rows, :columns], height, width)
        return ((alpha - 1 / 255) / (253 / 255)).clamp(0, 1).to(picture.dtype)

    def matte(self, image: Tensor, scale: float) -> Tensor:
        """Return the alpha of `image`, whose sides are multiples of 64, float32."""
        height, width = image.shape[2], image.shape[3]
        small = self.shrunken(image)
        features = self.encode(sharpened(small) if self.sharpens else small)
        segmentation = self.segmented(features)
        if self.trusts_mask:
            segmentation = cleaned(segmentation, height, scale)
        mask = (resized(segmentation, height, width) > 0.5).to(image.dtype)
        alpha = self.refined(image, features, mask, scale)
        return held_to_mask(alpha, mask.float(), scale) if self.trusts_mask else alpha

    def segmented(self, features: Features) -> Tensor:
        """Return the probability of a person at the small picture's size."""
        return torch.sigmoid(self.decoder(features)[:, :1])

    def refined(self, image: Tensor, features: Features, mask: Tensor, scale: float) -> Tensor:
        """Return the alpha of what `mask` shows, float32."""
        os8, os4, os1 = self.alphas(image, features, mask)
        return refined(os8.float(), os4.float(), os1.float(), scale)

    def shrunken(self, image: Tensor) -> Tensor:
        """Return what the encoder sees of `image`."""
        height, width = image.shape[2], image.shape[3]
        if self.small_px == 0:
            return bilinear(image, height // 4, width // 4)
        part = min(self.small_px / max(height, width), 1.0)
        return resized(image, to_16(height * part), to_16(width * part))

    def encode(self, small: Tensor) -> Features:
        """Return the small picture, and features of it at 1/2, 1/4, 1/8 and, with context, 1/16."""
        half, fourth, eighth, deepest = self.backbone(small)
        return Features(small, half, fourth, eighth, self.context(deepest))

    def alphas(
        self, image: Tensor, features: Features, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the alphas made at 1/8, 1/4 and 1/1."""
        height, width = mask.shape[2], mask.shape[3]
        quarter = bilinear(mask, height // 4, width // 4)
        shortcuts: list[Tensor] = []
        for at, module in enumerate(self.shortcut):
            if at == 0:
                behind, feature = mask, image
            else:
                part = 1 << (at - 1)
                behind = bilinear(quarter, height // 4 // part, width // 4 // part)
                feature = resized(features[at - 1], behind.shape[2], behind.shape[3])
            shortcuts.append(module(torch.cat([feature, behind], 1)))
        context = resized(features.context, height // 64, width // 64)
        os8, os4, os1 = self.refine(context, shortcuts)
        return os8, os4, os1


class RefinedMatting(Matting):
    """The same way with the matting half of `LightSGHM`."""

    @torch.jit.unused
    def matting_half(self, network: SGHM) -> nn.Module:
        """Return what makes alphas; see `Matting`."""
        return network.refine

    def refined(self, image: Tensor, features: Features, mask: Tensor, scale: float) -> Tensor:
        """Return the alpha of what `mask` shows, float32; see `refinement.by_detail`."""
        del scale
        height, width = image.shape[2], image.shape[3]
        sides = (
            resized(features.half, height // 8, width // 8),
            resized(features.fourth, height // 16, width // 16),
            resized(features.eighth, height // 32, width // 32),
        )
        coarse, os1 = self.refine(image, mask, sides)
        weight = bilinear((coarse.detail > self.needed).float(), height, width)
        return torch.lerp((coarse.os4 > self.solid).float(), os1.float(), weight)


class JudgedMatting(RefinedMatting):
    """The same way with a judge of what is segmented."""

    def __init__(self, network: SGHM) -> None:
        super().__init__(network)
        assert network.judge is not None  # noqa: S101 - what it is for has one
        self.judge = network.judge

    def segmented(self, features: Features) -> Tensor:
        """Return the probability of a person, judged."""
        probability = torch.sigmoid(self.decoder(features)[:, :1])
        return judged(probability, torch.sigmoid(self.judge(features)))


def matting_of(network: SGHM) -> Matting:
    """Return the way of a frame through `network`."""
    if network.is_judged:
        return JudgedMatting(network)
    return RefinedMatting(network) if isinstance(network, LightSGHM) else Matting(network)


class Decoder(nn.Module):
    """`MattingDecoder`."""

    def __init__(self, decoder: MattingDecoder) -> None:
        super().__init__()
        self.layer2, self.layer3 = _blocks(decoder.layer2), _blocks(decoder.layer3)
        self.layer4, self.layer5 = _blocks(decoder.layer4), _blocks(decoder.layer5)
        self.layer6 = _blocks(decoder.layer6)
        self.conv1, self.bn1 = decoder.conv1, decoder.bn1
        self.conv2, self.bn2 = decoder.conv2, decoder.bn2
        self.refine_OS8, self.refine_OS4 = decoder.refine_OS8, decoder.refine_OS4
        self.refine_OS1 = decoder.refine_OS1

    def forward(self, context: Tensor, shortcuts: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the alphas made at 1/8, 1/4 and 1/1, each at full size."""
        x = self.layer2(context) + shortcuts[4]
        x = self.layer3(x) + shortcuts[3]
        x = self.layer4(x) + shortcuts[2]
        os8 = self.refine_OS8(x)
        x = self.layer5(x) + shortcuts[1]
        os4 = self.refine_OS4(x)
        x = leaky_relu(self.bn1(self.conv1(self.layer6(x))), 0.2) + shortcuts[0]
        os1 = self.refine_OS1(leaky_relu(self.bn2(self.conv2(x)), 0.2))
        height, width = os1.shape[2], os1.shape[3]
        return (
            to_alpha(bilinear(os8, height, width)),
            to_alpha(bilinear(os4, height, width)),
            to_alpha(os1),
        )


class Block(nn.Module):
    """`ResidualBlock`, whose way around it doubles the size by repeating pixels."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.conv1, self.bn1 = block.conv1, block.bn1
        self.conv2, self.bn2 = block.conv2, block.bn2
        self.upsamples = isinstance(block.conv1, nn.ConvTranspose2d)
        # The first of them is the upsampling.
        self.around = nn.Sequential(*list(block.upsample.children())[1:])

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` filtered, at the same or at twice the size."""
        filtered = self.bn2(self.conv2(leaky_relu(self.bn1(self.conv1(x)), 0.2)))
        if self.upsamples:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return leaky_relu(filtered + self.around(x), 0.2)


class Published(nn.Module):
    """`ASPP`."""

    def __init__(self, aspp: ASPP) -> None:
        super().__init__()
        self.branches = aspp.convs[:-1]
        # A mean of one pixel, enlarged: every pixel is that mean.
        self.pooled = aspp.convs[-1]
        self.project = aspp.project

    def forward(self, features: Tensor) -> Tensor:
        """Return `features` with context at several ranges."""
        found: list[Tensor] = []
        for branch in self.branches:
            found.append(branch(features))
        pooled = self.pooled(features)
        found.append(pooled.expand(-1, -1, features.shape[2], features.shape[3]))
        projected: Tensor = self.project(torch.cat(found, 1))
        return projected


def _context_of(aspp: nn.Module) -> nn.Module:
    return Published(aspp) if isinstance(aspp, ASPP) else aspp


def _blocks(blocks: nn.Sequential) -> nn.Sequential:
    return nn.Sequential(*(Block(block) for block in blocks if isinstance(block, ResidualBlock)))


def to_alpha(logits: Tensor) -> Tensor:
    """Return the alpha, 0-1, that `logits` mean."""
    return (torch.tanh(logits) + 1) / 2


def resized(planes: Tensor, height: int, width: int) -> Tensor:
    """Return `planes` at this size: means of whole blocks, bilinear for what is left."""
    blocks = min(planes.shape[2] // height, planes.shape[3] // width)
    if blocks > 1:
        planes = avg_pool2d(planes, blocks)
    if planes.shape[2] == height and planes.shape[3] == width:
        return planes
    return bilinear(planes, height, width)


def to_16(length: float) -> int:
    """Return the multiple of 16 next to `length`, 16 at least."""
    return in_px(length, 1 / 16) * 16


def judged(probability: Tensor, judgement: Tensor) -> Tensor:
    """Return `probability` without what is nobody; see `segmentation.judged`."""
    values, second = probability[0, 0].float(), judgement[0, 0].float()
    likely = values > 0.5
    denied = likely & (means_of_parts(likely, second) <= 0.15)
    return values.masked_fill(denied, 0.0).to(probability.dtype)[None, None]


def means_of_parts(area: Tensor, values: Tensor) -> Tensor:
    """Return at each pixel of `area`, bool (h, w), the mean of `values` in its 4-connected part."""
    count = area.numel()
    numbers = torch.arange(1, count + 1, device=area.device).reshape(area.shape)
    labels = torch.where(area, numbers, torch.zeros_like(numbers))
    before = torch.zeros_like(labels)
    while not torch.equal(labels, before):
        before = labels
        labels = highest_in_rows(area, labels)
        labels = highest_in_rows(area.t(), labels.t()).t()
    flat = labels.reshape(-1)
    zeros = torch.zeros([count + 1], dtype=torch.float64, device=area.device)
    sums = zeros.scatter_add(0, flat, values.reshape(-1).double())
    areas = zeros.scatter_add(0, flat, torch.ones_like(values).reshape(-1).double())
    return (sums / areas.clamp(min=1))[labels]


def highest_in_rows(area: Tensor, labels: Tensor) -> Tensor:
    """Return `labels`, each the highest in its horizontal run of `area`; 0 outside."""
    runs = torch.cumsum((~area).to(torch.int64), 1)
    highest = torch.zeros([area.shape[0], area.shape[1] + 1], dtype=torch.int64, device=area.device)
    highest = highest.scatter_reduce(1, runs, labels, "amax")
    return torch.where(area, highest.gather(1, runs), torch.zeros_like(labels))


def cleaned(probability: Tensor, height: int, scale: float) -> Tensor:
    """Return the segmentation without holes, notches and specks; see `segmentation.clean`."""
    values = probability[0, 0].float()
    likely = values > 0.5
    notch = in_px(43.0, scale * values.shape[0] / height)
    person = holding(likely, values > 0.95)
    around = spread_by_pooling(person.float()[None, None], notch)[0, 0] > 0
    person = holding(likely, person | (around & (values > 0.7)))
    person = person | (closed(person, notch) & (values > 0.12))
    outside = values < 0.15
    outside[0], outside[-1] = True, True
    outside[:, 0], outside[:, -1] = True, True
    person = ~holding(~person, outside)
    agreed_on = torch.where(person == likely, values, person.to(values.dtype))
    return agreed_on.to(probability.dtype)[None, None]


def holding(area: Tensor, seeds: Tensor) -> Tensor:
    """Return those 4-connected parts of `area`, bool (h, w), in which one of `seeds` lies."""
    held = area & seeds
    count = int(held.sum())
    before = -1
    while count != before:
        held = filled_rows(area, held)
        held = filled_rows(area.t(), held.t()).t()
        before, count = count, int(held.sum())
    return held


def filled_rows(area: Tensor, held: Tensor) -> Tensor:
    """Return those horizontal runs of `area` of which a pixel is `held`, whole."""
    # Pixels of a run have equally many gaps before them, and no others of their row have.
    runs = torch.cumsum((~area).to(torch.int64), 1)
    counts = torch.zeros([area.shape[0], area.shape[1] + 1], device=area.device)
    counts = counts.scatter_add(1, runs, held.to(counts.dtype))
    return area & (counts.gather(1, runs) > 0)


def closed(area: Tensor, radius: int) -> Tensor:
    """Return `area`, bool (h, w), with notches narrower than twice `radius` filled."""
    padded = torch.constant_pad_nd(area.float()[None, None], [radius] * 4) > 0
    shrunken = ~dilate_by_pooling(~dilate_by_pooling(padded, radius), radius)
    return shrunken[0, 0, radius:-radius, radius:-radius]


def in_px(length: float, scale: float) -> int:
    """Return `length` times `scale` in whole pixels, at least one."""
    return max(rounded(length * scale), 1)


def rounded(value: float) -> int:
    """Return the whole number next to `value`, of two the even one."""
    return int(round(value))  # noqa: RUF046 - TorchScript rounds to a float


def refined(os8: Tensor, os4: Tensor, os1: Tensor, scale: float) -> Tensor:
    """Return the three as one, the finest where the coarser are undecided; see `refinement.refine`."""
    wide = dilate_by_pooling(undecided_on_device(os8), in_px(7.0, scale))
    alpha = torch.lerp(os8, os4, soften_by_pooling(wide, 1))
    narrow = dilate_by_pooling(undecided_on_device(alpha), in_px(3.0, scale))
    return torch.lerp(alpha, os1, soften_by_pooling(narrow, 1))


def held_to_mask(alpha: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Return `alpha`, 1 deep inside `mask` and 0 far outside it; see `refinement.bounds`."""
    small = avg_pool2d(mask, 4)
    core = 1 - spread_by_pooling(1 - small, in_px(6.0, scale))
    void = 1 - spread_by_pooling(small, in_px(24.0, scale))
    height, width = alpha.shape[2], alpha.shape[3]
    inside, outside = (bilinear(core, height, width), bilinear(void, height, width))
    return torch.minimum(torch.maximum(alpha, inside), 1 - outside)


def agreed(own: Tensor, before: Tensor, after: Tensor, tolerance: float) -> Tensor:
    """Return `own`, where the two others agree and it differs from both their mean."""
    agree = (before - after).abs() <= tolerance
    differs = ((own - before).abs() > tolerance) & ((own - after).abs() > tolerance)
    return torch.where(agree & differs, (before + after) / 2, own)
