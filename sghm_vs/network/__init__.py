"""The matting network: its five parts, and how a checkpoint fills them."""

from sghm_vs.network.checkpoint import build_network, build_plain_network, read_checkpoint
from sghm_vs.network.model import SGHM, sghm_lite, sghm_resnet50

__all__ = [
    "SGHM",
    "build_network",
    "build_plain_network",
    "read_checkpoint",
    "sghm_lite",
    "sghm_resnet50",
]
