"""One plane at another size."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

FEW_BLOCKS = 4
"""Up to so many rows and columns sums of slices are the faster way to means on the CPU."""


def bilinear(planes: Tensor, height: int, width: int) -> Tensor:
    """
    Return `planes` (n, c, h, w) at this size, bilinear.

    By the operator itself: `interpolate` brings operators into TorchScript that the torch of Nuke lacks.
    """
    resized: Tensor = torch._C._nn.upsample_bilinear2d(planes, [height, width], False, None)
    return resized


def enlarge(plane: Tensor, size: tuple[int, int]) -> Tensor:
    """
    Return `plane` (1, 1, h, w) at `size`, (height, width), bilinear, on its device.

    OpenCV serves the CPU: within 1e-6 it does as torch, in a sixth of the time.
    """
    if plane.device.type != "cpu":
        return interpolate(plane, size, mode="bilinear", align_corners=False)
    values = plane[0, 0].float().numpy()
    enlarged = cv2.resize(values, size[::-1], interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(enlarged).to(plane.dtype)[None, None]


def block_means(planes: Tensor, side: int) -> Tensor:
    """
    Return the means of blocks of `side` x `side` px in `planes` (n, c, h, w); what is left over is cut.

    On the CPU sums are made slice by slice, in the order of `avg_pool2d`: equal to the last bit, in
    less than half of the time.
    """
    if planes.device.type != "cpu" or side > FEW_BLOCKS:
        return avg_pool2d(planes, side)
    height, width = (length // side * side for length in planes.shape[-2:])
    first, *others = (
        planes[..., row:height:side, column:width:side]
        for row in range(side)
        for column in range(side)
    )
    total = first.clone()
    for other in others:
        total += other
    return total.div_(side * side)
