"""Numbers of the networks' design, which their torch modules and their graphs share."""

STRIDE = 64
"""Pictures must be a multiple of this on both sides: the encoder's stride of 16 on a quarter."""
SMALL_LONG_SIDE_PX = 320
"""Of what the encoder of the ninth weights sees."""
LIGHT_LONG_SIDE_PX = 448
"""Of what the light network's encoder sees."""
SMALL_STRIDE = 16
"""Of the encoders: sides of what they see are multiples of this."""

ASPP_RATES = (3, 6, 9)
DILATED_BLOCKS = 8
"""The first block of MobileNetV2's last stage that is dilated."""
SHARPENED_BY = 0.6
"""How much farther from the mean around it each pixel of the ninth weights' small picture goes."""
SHARPENED_PX = 7
"""Side of the square which that is the mean of."""

QUARTER_PX = 4
"""Of the picture in one of the state's."""
EIGHTH_PX = 8
"""The same of what the refiner makes at an eighth of the size; in steps of it parts of a picture are
found."""
DECODER_SLOPE = 0.2
"""Of every leaky activation in the matting decoder."""
REFINER_SLOPE = 0.1
"""Of every leaky activation in the refiner."""
GUIDE_PX = 4
"""Side of the blocks whose means are all that the refiner sees of its guide."""
SOFT_GUIDE_PX = 8
"""The same where the finest alpha is made."""
SURE = 0.02
"""The finest alpha starts from the coarse one, kept this far from 0 and 1."""
SOLID = 0.5
"""A coarse alpha of the refiner above this is 1 where no detail is needed."""
NEEDED = 0.8
"""A probability of detail above which the finest alpha is looked at."""
REFINER_WIDTHS = 96, 80, 48, 32
"""Channels of what the refiner makes at 1/32, 1/16, 1/8 and 1/4 of the size."""
REFINER_STATE = REFINER_WIDTHS[-1]
QUARTER_HALO_PX = 16
"""How far a quarter of the size depends on its surroundings: four of its pixels, of which the first
convolution and what is enlarged take one, two more convolutions one each, and the last one."""
EIGHTH_HALO_PX = QUARTER_HALO_PX + 24
"""The same of an eighth: three convolutions take one of its pixels each."""
SIXTEENTH_HALO_PX = QUARTER_HALO_PX + 80
"""The same of a sixteenth: two convolutions take one pixel of an eighth each, what is enlarged for them
one of its own, and three more convolutions one each."""
NO_DETAIL = -20.0
"""The logit that detail is needed where nothing is looked at."""
REFINER_HALO_PX = 8
"""How far the refiner's finest alpha depends on its surroundings: three pixels at half size, of which
the first look at a border and two convolutions take one each, and two convolutions at full size."""

LIGHT_FEATURES = (3, 16, 24, 32, 128)
"""Channels of `Features`, of the light networks."""
PUBLISHED_FEATURES = (3, 64, 256, 512, 256)
"""The same of the published network."""


def small_size(height: int, width: int, long_side_px: int | None) -> tuple[int, int]:
    """
    Return the height and width of what the encoder sees of a picture.

    In whole numbers, as graphs compute it too: to the nearest multiple of `SMALL_STRIDE`, of two that
    are as near the one of an even number of them.

    Args:
        height: Of the picture, a multiple of `STRIDE`.
        width: Likewise.
        long_side_px: Of what it sees, or the picture's own where that is less; None is a quarter.
    """
    if long_side_px is None:
        return height // QUARTER_PX, width // QUARTER_PX
    whole = SMALL_STRIDE * max(height, width, long_side_px)

    def shrunk(length: int) -> int:
        times, rest = divmod(length * long_side_px, whole)
        return max(times + (2 * rest + times % 2 > whole), 1) * SMALL_STRIDE

    return shrunk(height), shrunk(width)
