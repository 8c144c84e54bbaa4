"""What runs a frame."""

from sghm_vs.models.backends.openvino import OpenVinoNetwork
from sghm_vs.models.sghm.network import SGHM

type Network = SGHM | OpenVinoNetwork
"""What runs a frame: both have the same steps."""
