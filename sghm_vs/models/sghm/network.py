"""Semantic Guided Human Matting (Chen et al., ACCV 2022) put together from its five parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from sghm_vs.models.architectures import SEES_IN_BFLOAT16
from sghm_vs.models.resampling import block_means, enlarge
from sghm_vs.models.sghm.design import (
    ASPP_RATES,
    EIGHTH_HALO_PX,
    EIGHTH_PX,
    GUIDE_PX,
    LIGHT_LONG_SIDE_PX,
    NO_DETAIL,
    QUARTER_PX,
    SHARPENED_BY,
    SHARPENED_PX,
    SIXTEENTH_HALO_PX,
    SMALL_LONG_SIDE_PX,
    SOFT_GUIDE_PX,
    STRIDE,
    small_size,
)
from sghm_vs.models.sghm.encoder import (
    ASPP,
    Features,
    MobileNetV2Encoder,
    ResNet50Encoder,
    SeparableASPP,
)
from sghm_vs.models.sghm.matting_decoder import Alphas, Coarse, MattingDecoder
from sghm_vs.models.sghm.refiner import Begun, CoarseAlpha, Quarter, Refiner
from sghm_vs.models.sghm.segmentation_decoder import SegmentationDecoder
from sghm_vs.models.sghm.shortcuts import AttentiveShortcut, LocalShortcut, TiledShortcut
from sghm_vs.models.sghm.squares import Part, Tile, strips, window


class CoarseOutput(NamedTuple):
    """A picture that is matted up to a quarter of its size, and what the rest is made from."""

    coarse: Coarse
    full: TiledShortcut
    """Of the shortcut at full size."""
    detail: Tensor | None = None
    """Where the finest alpha is needed, a probability, (1, 1, height / 4, width / 4); None: where the
    coarser ones are undecided."""


class Judge(nn.Module):
    """
    A second segmentation on the encoder's first stages, which says no to what is nobody.

    Its outlines are not looked at; see `sghm_vs.matting.arrays.segmentation.judged`.
    """

    def __init__(self, *, stage4: nn.Module, aspp: nn.Module, decoder: SegmentationDecoder) -> None:
        super().__init__()
        self.stage4 = stage4
        self.aspp = aspp
        self.decoder = decoder

    def forward(self, features: Features) -> Tensor:
        """Return a person's logits at the small picture's size, (n, 1, h, w)."""
        context = self.aspp(self.stage4(features.eighth))
        logits: Tensor = self.decoder(
            Features(features.small, features.half, features.fourth, features.eighth, context)
        )
        return logits


class SGHM(nn.Module):
    """
    The network: what is in the picture, where the person is, how much of each pixel it covers.

    The three methods are the three steps of a frame; each can be run on its own,
    so that a mask from elsewhere can take the place of the network's. `trusts_mask` says that its
    segmentation is steadier than its matting decoder deep inside and far outside a person;
    `sharpen`, if there, is done to each small picture before the encoder sees it.
    """

    backend = "torch"

    def __init__(
        self,
        *,
        backbone: nn.Module,
        aspp: nn.Module,
        decoder: SegmentationDecoder,
        shortcut: nn.ModuleList,
        refine: nn.Module,
        small_px: int | None,
        sharpen: Callable[[Tensor], Tensor] | None,
        trusts_mask: bool,
        judge: Judge | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.aspp = aspp
        self.decoder = decoder
        self.shortcut = shortcut
        self.refine = cast("MattingDecoder", refine)
        self.small_px = small_px
        self.sharpen = sharpen
        self.trusts_mask = trusts_mask
        self.judge = judge

    @property
    def is_judged(self) -> bool:
        """Whether it judges what it segments."""
        return self.judge is not None

    def to_small(self, image: Tensor) -> Tensor:
        """Return what the encoder sees of `image`, at most `small_px` long; None: at a quarter."""
        if self.small_px is None:
            return _sample_quarter(image)
        return average_small(image, self.small_px)

    def encode(self, image: Tensor) -> Features:
        """Return the features of `image`, float (n, 3, height, width), 0-1, sides multiples of 64."""
        return self.encode_small(self.to_small(image))

    def encode_small(self, small: Tensor) -> Features:
        """Return the features of `small`, (n, 3, h, w), 0-1, sides multiples of 16."""
        if self.sharpen is not None:
            small = self.sharpen(small)
        half, fourth, eighth, deepest = self.backbone(small)
        return Features(small, half, fourth, eighth, self.aspp(deepest))

    def segment(self, features: Features) -> Tensor:
        """Return the probability of a person at the small picture's size, (n, 1, h, w)."""
        # The published decoder has 33 more outputs, left over from its ancestor and never used.
        return torch.sigmoid(self.decoder(features)[:, :1])

    def second_look(self, features: Features) -> Tensor:
        """Return how likely the judge thinks a person, as `segment`; of a network that has one."""
        return torch.sigmoid(cast("Judge", self.judge)(features))

    def matte(self, image: Tensor, features: Features, mask: Tensor) -> Alphas:
        """
        Return the alphas of the people whom `mask` shows.

        Args:
            image: The picture, float (n, 3, height, width), 0-1.
            features: Of the same picture.
            mask: Where the people are, (n, 1, height, width), 0-1; hard or soft.
        """
        scales = self._scales(image, features, mask)
        shortcuts = [shortcut(x) for shortcut, x in zip(self.shortcut, scales, strict=True)]
        alphas: Alphas = self.refine(_context(features, image), tuple(shortcuts))
        return alphas

    def begin(
        self, image: Tensor, features: Features, mask: Tensor, cells: Tensor | None = None
    ) -> CoarseOutput:
        """
        Return what of `matte` is needed everywhere; `finish` makes the rest where it is.

        Args:
            image: As for `matte`.
            features: As for `matte`.
            mask: As for `matte`.
            cells: Where the alpha is looked at: a grid of `EIGHTH_PX`, (rows, columns), above 0.
                Elsewhere it may be anything. None: everywhere.
        """
        del cells
        first, *scales = self._scales(image, features, mask)
        full, *rest = self.shortcut
        shortcuts = [shortcut(x) for shortcut, x in zip(rest, scales, strict=True)]
        coarse = self.refine.coarse(_context(features, image), tuple(shortcuts))
        return CoarseOutput(coarse, cast("LocalShortcut", full).tiled(first))

    def finish(self, coarse_output: CoarseOutput, squares: Sequence[Part]) -> Tensor:
        """
        Return the finest alpha in equal `squares` of one picture, (squares, 1, side, side).

        As by `matte`, but for the outermost `halo_px` at sides that are not the picture's.
        """
        state = squares_of(coarse_output.coarse.state, squares, QUARTER_PX)
        planes = beside([squares_of(planes, squares) for planes in coarse_output.full.planes])
        fine: Tensor = self.refine.fine(state, coarse_output.full.finish(planes))
        return fine

    def finish_at(
        self, coarse_output: CoarseOutput, tops: Tensor, lefts: Tensor, side: int
    ) -> Tensor:
        """Return what `finish` does of squares whose places are tensors, int64 (squares,)."""
        state = _gathered(
            coarse_output.coarse.state, tops // QUARTER_PX, lefts // QUARTER_PX, side // QUARTER_PX
        )
        planes = beside(
            [_gathered(planes, tops, lefts, side) for planes in coarse_output.full.planes]
        )
        fine: Tensor = self.refine.fine(state, coarse_output.full.finish(planes))
        return fine

    def finish_all(self, coarse_output: CoarseOutput) -> Tensor:
        """Return the finest alpha everywhere, (1, 1, height, width)."""
        full = coarse_output.full.finish(beside(coarse_output.full.planes))
        fine: Tensor = self.refine.fine(coarse_output.coarse.state, full)
        return fine

    @property
    def halo_px(self) -> int:
        """How far the finest alpha depends on its surroundings."""
        return self.refine.halo_px

    @property
    def precision(self) -> str:
        """What it calculates in: float32, float16 or bfloat16."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def dtype(self) -> torch.dtype:
        """Of what goes in and comes out."""
        return next(self.parameters()).dtype

    def _scales(self, image: Tensor, features: Features, mask: Tensor) -> list[Tensor]:
        """Return what the shortcuts take, fine to coarse: features, the mask behind them."""
        masks = mask_pyramid(mask)
        inputs = (image, *map(_at_size_of, features[:4], masks[1:]))
        return [torch.cat(pair, 1) for pair in zip(inputs, masks, strict=True)]


class LightSGHM(SGHM):
    """The network with a lighter matting half, which refines any mask; see `Refiner`."""

    @property
    def refiner(self) -> Refiner:
        """The matting half."""
        return cast("Refiner", self.refine)

    def refined(
        self, image: Tensor, features: Features, mask: Tensor
    ) -> tuple[CoarseAlpha, Tensor]:
        """Return the coarse alpha and the finest one everywhere; see `matte`."""
        made: tuple[CoarseAlpha, Tensor] = self.refiner(
            image, mask, sides(features, *image.shape[2:])
        )
        return made

    def coarse(self, image: Tensor, features: Features, mask: Tensor) -> CoarseAlpha:
        """Return what is needed everywhere."""
        return self.refiner.coarse(image, mask, sides(features, *image.shape[2:]))

    def matte(self, image: Tensor, features: Features, mask: Tensor) -> Alphas:
        """Return the alphas of what `mask` shows; see `SGHM.matte`."""
        coarse, os1 = self.refined(image, features, mask)
        return Alphas(coarse.os8, coarse.os4, os1)

    def begin(
        self, image: Tensor, features: Features, mask: Tensor, cells: Tensor | None = None
    ) -> CoarseOutput:
        """Return what of `matte` is needed where it is looked at; see `SGHM.begin`."""
        mask4 = block_means(mask, GUIDE_PX)
        seen = sides(features, *image.shape[2:])
        if cells is None:
            eighth = self.refiner.to_eighth(mask4, seen)
            return light_output(image, mask4, *self.refiner.to_quarter(image, mask4, eighth))
        where = cells.cpu().numpy() > 0
        eighth = eighth_in_window(
            self.refiner.to_thirty_second(mask4, seen),
            self.refiner,
            window(where, SIXTEENTH_HALO_PX),
            window(where, EIGHTH_HALO_PX),
        )
        made_of = image, mask4, eighth
        parts = strips(where)
        if parts is None:
            return light_output(image, mask4, *self.refiner.to_quarter(*made_of))
        return light_output(image, mask4, *quarter_in_strips(self.refiner, *made_of, parts))


def eighth_in_window(begun: Begun, refiner: Refiner, around: Part, inner: Part) -> Tensor:
    """
    Return what `refiner` makes at an eighth of the size within a window; elsewhere it is 0.

    Args:
        begun: Of the whole picture.
        refiner: What makes it.
        around: What is made at 1/16.
        inner: The same at 1/8, within `around`.
    """
    deep, beside16, beside8 = begun
    sixteenth = refiner.to_sixteenth(around.of(deep, 32), around.of(beside16, 16))
    made = refiner.to_eighth_of(
        inner.within(around).of(sixteenth, 16), inner.of(beside8, EIGHTH_PX)
    )
    whole = made.new_zeros(1, made.shape[1], *beside8.shape[2:])
    inner.of(whole, EIGHTH_PX)[...] = made
    return whole


def quarter_in_strips(
    refiner: Refiner, image: Tensor, mask4: Tensor, eighth: Tensor, parts: Sequence[Tile]
) -> Quarter:
    """Return what `refiner` makes at a quarter in `parts`; elsewhere no detail is needed."""
    size, channels = mask4.shape[2:], refiner.up4.out_channels
    whole = Quarter(image.new_zeros(1, channels, *size), image.new_zeros(1, 2, *size))
    whole.logits[:, 1] = NO_DETAIL
    for strip in parts:
        around = strip.around
        made = refiner.to_quarter(
            around.of(image), around.of(mask4, QUARTER_PX), around.of(eighth, EIGHTH_PX)
        )
        for part, planes in zip(made, whole, strict=True):
            strip.paste(part, planes, QUARTER_PX)
    return whole


def light_output(image: Tensor, mask4: Tensor, state: Tensor, logits: Tensor) -> CoarseOutput:
    """
    Return what `LightSGHM.begin` does, from what its refiner makes at a quarter of the size.

    Args:
        image: The picture, (1, 3, height, width).
        mask4: Means of 4x4 px of its mask, (1, 1, height / 4, width / 4).
        state: Of `refiner.Quarter`.
        logits: Of `refiner.Quarter`.
    """
    size = image.shape[-2], image.shape[-1]
    os4, detail = logits[:, :1], logits[:, 1:]
    alpha = torch.sigmoid(enlarge(os4, size))
    soft = enlarge(block_means(mask4, SOFT_GUIDE_PX // GUIDE_PX), size)
    planes = TiledShortcut((image, alpha, soft), nn.Identity())
    return CoarseOutput(Coarse(alpha, alpha, state), planes, torch.sigmoid(detail))


def squares_of(planes: Tensor, squares: Sequence[Part], shrunk: int = 1) -> Tensor:
    """Return `squares` of `planes` (1, c, h, w), so many times smaller than the picture, as a batch."""
    return torch.cat([square.of(planes, shrunk) for square in squares])


def beside(planes: Sequence[Tensor]) -> Tensor:
    """Return `planes`, each (n, c, h, w), as one."""
    return planes[0] if len(planes) == 1 else torch.cat([*planes], 1)


def sides(features: Features, height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the encoder's features at 1/8, 1/16 and 1/32 of a picture of this size."""
    return (
        _resized(features.half, (height // 8, width // 8)),
        _resized(features.fourth, (height // 16, width // 16)),
        _resized(features.eighth, (height // 32, width // 32)),
    )


def _gathered(planes: Tensor, tops: Tensor, lefts: Tensor, side: int) -> Tensor:
    """Return squares of `planes` (1, c, h, w), (squares, c, side, side), channels last."""
    along = torch.arange(side, device=planes.device)
    rows, columns = tops[:, None, None] + along[:, None], lefts[:, None, None] + along
    return planes[0].permute(1, 2, 0)[rows, columns].permute(0, 3, 1, 2)


def _context(features: Features, image: Tensor) -> Tensor:
    height, width = (side // STRIDE for side in image.shape[-2:])
    return _resized(features.context, (height, width))


def mask_pyramid(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return `mask` (n, 1, height, width) at 1/1, 1/4, 1/8, 1/16 and 1/32 of its size."""
    quarter = _shrink(mask, 1 / 4)
    return mask, quarter, _shrink(quarter, 1 / 2), _shrink(quarter, 1 / 4), _shrink(quarter, 1 / 8)


def sghm_resnet50() -> SGHM:
    """Return the published network, unfilled: 43.9 M parameters, 117 GFLOP at 1280x704."""
    channels = ResNet50Encoder.channels[:3]
    return SGHM(
        backbone=ResNet50Encoder(),
        aspp=ASPP(ResNet50Encoder.channels[3], 256, ASPP_RATES),
        decoder=SegmentationDecoder(channels, 256, (128, 64, 48), outputs=1),
        shortcut=_shortcuts(AttentiveShortcut, channels, (32, 32, 32, 64, 128)),
        refine=MattingDecoder(256, (128, 64, 32, 32, 32, 32), (3, 3, 2, 2, 2), (32, 32, 32)),
        small_px=None,
        sharpen=None,
        trusts_mask=False,
    )


def sghm_lite() -> SGHM:
    """Return the light network, unfilled: the same five parts within 5 M parameters and 12 GFLOP."""
    channels, deepest = MobileNetV2Encoder.channels[:3], MobileNetV2Encoder.channels[3]
    return SGHM(
        backbone=MobileNetV2Encoder(),
        aspp=SeparableASPP(deepest, 128, ASPP_RATES),
        decoder=SegmentationDecoder(channels, 128, (64, 48, 32), outputs=1),
        # At full size a gate would need all of the picture for what is made of its edges alone.
        shortcut=_shortcuts(LocalShortcut, channels, (6, 16, 32, 48, 80)),
        refine=MattingDecoder(128, (80, 48, 32, 16, 12, 6), (1, 1, 1, 1, 1), (16, 8, 4)),
        small_px=SMALL_LONG_SIDE_PX,
        sharpen=sharpened,
        trusts_mask=True,
    )


def sghm_lite_10() -> LightSGHM:
    """Return the light network of the tenth weights, unfilled: 3.0 M parameters."""
    return _refined_light(judge=None)


def sghm_lite_11() -> LightSGHM:
    """Return the light network with a judge, unfilled: 5.2 M parameters."""
    return _refined_light(
        judge=Judge(
            stage4=MobileNetV2Encoder().stage4, aspp=_light_aspp(), decoder=_light_decoder()
        )
    )


def sghm_lite_12() -> LightSGHM:
    """Return the light network of weights whose segmentation stands bfloat16, unfilled: 3.0 M."""
    network = _refined_light(judge=None)
    network.register_buffer(SEES_IN_BFLOAT16, torch.ones(1))
    return network


def _refined_light(judge: Judge | None) -> LightSGHM:
    return LightSGHM(
        backbone=MobileNetV2Encoder(),
        aspp=_light_aspp(),
        decoder=_light_decoder(),
        shortcut=nn.ModuleList(),
        refine=Refiner(MobileNetV2Encoder.channels[:3]),
        small_px=LIGHT_LONG_SIDE_PX,
        sharpen=None,
        trusts_mask=True,
        judge=judge,
    )


def _light_aspp() -> SeparableASPP:
    return SeparableASPP(MobileNetV2Encoder.channels[3], 128, ASPP_RATES)


def _light_decoder() -> SegmentationDecoder:
    return SegmentationDecoder(MobileNetV2Encoder.channels[:3], 128, (64, 48, 16), outputs=1)


def _shortcuts(
    full: type[LocalShortcut], channels: tuple[int, int, int], widths: tuple[int, ...]
) -> nn.ModuleList:
    """Return the shortcuts, fine to coarse; the first, at full size, is a `full` one."""
    inputs = (3, 3, *channels)
    kinds = (full, *[AttentiveShortcut] * len(inputs[1:]))
    return nn.ModuleList(
        kind(fan_in, width) for kind, fan_in, width in zip(kinds, inputs, widths, strict=True)
    )


def _shrink(image: Tensor, scale: float) -> Tensor:
    return interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)


def _sample_quarter(image: Tensor) -> Tensor:
    """Return `image` at a quarter, as the published weights expect it: 12 of 16 pixels unread."""
    return _shrink(image, 1 / 4)


def average_small(image: Tensor, long_side_px: int) -> Tensor:
    """
    Return `image` with a long side of `long_side_px`, or its own where that is less.

    So a person is seen as large as in the training, whatever the frame's size.
    Every pixel counts, so grain does not alias into the mask.
    """
    return _resized(image, small_size(image.shape[-2], image.shape[-1], long_side_px))


def sharpened(small: Tensor, amount: float = SHARPENED_BY, around_px: int = SHARPENED_PX) -> Tensor:
    """
    Return `small` (n, 3, h, w), 0-1, with more local contrast (unsharp masking).

    Each pixel goes by `amount` of how far it is from the mean around it further away from that.
    """
    around = avg_pool2d(small, around_px, 1, around_px // 2, count_include_pad=False)
    return (small + amount * (small - around)).clamp(0, 1)


def _at_size_of(features: Tensor, other: Tensor) -> Tensor:
    return _resized(features, (other.shape[-2], other.shape[-1]))


def _resized(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `planes` (n, c, h, w) at `size`: means of whole blocks, bilinear for what is left."""
    blocks = min(planes.shape[-2] // size[0], planes.shape[-1] // size[1])
    if blocks > 1:
        planes = block_means(planes, blocks)
    if planes.shape[-2:] == size:
        return planes
    return interpolate(planes, size, mode="bilinear", align_corners=False)
