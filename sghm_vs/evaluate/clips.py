"""Scores a clip frame by frame, holding no more than one frame's error."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import vapoursynth as vs

from sghm_vs.color.convert import read_color, to_display_rgb
from sghm_vs.errors import SettingsError, counted
from sghm_vs.evaluate.metrics import Flicker, Matte, score_frame
from sghm_vs.evaluate.motion import MotionError, WarpError
from sghm_vs.matting.optical_flow import luma
from sghm_vs.progress import Progress


def score_clip(
    pred: vs.VideoNode,
    truth: vs.VideoNode,
    progress: Progress | None = None,
    plate: vs.VideoNode | None = None,
) -> dict[str, float]:
    """
    Return the scores of a matte, each the mean over its frames.

    Args:
        pred: The matte: gray of any depth, or the first plane of RGB (red) or YUV (luma).
        truth: The true matte; same size and length, of any such format.
        progress: Called after each frame with the frames done and all of them.
        plate: The footage, whose motion says where each pixel should be found again; of the
            matte's size and length.

    Returns:
        "mad", "mse", "sad", "grad", "conn", "iou", "band" as in `Scores`, and for more than one
        frame "dtssd" and "messddt"; with a plate also "warp".

    Raises:
        SettingsError: The two differ in size or length, or change format.
    """
    _check_pair(pred, truth)
    flicker, motion = Flicker(), MotionError()
    sums: dict[str, float] = {}
    for done, (alpha, true_alpha) in enumerate(_frames(pred, truth), start=1):
        for name, score in asdict(score_frame(alpha, true_alpha)).items():
            sums[name] = sums.get(name, 0.0) + score
        flicker.add(alpha, true_alpha)
        motion.add(alpha, true_alpha)
        if progress is not None:
            progress(done, pred.num_frames)
    means = {name: total / pred.num_frames for name, total in sums.items()}
    if pred.num_frames == 1:
        return means
    warp = {} if plate is None else {"warp": warp_error(pred, plate)}
    return means | {"dtssd": flicker.dtssd, "messddt": motion.messddt} | warp


def warp_error(pred: vs.VideoNode, plate: vs.VideoNode) -> float:
    """
    Return how a matte changes along the motion of its plate, x1e3; see `WarpError`.

    Args:
        pred: The matte, as for `score_clip`.
        plate: The footage that it is of, the same size and length, in color.

    Raises:
        SettingsError: The two differ in size or length, or change format.
    """
    _check_pair(pred, plate, "plate")
    error = WarpError()
    rgb = to_display_rgb(read_color(plate))
    pairs = zip(pred.frames(close=True), rgb.frames(close=True), strict=True)
    for frame, picture in pairs:
        error.add(_alpha(frame), luma(*map(np.asarray, picture)))
    return error.warp


def _check_pair(pred: vs.VideoNode, other: vs.VideoNode, is_the: str = "truth") -> None:
    for clip, name in ((pred, "matte"), (other, is_the)):
        if clip.format.color_family == vs.UNDEFINED or 0 in (clip.width, clip.height):
            msg = f"the {name} changes its format or size between frames; give a constant one"
            raise SettingsError(msg)
    if _extent(pred) != _extent(other):
        msg = (
            f"the matte is {_extent(pred)}, the {is_the} is {_extent(other)}; "
            "they need the same size and length"
        )
        raise SettingsError(msg)


def _extent(clip: vs.VideoNode) -> str:
    return f"{clip.width}x{clip.height} of {counted(clip.num_frames, 'frame')}"


def _frames(pred: vs.VideoNode, truth: vs.VideoNode) -> Iterator[tuple[Matte, Matte]]:
    pairs = zip(pred.frames(close=True), truth.frames(close=True), strict=True)
    for frame, true_frame in pairs:
        yield _alpha(frame), _alpha(true_frame)


def _alpha(frame: vs.VideoFrame) -> Matte:
    """Return the frame's first plane, (h, w), scaled to 0-1; untagged gray is full range."""
    codes = np.asarray(frame[0], np.float64)
    if frame.format.sample_type == vs.FLOAT:
        return codes
    bits: int = frame.format.bits_per_sample
    default = vs.RANGE_LIMITED if frame.format.color_family == vs.YUV else vs.RANGE_FULL
    if frame.props.get("_Range", default) == vs.RANGE_FULL:
        return codes / ((1 << bits) - 1)
    # ITU-R BT.709: black is 16 and white is 235 in 8 bits.
    scale = 1 << (bits - 8)
    return (codes - 16 * scale) / (219 * scale)
