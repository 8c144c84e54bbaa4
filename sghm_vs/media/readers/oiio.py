"""
EXR, DPX, Targa, TIFF and JPEG XL, by OpenImageIO; and the alpha of some that OpenCV shows.

The OpenEXR package, which writes our EXR files, prints to stdout when it reads a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import vapoursynth as vs
from numpy.typing import NDArray

from sghm_vs.color.frame_props import BT709, IDENTITY, LINEAR, SPACE
from sghm_vs.errors import SourceError, if_there
from sghm_vs.media.metadata import DATA_WINDOW, DISPLAY_WINDOW, PICTURE_WINDOW
from sghm_vs.media.readers.layers import (
    PHOTOMETRIC,
    WHITE_IS_ZERO,
    Layer,
    another_hint,
    choose,
    layers_of,
)
from sghm_vs.media.readers.picture import Picture, PixelBox, ReadOptions

if TYPE_CHECKING:
    from OpenImageIO import ImageInput, ImageSpec

TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
OIIO_SUFFIXES = frozenset({".dpx", ".exr", ".jxl", ".tga", *TIFF_SUFFIXES})
"""File endings, in lower case, that are read here."""
PALETTE = 3
LAB_KINDS = (8, 9, 10)
"""CIELAB, ICCLAB and ITULAB, as a TIFF file says (TIFF 6.0, tag 262)."""
NARROW = frozenset({"uint8", "uint16"})
WIDE = frozenset({"half", "float"})
"""What becomes float32."""
NUMPY_NAMES = {"double": "float64", "uint": "uint32", "int": "int32"}

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
MATTE = "SghmMatte"
"""Frame prop: which channel of an EXR file is shown as the matte that it is."""
SAID = "--input-colorspace"
LOG_TRANSFERS = frozenset({"Logarithmic", "Printing density"})


def read_with_oiio(path: Path, wanted: ReadOptions) -> Picture:
    """
    Return the picture at `path`, upright, its color as it is stored, not multiplied by its alpha.

    Args:
        path: An EXR, DPX, Targa, TIFF or JPEG XL file; of several pictures it is the first.
        wanted: Its layer is R, G, B of the first part of an EXR file that has them, else Y, else
            the only channel of the file; of a matte see `choose`. Where a window is shown, gaps
            are black; overscan is cut.

    Raises:
        SourceError: The file is missing or damaged, has no such layer, pixels beyond the window, or
            numbers that are no color.
    """
    with _chosen(path, wanted) as (file, chosen, spec):
        _refuse_numbers(path, chosen, spec, with_alpha=wanted.with_alpha)
        box = wanted.window or _display_window(spec)
        _refuse_beyond(path, spec, wanted, box)
        planes, alpha = _pixels(path, file, chosen, with_alpha=wanted.with_alpha)
    if spec.get_int_attribute(PHOTOMETRIC, -1) == WHITE_IS_ZERO:
        planes, alpha = _black_is_zero(planes, alpha)

    def shown(plane: NDArray[Any]) -> NDArray[Any]:
        return _upright(_framed(plane, spec, box), spec)

    props = _props(path, spec, len(planes)) | ({} if wanted.window is None else _kept(spec, box))
    if wanted.with_alpha and chosen.matte:
        props[MATTE] = chosen.matte
    return Picture(
        tuple(map(shown, planes)),
        props,
        _warning(path, spec),
        None if alpha is None else shown(alpha),
    )


def has_palette(path: Path) -> bool:
    """Tell whether the TIFF file at `path` has its colors in a table."""
    with _opened(path) as file:
        return bool(file.spec().get_int_attribute(PHOTOMETRIC, -1) == PALETTE)


def alpha_of(path: Path) -> NDArray[Any] | None:
    """Return the alpha of the picture at `path`, (height, width), upright; None if it has none."""
    with _opened(path) as file:
        spec = file.spec()
        if spec.alpha_channel < 0:
            return None
        pixels = file.read_image(0, 0, spec.alpha_channel, spec.alpha_channel + 1, spec.format)
    if pixels is None:
        raise _damaged(path)
    return _upright(pixels[..., 0], spec)


def whole_window(path: Path, layer: str | None = None) -> PixelBox:
    """
    Return the window that holds all of the picture at `path`: what is displayed, and overscan.

    Raises:
        SourceError: The file is missing or damaged, or has no such layer.
    """
    with _chosen(path, ReadOptions(layer)) as (_, _, spec):
        return _data_window(spec) | _display_window(spec)


@contextmanager
def _chosen(path: Path, wanted: ReadOptions) -> Iterator[tuple[ImageInput, Layer, ImageSpec]]:
    """Open the file at `path` where the layer is that is wanted."""
    try:
        with _opened(path) as file:
            layers = list(layers_of(file))
            if path.suffix.lower() != ".exr":
                layers = [layer for layer in layers if layer.part == 0]
            chosen = choose(path, layers, wanted)
            file.seek_subimage(chosen.part, 0)
            spec = file.spec()
            _refuse_deep(path, spec)
            _refuse_size(path, spec)
            yield file, chosen, spec
    except UnicodeDecodeError:
        # Of a name in the file, or of the library's own words about it.
        raise _damaged(path) from None


def _data_window(spec: ImageSpec) -> PixelBox:
    return PixelBox(spec.x, spec.y, spec.x + spec.width - 1, spec.y + spec.height - 1)


def _display_window(spec: ImageSpec) -> PixelBox:
    x, y = spec.full_x, spec.full_y
    return PixelBox(x, y, x + spec.full_width - 1, y + spec.full_height - 1)


def _kept(spec: ImageSpec, shown: PixelBox) -> dict[str, list[int]]:
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


def _refuse_numbers(path: Path, layer: Layer, spec: ImageSpec, *, with_alpha: bool) -> None:
    """Refuse channels whose numbers mean no color: those of IDs, of depth, of data."""
    indices = _indices(layer, with_alpha=with_alpha)
    kinds = {str(spec.channelformat(index)) for index in indices}
    odd = sorted(kinds - NARROW - WIDE)
    if odd:
        kind = NUMPY_NAMES.get(odd[0], odd[0])
        other = another_hint(with_alpha=with_alpha) if path.suffix.lower() == ".exr" else ""
        msg = (
            f"{path} has {kind} pixels in {layer}; 8-bit, 16-bit, half and 32-bit float pictures "
            f"are read: write it as one of these{other}"
        )
        raise SourceError(msg)
    said = spec.get_int_attribute(PHOTOMETRIC, -1)
    if said in LAB_KINDS:
        msg = f"{path} is in CIELAB color, which isn't read; save it as RGB"
        raise SourceError(msg)


def _refuse_beyond(path: Path, spec: ImageSpec, wanted: ReadOptions, box: PixelBox) -> None:
    """Refuse pixels that would be cut, and a picture of which nothing would be seen."""
    data = _data_window(spec)
    if wanted.window is not None and wanted.window | data != wanted.window:
        msg = (
            f"{path} has pixels at {data}, beyond those of the first frame, {wanted.window}; "
            "leave --keep-windows out"
        )
        raise SourceError(msg)
    # Of a matte, nothing is what is seen where nobody is.
    if not data.meets(box) and not wanted.with_alpha:
        overscan = if_there("--keep-windows", "matte them too with --keep-windows, or ")
        msg = (
            f"{path} has pixels only at {data}, outside of what it displays, {box}: none "
            f"would be seen; {overscan}render it again"
        )
        raise SourceError(msg)


def _indices(layer: Layer, *, with_alpha: bool) -> list[int]:
    """Return the channels of `layer` that are read."""
    alpha = layer.alpha if with_alpha else None
    return [*layer.shown, *([] if alpha is None else [alpha])]


def _pixels(
    path: Path, file: ImageInput, layer: Layer, *, with_alpha: bool
) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    """Return the shown channels, each (height, width) of the data window, and the alpha or None."""
    import OpenImageIO

    alpha = layer.alpha if with_alpha else None
    indices = _indices(layer, with_alpha=with_alpha)
    first, last = min(indices), max(indices)
    kinds = {str(file.spec().channelformat(index)) for index in indices}
    asked = OpenImageIO.UNKNOWN if kinds <= NARROW else OpenImageIO.FLOAT
    pixels = file.read_image(layer.part, 0, first, last + 1, asked)
    if pixels is None:
        file.geterror()
        raise _damaged(path)
    planes = [pixels[..., index - first] for index in layer.shown]
    return planes, None if alpha is None else pixels[..., alpha - first]


def _black_is_zero(
    planes: list[NDArray[Any]], alpha: NDArray[Any] | None
) -> tuple[list[NDArray[Any]], NDArray[Any] | None]:
    """Return channels of a file whose 0 is white; of 8 bits OpenImageIO has turned them all."""
    if planes[0].dtype == np.uint8:
        return planes, None if alpha is None else _turned(alpha)
    return [_turned(plane) for plane in planes], alpha


def _turned(codes: NDArray[Any]) -> NDArray[Any]:
    """Return `codes` with black and white swapped."""
    white = np.iinfo(codes.dtype).max if codes.dtype.kind == "u" else 1
    return (white - codes).astype(codes.dtype)


def _upright(pixels: NDArray[Any], spec: ImageSpec) -> NDArray[Any]:
    """Return `pixels` turned as the file says (TIFF 6.0, tag 274: 1 to 8)."""
    said = spec.get_int_attribute("Orientation", 1)
    if said > 4:
        pixels = pixels.T
    if said in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if said in (2, 3, 6, 7) else pixels


def _framed(pixels: NDArray[Any], spec: ImageSpec, shown: PixelBox) -> NDArray[Any]:
    """Return `pixels` of the data window as the window `shown`, black where they aren't."""
    x, y = spec.x - shown.left, spec.y - shown.top
    if (x, y) == (0, 0) and pixels.shape == shown.shape:
        return pixels
    plane = np.zeros(shown.shape, pixels.dtype)
    target = plane[max(y, 0) : max(y + pixels.shape[0], 0), max(x, 0) : max(x + pixels.shape[1], 0)]
    top, left = max(-y, 0), max(-x, 0)
    target[...] = pixels[top : top + target.shape[0], left : left + target.shape[1]]
    return plane


