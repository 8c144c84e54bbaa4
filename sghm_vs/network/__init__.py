"""The matting network: its five parts, and how a checkpoint fills them."""

from sghm_vs.network.checkpoint import build_network, build_plain_network, read_checkpoint
from sghm_vs.network.model import SGHM, sghm_lite, sghm_resnet50
from sghm_vs.network.openvino import OpenVinoNetwork

type Network = SGHM | OpenVinoNetwork
"""What runs a frame: both have the same steps."""

__all__ = [
    "SGHM",
    "Network",
    "OpenVinoNetwork",
    "build_network",
    "build_plain_network",
    "read_checkpoint",
    "sghm_lite",
    "sghm_resnet50",
]
