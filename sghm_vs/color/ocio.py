"""
Color spaces by name, through OpenColorIO: cameras' logs, wide gamuts, a studio's own config.

A space is taken apart into one curve and one matrix where that is what it is, so that no frame has
to go through OpenColorIO on its way to the network.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sghm_vs.color.frame_props import BT709, BT2020, HLG, LINEAR, PQ, SRGB
from sghm_vs.errors import SettingsError, listed

type Array = NDArray[np.float32]
type Config = Any
"""Of PyOpenColorIO, which ships no types."""

CONFIG = "studio-config-v5.0.0_aces-v2.1_ocio-v2.6"
"""OpenColorIO's built-in config, by its version: another one may mean something else by a name."""
LINEAR_REC709 = "lin_rec709_scene"

WORDS: Mapping[str, tuple[int, int]] = {
    "srgb": (SRGB, BT709),
    "rec709": (BT709, BT709),
    "linear": (LINEAR, BT709),
    "pq": (PQ, BT2020),
    "hlg": (HLG, BT2020),
}
"""Spaces that frame props can say: H.273 transfer and primaries."""
INTEROP: Mapping[str, str] = {
    "srgb_rec709_scene": "srgb",
    "srgb_rec709_display": "srgb",
    "ocio:itu709_rec709_scene": "rec709",
    "lin_rec709_scene": "linear",
    "pq_rec2020_display": "pq",
    "hlg_rec2020_display": "hlg",
}
"""Interop ids of the same."""
SHORT: Mapping[str, str] = {
    "logc3": "ARRI LogC3 (EI800)",
    "logc4": "ARRI LogC4",
    "vlog": "V-Log V-Gamut",
    "log3g10": "Log3G10 REDWideGamutRGB",
    "applelog": "Apple Log",
    "davinciintermediate": "DaVinci Intermediate WideGamut",
}
"""Short names of spaces that have one gamut, spelled as `_squeezed` spells."""
FIT_MAX = 2e-4
"""In display code: a twentieth of an eighth-bit step."""
PROBES = 4096
LINEAR_MAX = 1e-4
"""What a constant factor may vary by."""


class Space:
    """A color space of the config that is in force."""

    def __init__(self, name: str) -> None:
        config, found = _find_space(name)
        self.name: str = found.getName()
        """As the config calls it."""
        self.interop_id = str(found.getInteropID() or "")
        self.config = str(config.getName() or "OCIO")
        self._to = _processor(config, self.name, is_inverse=False)
        self._from = _processor(config, self.name, is_inverse=True)
        self.is_linear = self._is_linear()
        """Whether its codes are linear light; asked of the codes, since few configs say it."""

    def to_linear(self, codes: Array) -> Array:
        """Return scene-linear light, Rec.709 primaries, of `codes`; both (height, width, 3)."""
        return _applied(self._to, codes)

    def from_linear(self, light: Array) -> Array:
        """Return what `to_linear` inverts."""
        return _applied(self._from, light)

    def curve(self, bits: int) -> list[float]:
        """Return linear light, in the space's own primaries, of every code of `bits`."""
        codes = np.linspace(0, 1, 2**bits, dtype=np.float32)
        return [float(light) for light in self._of_gray(codes)[:, 1]]

    def matrix(self) -> NDArray[np.float64] | None:
        """
        Return what brings linear light in the space's own primaries to Rec.709, (3, 3).

        For a space of linear light that is what brings its codes there. None is for a space that
        is not a curve, the same for each channel, and a matrix.
        """
        low, high = np.float32(0.3), np.float32(0.6)
        light = self._of_gray(np.array([low, high]))
        ends = np.where(np.eye(3, dtype=bool), high, low).astype(np.float32)
        columns = (self.to_linear(ends[None])[0] - light[0]) / (light[1] - light[0])[1]
        matrix = columns.T.astype(np.float64)
        if not self._is(matrix):
            return None
        return np.asarray(matrix * self.curve(1)[1]) if self.is_linear else matrix

    def _is_linear(self) -> bool:
        codes = np.array([-1, 0.125, 0.5, 1, 4], np.float32)
        light = self._of_gray(codes)[:, 1] / codes
        return bool(np.ptp(light) <= LINEAR_MAX * abs(light[2]))

    def _is(self, matrix: NDArray[np.float64]) -> bool:
        """Tell whether gray's curve and `matrix` say the light of any color."""
        probes = np.random.default_rng(0).random((PROBES, 3), np.float32)
        curved = self._of_gray(probes.reshape(-1))[:, 1].reshape(-1, 3)
        said, true = curved @ matrix.T, self.to_linear(probes[None])[0]
        return bool(np.abs(_display(said) - _display(true)).max() <= FIT_MAX)

    def _of_gray(self, codes: Array) -> Array:
        grays = np.repeat(np.asarray(codes, np.float32)[:, None], 3, axis=1)
        return np.asarray(self.to_linear(grays[None])[0])