def _props(path: Path, spec: ImageSpec, planes: int) -> dict[str, int | str | list[int]]:
    props: dict[str, int | str | list[int]] = {"_Range": int(vs.RANGE_FULL)}
    if planes == 3:
        props["_Matrix"] = IDENTITY
    transfer = spec.get_string_attribute("dpx:Transfer")
    if path.suffix.lower() == ".exr":
        props |= {"_Transfer": LINEAR, "_Primaries": BT709}
        gamut = _gamut(spec)
        if gamut:
            props[SPACE] = gamut
    elif transfer in DPX_TRANSFERS:
        props |= {"_Transfer": DPX_TRANSFERS[transfer], "_Primaries": BT709}
    cicp = spec.getattribute("CICP")
    if isinstance(cicp, tuple):
        props |= {"_Primaries": cicp[0], "_Transfer": cicp[1]}
    aspect = Fraction(spec.get_float_attribute("PixelAspectRatio", 1.0)).limit_denominator(1000)
    if aspect > 0:
        props |= {"_SARNum": aspect.numerator, "_SARDen": aspect.denominator}
    return props


def _warning(path: Path, spec: ImageSpec) -> str | None:
    transfer = spec.get_string_attribute("dpx:Transfer")
    if transfer in LOG_TRANSFERS:
        return (
            f"{path} holds log film codes ({transfer}), which are taken as display color"
            + if_there(
                SAID,
                f"; say what they are for a better matte: {SAID} adx10, logc3, …",
            )
        )
    said = spec.getattribute("chromaticities")
    if isinstance(said, tuple) and not _are_near(said, REC709) and not _gamut(spec):
        primaries = " ".join(f"{number:.4g}" for number in said)
        return (
            f"{path} says that its primaries are {primaries}, and they are taken as Rec.709"
            + if_there(SAID, f"; say what they are: {SAID} NAME")
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
