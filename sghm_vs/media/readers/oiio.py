"""
Film's pictures: EXR, DPX and Targa, by OpenImageIO.

The OpenEXR package, which writes our EXR files, prints to stdout when it reads a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color.frame_props import BT709, IDENTITY, LINEAR, SPACE
from sghm_vs.errors import SourceError
from sghm_vs.media.metadata import DATA_WINDOW, DISPLAY_WINDOW, PICTURE_WINDOW
from sghm_vs.media.readers.picture import Picture, Props

if TYPE_CHECKING:
    from OpenImageIO import ImageInput, ImageSpec

FILM_SUFFIXES = frozenset({".dpx", ".exr", ".tga"})
"""File endings, in lower case, that are read here."""

DPX_TRANSFERS: Mapping[str, int] = {"Linear": LINEAR, "ITU-R 709-4": BT709}
"""H.273 codes of what a DPX header says and the resizer knows."""
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""Chromaticities of ITU-R BT.709: red, green, blue, white, each x and y."""
GAMUTS: Mapping[str, tuple[float, ...]] = {
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "lin_rec2020_scene": (0.708, 0.292, 0.17, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "lin_p3d65_scene": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.3290),
}
"""Interop ids of other linear spaces, by their chromaticities (ACES; BT.2020; P3-D65)."""
PIXELS_MAX = 2**28
"""As many as 16384x16384: more than anybody films."""
SAME_PRIMARIES = 0.005
LOG_TRANSFERS = frozenset({"Logarithmic", "Printing density"})


