"""The light that a green or blue screen throws onto what stands before it, taken away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

type Picture = NDArray[np.float32]
"""Linear light, (height, width, 3)."""
type Plane = NDArray[np.float32]

SURPLUS = 0.3
"""Of a screen's channel: by so much it exceeds the mean of the others, at least."""
SHOWN = 0.005
"""Of the picture; of a screen that shows in less the color is not known."""
USUAL = 0.35
"""The light of a screen whose color is not known, in its channel alone."""
SPILLS, IS_OWN = 0.1, 0.3
"""Parts of a screen's surplus: up to the first it is its light, from the second on one's own color."""


def surplus(light: NDArray[np.float32], channel: int) -> NDArray[np.float32]:
    """Return by how much `channel` of `light`, (..., 3), exceeds the mean of the others."""
    first, second = (other for other in range(3) if other != channel)
    return np.asarray(
        light[..., channel] - (light[..., first] + light[..., second]) / 2, np.float32
    )


def screen_light(
    picture: Picture, alpha: Plane, channels: tuple[int, ...]
) -> tuple[int, NDArray[np.float32]]:
    """
    Return the channel of the screen behind the subject, and its color, (3,).

    Args:
        picture: As a camera sees it.
        alpha: Of the subject, (height, width), 0-1.
        channels: Which of red, green and blue it may be: the one that it is in more of the picture.
    """
    behind = picture[alpha == 0]
    shown = {
        channel: behind[surplus(behind, channel) > SURPLUS * np.maximum(behind[:, channel], 0)]
        for channel in channels
    }
    channel, screen = max(shown.items(), key=lambda item: len(item[1]))
    if len(screen) <= SHOWN * alpha.size:
        return channel, np.array([USUAL * (at == channel) for at in range(3)], np.float32)
    return channel, np.median(screen, axis=0).astype(np.float32)


def despill(color: Picture, screen: NDArray[np.float32], channel: int, strength: float) -> Picture:
    """
    Return `color` without the light of a screen on it; what has none stays to the last bit.

    What the screen's channel exceeds the mean of the others by is the screen's light, and as much of
    the screen's whole color is taken away: a gray thing is gray as it was, exactly. What exceeds it
    by more than any such light does is the subject's own color, and stays.

    Args:
        color: Of the subject alone.
        screen: Its color, (3,), in the same light.
        channel: Which of red, green and blue it is made of.
        strength: How much of that light is taken away, 0-1.
    """
    full = surplus(screen, channel)
    part = surplus(color, channel) / full
    taken = np.clip(part, 0, None) * np.clip((IS_OWN - part) / (IS_OWN - SPILLS), 0, 1)
    left = color - strength * taken[..., None] * screen
    return np.asarray(np.maximum(left, np.minimum(color, 0)), np.float32)