def space(name: str) -> Space:
    """
    Return the space called `name`, loaded once.

    Raises:
        SettingsError: As `canonical` says.
    """
    return _space(name, _config_path())


def matrix(name: str) -> NDArray[np.float64] | None:
    """Return `space(name).matrix()`, found once."""
    return _matrix(name, _config_path())


def canonical(name: str) -> str:
    """
    Return one of `WORDS`, or the name that the config has for the space `name`.

    Args:
        name: A word, a short name, or a name, alias, role or interop id of the config; upper and
            lower case, blanks and punctuation don't matter where that is unambiguous.

    Raises:
        SettingsError: There is no such space, or the config that `OCIO` names can't be read.
    """
    if _squeezed(name) in WORDS and not os.environ.get("OCIO"):
        return _squeezed(name)
    try:
        found = space(name)
    except SettingsError:
        if _squeezed(name) in WORDS:
            return _squeezed(name)
        raise
    return INTEROP.get(found.interop_id, found.name)


@cache
def _space(name: str, _: str) -> Space:
    return Space(name)


@cache
def _matrix(name: str, path: str) -> NDArray[np.float64] | None:
    return _space(name, path).matrix()


def _find_space(name: str) -> tuple[Config, Any]:
    """Return the space that `name` means, from the config that is in force, or else the built-in."""
    config, ours = _read_config(_config_path()), _read_config(f"ocio://{CONFIG}")
    for one in (config, ours):
        found = _space_in(one, name)
        if found is not None:
            return one, found
    raise SettingsError(_unknown_space(name, config))


def _space_in(config: Config, name: str) -> Any:
    found = config.getColorSpace(name)
    if found is not None:
        return found
    wanted = {_squeezed(name), _squeezed(SHORT.get(_squeezed(name), name))}
    for known in config.getColorSpaces():
        names = (known.getName(), known.getInteropID() or "", *known.getAliases())
        if wanted & {_squeezed(other) for other in names}:
            return known
    return None


def _unknown_space(name: str, config: Config) -> str:
    part = _squeezed(name)
    known = [space.getName() for space in config.getColorSpaces()]
    near = [other for other in known if part and part in _squeezed(other)]
    if not near:
        # By whatever a space may be called: the short names are what people mistype.
        called = {_squeezed(word): word for word in (*known, *WORDS, *SHORT)}
        close = difflib.get_close_matches(part, called, n=4, cutoff=0.6)
        near = [called[word] for word in close]
    hint = f"did you mean {listed(near)}?" if near else f"it has {listed(known, len(known))}"
    return f"there is no color space {name!r} in the config {config.getName() or '$OCIO'}; {hint}"


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _config_path() -> str:
    """Return the path of the config that `OCIO` names, else of the built-in one."""
    return os.environ.get("OCIO") or f"ocio://{CONFIG}"


@cache
def _read_config(path: str) -> Config:
    # Only who names a space needs it.
    import PyOpenColorIO

    try:
        return PyOpenColorIO.Config.CreateFromFile(path)
    except (PyOpenColorIO.Exception, PyOpenColorIO.ExceptionMissingFile) as error:
        words = str(error).strip().splitlines()[0]
        msg = (
            f"the config {path}, which OCIO names, can't be read: {words}; correct OCIO or unset it"
        )
        raise SettingsError(msg) from error


def _processor(config: Config, name: str, *, is_inverse: bool) -> Any:
    """Return what converts `name` to linear Rec.709, or back, to the last bit."""
    import PyOpenColorIO

    ours = _read_config(f"ocio://{CONFIG}")
    try:
        if config.getColorSpace(LINEAR_REC709) is not None:
            ends = (LINEAR_REC709, name) if is_inverse else (name, LINEAR_REC709)
            made = config.getProcessor(*ends)
        elif is_inverse:
            made = config.GetProcessorFromConfigs(ours, LINEAR_REC709, config, name)
        else:
            made = config.GetProcessorFromConfigs(config, name, ours, LINEAR_REC709)
        return made.getOptimizedCPUProcessor(PyOpenColorIO.OPTIMIZATION_LOSSLESS)
    except (PyOpenColorIO.Exception, PyOpenColorIO.ExceptionMissingFile) as error:
        words = str(error).strip().splitlines()[0]
        msg = f"the config can't convert {name!r} to linear Rec.709: {words}"
        raise SettingsError(msg) from error


def _applied(processor: Any, values: Array) -> Array:
    made = np.array(values, np.float32, order="C")
    processor.applyRGB(made)
    return made


def _display(light: NDArray[Any]) -> NDArray[Any]:
    """Return `light` as sRGB codes, up to 4: what is far above white looks all the same."""
    bounded: NDArray[Any] = np.clip(light, 0, 4)
    return np.where(bounded <= 0.0031308, 12.92 * bounded, 1.055 * bounded ** (1 / 2.4) - 0.055)