@dataclass(frozen=True, slots=True)
class Layer:
    """Channels of an EXR file that belong together."""

    part: int
    part_name: str
    view: str
    """The eye of a stereo file's part, or ""."""
    prefix: str
    """What stands before the last dot of the channels' names; "" for plain R, G, B."""
    channels: Mapping[str, int]
    """Index in the part by what stands behind that dot."""

    @property
    def name(self) -> str:
        """The name to ask for it by."""
        return self.prefix or self.part_name

    @property
    def shown(self) -> tuple[int, ...]:
        """The channels to show: R, G, B, else Y, else the only one, else none."""
        if {"R", "G", "B"} <= self.channels.keys():
            return tuple(self.channels[name] for name in "RGB")
        if "Y" in self.channels and not {"RY", "BY"} & self.channels.keys():
            return (self.channels["Y"],)
        return tuple(self.channels.values()) if len(self.channels) == 1 else ()

    def is_named(self, name: str) -> bool:
        """Tell whether it may be asked for by `name`."""
        return name in (
            self.prefix,
            self.part_name,
            self.view,
            f"{self.part_name}.{self.prefix}",
        )

    def __str__(self) -> str:
        before = f"{self.name}." if self.name else ""
        return ", ".join(f"{before}{channel}" for channel in self.channels)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the picture plane, its last column and row included."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def edges(self) -> list[int]:
        """The four numbers, first column and row first."""
        return [self.left, self.top, self.right, self.bottom]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top + 1, self.right - self.left + 1

    def __or__(self, other: Window) -> Window:
        """Return the smallest window that holds both."""
        return Window(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def __str__(self) -> str:
        return f"{self.left},{self.top} to {self.right},{self.bottom}"


def read_film(path: Path, layer: str | None = None, window: Window | None = None) -> Picture:
    """
    Return the picture at `path`.

    Args:
        path: An EXR, DPX or Targa file.
        layer: Which layer or part of an EXR file; None is R, G, B of the first part that has
            them, else Y, else the only channel of the file.
        window: What to show; the file's own windows are then told in the picture's props. None
            is the display window: overscan is cut. Gaps are black.

    Raises:
        SourceError: The file is missing or damaged, has no such layer, or pixels beyond `window`.
    """
    with _chosen(path, layer) as (file, chosen, spec):
        shown = window or _display_window(spec)
        if window is not None and window | _data_window(spec) != window:
            msg = (
                f"{path} has pixels at {_data_window(spec)}, beyond those of the first frame, "
                f"{window}; leave --keep-windows out"
            )
            raise SourceError(msg)
        planes = tuple(_framed(plane, spec, shown) for plane in _pixels(path, file, chosen))
    picture = _picture(path, planes, spec)
    return (
        picture
        if window is None
        else replace(picture, props={**picture.props, **_kept(spec, shown)})
    )


def whole_window(path: Path, layer: str | None = None) -> Window:
    """
    Return the window that holds all of the picture at `path`: what is displayed, and overscan.

    Raises:
        SourceError: The file is missing or damaged, or has no such layer.
    """
    with _chosen(path, layer) as (_, _, spec):
        return _data_window(spec) | _display_window(spec)


@contextmanager
def _chosen(path: Path, layer: str | None) -> Iterator[tuple[ImageInput, Layer, ImageSpec]]:
    """Open the file at `path` where `layer` is."""
    try:
        with _opened(path) as file:
            chosen = _choose(path, list(_layers(file)), layer)
            file.seek_subimage(chosen.part, 0)
            spec = file.spec()
            _refuse_deep(path, spec)
            _refuse_size(path, spec)
            yield file, chosen, spec
    except UnicodeDecodeError:
        # Of a name in the file, or of the library's own words about it.
        raise _damaged(path) from None


def _data_window(spec: ImageSpec) -> Window:
    return Window(spec.x, spec.y, spec.x + spec.width - 1, spec.y + spec.height - 1)


def _display_window(spec: ImageSpec) -> Window:
    x, y = spec.full_x, spec.full_y
    return Window(x, y, x + spec.full_width - 1, y + spec.full_height - 1)


def _kept(spec: ImageSpec, shown: Window) -> Props:
    return {
        DATA_WINDOW: _data_window(spec).edges,
        DISPLAY_WINDOW: _display_window(spec).edges,
        PICTURE_WINDOW: shown.edges,
    }


@contextmanager
def _opened(path: Path) -> Iterator[ImageInput]:
    # It takes a while to load, and only these kinds need it.
    import OpenImageIO

    options = OpenImageIO.ImageSpec()
    # Color is not to be multiplied by an alpha that is dropped.
    options.attribute("oiio:UnassociatedAlpha", 1)
    file = OpenImageIO.ImageInput.open(str(path), options)
    if file is None:
        OpenImageIO.geterror()
        kind = path.suffix[1:].upper()
        msg = f"{path} is damaged or not {_article(kind)} {kind} file; copy or render it again"
        raise SourceError(msg)
    try:
        yield file
    finally:
        file.close()


def _damaged(path: Path) -> SourceError:
    return SourceError(f"{path} is damaged or not whole; copy or render it again")


def _article(kind: str) -> str:
    return "an" if kind == "EXR" else "a"


def _layers(file: ImageInput) -> Iterator[Layer]:
    part = 0
    while file.seek_subimage(part, 0):
        spec = file.spec()
        channels: dict[str, dict[str, int]] = {}
        for index, name in enumerate(spec.channelnames):
            prefix, _, short = name.rpartition(".")
            channels.setdefault(prefix, {})[short] = index
        name, view = (spec.get_string_attribute(key) for key in ("name", "view"))
        for prefix, names in channels.items():
            yield Layer(part, name, view, prefix, names)
        part += 1


def _choose(path: Path, layers: list[Layer], name: str | None) -> Layer:
    """Return the layer called `name`, or the one to show if there is no name."""
    if name is not None:
        fitting = [layer for layer in layers if layer.is_named(name) and layer.shown]
    elif sum(len(layer.channels) for layer in layers) == 1:
        return layers[0]
    else:
        plain = [layer for layer in layers if not layer.prefix and layer.shown]
        fitting = sorted(plain, key=lambda layer: len(layer.shown), reverse=True)
    if not fitting:
        raise SourceError(_without(path, layers, name))
    return fitting[0]


def _without(path: Path, layers: list[Layer], name: str | None) -> str:
    held = ", ".join(str(layer) for layer in layers)
    named = [layer.name for layer in layers if layer.name and layer.shown]
    hint = f"choose with --layer: {', '.join(named)}" if named else "render it again with R, G, B"
    if name is not None:
        return (
            f"{path} has no layer {name!r} with R, G, B, or Y, or one channel, but {held}; {hint}"
        )
    return f"{path} has channels {held}; R, G, B, or Y, or one are needed: {hint}"


def _refuse_deep(path: Path, spec: ImageSpec) -> None:
    if spec.deep:
        msg = f"{path} holds deep samples; flatten it first, for example by Nuke's DeepToImage"
        raise SourceError(msg)


def _refuse_size(path: Path, spec: ImageSpec) -> None:
    """Refuse what only a damaged header says, before room is made for it."""
    for width, height in ((spec.width, spec.height), (spec.full_width, spec.full_height)):
        if not 0 < width * height <= PIXELS_MAX:
            msg = (
                f"{path} says that it has {width}x{height} pixels, and up to {PIXELS_MAX} are read; "
                "it is damaged: copy or render it again"
            )
            raise SourceError(msg)


def _pixels(path: Path, file: ImageInput, layer: Layer) -> list[NDArray[Any]]:
    """Return the shown channels, each (height, width) of the data window."""
    import OpenImageIO

    first, last = min(layer.shown), max(layer.shown)
    is_integer = file.spec().format.basetype in (OpenImageIO.UINT8, OpenImageIO.UINT16)
    wanted = OpenImageIO.UNKNOWN if is_integer else OpenImageIO.FLOAT
    pixels = file.read_image(layer.part, 0, first, last + 1, wanted)
    if pixels is None:
        file.geterror()
        raise _damaged(path)
    return [pixels[..., index - first] for index in layer.shown]


def _framed(pixels: NDArray[Any], spec: ImageSpec, shown: Window) -> NDArray[Any]:
    """Return `pixels` of the data window as the window `shown`, black where they aren't."""
    x, y = spec.x - shown.left, spec.y - shown.top
    if (x, y) == (0, 0) and pixels.shape == shown.shape:
        return pixels
    plane = np.zeros(shown.shape, pixels.dtype)
    target = plane[max(y, 0) : max(y + pixels.shape[0], 0), max(x, 0) : max(x + pixels.shape[1], 0)]
    top, left = max(-y, 0), max(-x, 0)
    target[...] = pixels[top : top + target.shape[0], left : left + target.shape[1]]
    return plane


def _picture(path: Path, planes: tuple[NDArray[Any], ...], spec: ImageSpec) -> Picture:
    props: dict[str, int | str | list[int]] = {"_Range": int(vs.RANGE_FULL)}
    if len(planes) == 3:
        props["_Matrix"] = IDENTITY
    transfer = spec.get_string_attribute("dpx:Transfer")
    if path.suffix.lower() == ".exr":
        props |= {"_Transfer": LINEAR, "_Primaries": BT709}
        gamut = _gamut(spec)
        if gamut:
            props[SPACE] = gamut
    elif transfer in DPX_TRANSFERS:
        props |= {"_Transfer": DPX_TRANSFERS[transfer], "_Primaries": BT709}
    aspect = Fraction(spec.get_float_attribute("PixelAspectRatio", 1.0)).limit_denominator(1000)
    if aspect > 0:
        props |= {"_SARNum": aspect.numerator, "_SARDen": aspect.denominator}
    return Picture(planes, props, _warning(path, spec, transfer))


def _warning(path: Path, spec: ImageSpec, transfer: str) -> str | None:
    if transfer in LOG_TRANSFERS:
        return (
            f"{path} holds log film codes ({transfer}), which are taken as display color; "
            "say what they are for a better matte: --input-colorspace adx10, logc3, …"
        )
    said = spec.getattribute("chromaticities")
    if isinstance(said, tuple) and not _are_near(said, REC709) and not _gamut(spec):
        primaries = " ".join(f"{number:.4g}" for number in said)
        return (
            f"{path} says that its primaries are {primaries}, and they are taken as Rec.709; "
            "say what they are: --input-colorspace NAME"
        )
    return None


def _gamut(spec: ImageSpec) -> str:
    """Return the interop id of the linear space that the file says it is of; "" if it says none."""
    said = spec.getattribute("chromaticities")
    if not isinstance(said, tuple):
        return ""
    return next((name for name, known in GAMUTS.items() if _are_near(said, known)), "")


def _are_near(said: tuple[float, ...], known: tuple[float, ...]) -> bool:
    return np.allclose(said, known, rtol=0, atol=SAME_PRIMARIES)
