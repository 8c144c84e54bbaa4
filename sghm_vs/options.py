"""How an alpha is made and shaped: every knob that changes its pixels."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal, get_args

from sghm_vs.errors import SettingsError

Backend = Literal["auto", "torch", "openvino"]
"""What runs the network."""
type Devices = int | list[int] | tuple[int, ...] | None
"""CUDA devices by their index; None is the first, or else the CPU, -1 the CPU."""
Sizing = Literal["pad", "image", "video"]

Foreground = Literal["estimate", "source", "none"]

Shape = Literal["alpha", "core", "edge", "trimap"]

TR_MAX = 8
VOTERS = 4
"""So many times farther than the alpha's is the window whose frames vote on where people are."""
QUIETING_FRAMES = 1
"""How many frames each way take noise off what the encoder sees."""
REACH_MAX = (1 + VOTERS) * TR_MAX + QUIETING_FRAMES
"""Frames before and after a frame that may help with it, whatever the settings."""
EXPOSURE_MAX = 20
PRESETS = {"off": 0, "fast": 1, "default": 2, "quality": 3}
"""What a word for `tr` means: how many frames each way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Equal settings, weights and frames give equal alphas."""

    sizing: Sizing = "pad"
    """
    How a picture is brought to the network's multiples of 64.

    "pad" keeps the aspect and mirrors the border; "image" and "video" squeeze as the published
    scripts for pictures and for movies do.
    """
    infer_size: int = 1280
    """In "pad" sizing, the short side in pixels above which a picture is shrunk first."""
    tr: int | str = 2
    """Temporal radius in frames, 0 for each frame alone; or a preset's name."""
    sc: bool = True
    """Whether the window ends where a shot does."""
    sc_threshold: float | None = 0.1
    """How much of a picture must be new for a cut, 0-1; None trusts the frames' own props."""
    exposure: float = 0.0
    """Stops by which the network sees the picture brighter, -20 to 20."""

    def __post_init__(self) -> None:
        if self.sizing not in get_args(Sizing):
            known = ", ".join(get_args(Sizing))
            msg = f"sizing is {self.sizing!r} and must be one of {known}"
            raise SettingsError(msg)
        if self.infer_size < 64:
            msg = f"infer_size is {self.infer_size} and must be at least 64 (pixels, short side)"
            raise SettingsError(msg)
        if not 0 <= self.radius <= TR_MAX:
            msg = f"tr is {self.tr} and must be 0 (each frame alone) to {TR_MAX}"
            raise SettingsError(msg)
        if self.sc_threshold is not None and not 0 < self.sc_threshold <= 1:
            msg = (
                f"sc_threshold is {self.sc_threshold} and must be above 0 and at most 1, or None "
                "for a clip whose frames say where scenes change"
            )
            raise SettingsError(msg)
        if not -EXPOSURE_MAX <= self.exposure <= EXPOSURE_MAX:
            msg = f"exposure is {self.exposure} and must be from {-EXPOSURE_MAX} to {EXPOSURE_MAX} stops"
            raise SettingsError(msg)

    @property
    def radius(self) -> int:
        """How many frames before and after a frame help with it."""
        if isinstance(self.tr, int):
            return self.tr
        if self.tr in PRESETS:
            return PRESETS[self.tr]
        known = ", ".join(PRESETS)
        msg = f"tr is {self.tr!r} and must be a whole number of frames, or one of {known}"
        raise SettingsError(msg)

    @property
    def reach(self) -> int:
        """How many frames before and after a frame its alpha depends on, at most."""
        # Neighbors correct an alpha, each had its own voters, and each of these a quieter picture.
        return (1 + VOTERS) * self.radius + QUIETING_FRAMES if self.radius else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """
    What is done to an alpha's edges, in this order; the defaults do nothing.

    Lengths are pixels of a picture whose short side is `SHORT_SIDE_PX`; see `sghm_vs.edges`.
    """

    SHORT_SIDE_PX: ClassVar[int] = 1080

    black: float = 0.0
    """What becomes 0, 0-1."""
    white: float = 1.0
    """What becomes 1, 0-1."""
    gamma: float = 1.0
    """Above 1 soft values become denser; 0.1-10."""
    despeckle: float = 0.0
    """Diameter of the smallest island that stays, 0-1000."""
    fill: float = 0.0
    """Diameter of the smallest hole that stays, 0-1000."""
    grow: float = 0.0
    """How far the edge moves outward, -100 to 100."""
    feather: float = 0.0
    """How wide a hard edge becomes, 0-400."""
    shape: Shape = "alpha"
    """The alpha, or what is made of it."""
    width: float = 6.0
    """Of what `shape` says, 0-100."""
    invert: bool = False
    """Whether 0 and 1 change places, at last."""

    def __post_init__(self) -> None:
        if self.shape not in get_args(Shape):
            msg = f"shape is {self.shape!r} and must be one of {', '.join(get_args(Shape))}"
            raise SettingsError(msg)
        for name, (least, most) in EDGE_RANGES.items():
            value = getattr(self, name)
            # Not a number is in no range, and compares as false.
            if not least <= value <= most:
                msg = f"{name} is {value} and must be from {least:g} to {most:g}"
                raise SettingsError(msg)
        if self.white <= self.black:
            msg = f"white is {self.white} and must be above black, which is {self.black}"
            raise SettingsError(msg)

    def changed(self) -> dict[str, str]:
        """Return, as text, what differs from the defaults."""
        return {
            field.name: str(getattr(self, field.name))
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }


EDGE_RANGES: dict[str, tuple[float, float]] = {
    "black": (0, 1),
    "white": (0, 1),
    "gamma": (0.1, 10),
    "despeckle": (0, 1000),
    "fill": (0, 1000),
    "grow": (-100, 100),
    "feather": (0, 400),
    "width": (0, 100),
}
