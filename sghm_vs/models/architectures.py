"""Which networks there are, told by the names in a checkpoint; known without torch."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from sghm_vs.errors import WeightsError, listed
from sghm_vs.models.sghm.design import LIGHT_LONG_SIDE_PX, SMALL_LONG_SIDE_PX

if TYPE_CHECKING:
    from sghm_vs.models.sghm.network import SGHM

NAMES_LISTED_MAX = 3
SEES_IN_BFLOAT16 = "sees_in_bfloat16"
"""A tensor that says so of weights whose network is otherwise that of others, which don't."""


class Architecture(NamedTuple):
    """A row of `ARCHITECTURES`."""

    function: str
    """Of `models/sghm/network.py`, that returns the network, unfilled."""
    mark: str
    """Its checkpoints, and no others below it in the table, have names that begin so."""
    small_px: int | None
    """Long side of what the encoder sees; None is a quarter of the picture."""
    is_light: bool = True
    """Whether its encoder is the light one."""
    has_refiner: bool = False
    """Whether its matting half is the `Refiner`."""
    sharpens: bool = False
    """Whether the encoder sees a crisper picture than there is."""
    has_judge: bool = False
    """Whether a second segmentation judges the first; see `sghm_vs.models.sghm.network.Judge`."""
    keeps_in_bfloat16: bool = False
    """Whether mattes stay as good with the matting half in bfloat16: it is, where the CPU has it."""
    sees_in_bfloat16: bool = False
    """Whether they do with the segmentation in it, too."""
    trusts_mask: bool = True
    """See `sghm_vs.models.sghm.network.SGHM`."""

    def build(self) -> SGHM:
        """Return the network, unfilled."""
        network = import_module("sghm_vs.models.sghm.network")
        return cast("SGHM", getattr(network, self.function)())


ARCHITECTURES = {
    "sghm-lite-12": Architecture(
        "sghm_lite_12",
        mark=SEES_IN_BFLOAT16,
        small_px=LIGHT_LONG_SIDE_PX,
        has_refiner=True,
        keeps_in_bfloat16=True,
        sees_in_bfloat16=True,
    ),
    "sghm-lite-11": Architecture(
        "sghm_lite_11",
        mark="judge.",
        small_px=LIGHT_LONG_SIDE_PX,
        has_refiner=True,
        has_judge=True,
        keeps_in_bfloat16=True,
    ),
    "sghm-lite-10": Architecture(
        "sghm_lite_10",
        mark="refine.fine.",
        small_px=LIGHT_LONG_SIDE_PX,
        has_refiner=True,
        keeps_in_bfloat16=True,
    ),
    "sghm-lite": Architecture(
        "sghm_lite", mark="backbone.stem.", small_px=SMALL_LONG_SIDE_PX, sharpens=True
    ),
    "sghm-resnet50": Architecture(
        "sghm_resnet50",
        mark="backbone.layer1.",
        small_px=None,
        is_light=False,
        trusts_mask=False,
    ),
}


def architecture_of(names: Iterable[str], origin: str) -> str:
    """
    Return the name of the network whose checkpoint has tensors of these `names`.

    Raises:
        WeightsError: There is none; `origin` is where they come from.
    """
    names = sorted(names)
    for name, row in ARCHITECTURES.items():
        if any(key.startswith(row.mark) for key in names):
            return name
    marks = [f"{row.mark}… of {name}" for name, row in ARCHITECTURES.items()]
    found = listed(names, NAMES_LISTED_MAX) or "no tensors"
    msg = (
        f"{origin} is the checkpoint of no known network: needed are names such as "
        f"{', '.join(marks)}; found: {found}"
    )
    raise WeightsError(msg)
