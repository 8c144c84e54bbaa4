"""
People of the Adobe Image Matting test set as clips: each moved a little over backgrounds, 100 frames.

Adobe gives the pictures on request. The clips that Robust Video Matting reports were not published, but
the script that makes them was, and the names of the eleven pictures. It shuffles files in the order that
the disk lists them: two makers have not quite the same clips.

Source:
    Lin et al., WACV 2022: github.com/PeterL1n/RobustVideoMatting,
    evaluation/generate_imagematte_with_background_image.py, documentation/misc/aim_test.txt.
"""

from __future__ import annotations

from sghm_vs.evaluate.sets.base import Row
from sghm_vs.evaluate.sets.clips import RVM_HIGH, RVM_LOW, clip_set

SMALL = (
    Row(
        "DeepLabV3",
        {"mad": 29.64, "mse": 23.78, "grad": 20.17, "conn": 7.71, "dtssd": 4.32},
        RVM_LOW,
    ),
    Row("FBA", {"mad": 23.45, "mse": 17.66, "grad": 9.05, "conn": 6.05, "dtssd": 2.29}, RVM_LOW),
    Row("BGMv2", {"mad": 44.61, "mse": 39.08, "grad": 5.54, "conn": 11.60, "dtssd": 2.69}, RVM_LOW),
    Row("MODNet", {"mad": 21.66, "mse": 14.27, "grad": 5.37, "conn": 5.23, "dtssd": 1.76}, RVM_LOW),
    Row("RVM", {"mad": 14.84, "mse": 8.93, "grad": 4.35, "conn": 3.83, "dtssd": 1.01}, RVM_LOW),
)
LARGE = (
    Row("MODNet + FGF", {"mad": 17.29, "mse": 10.10, "grad": 35.52, "dtssd": 2.60}, RVM_HIGH),
    Row("RVM", {"mad": 14.89, "mse": 9.01, "grad": 34.97, "dtssd": 1.71}, RVM_HIGH),
)

SET = clip_set(
    "AIM's people over backgrounds",
    "PART/KIND/CLIP with com and pha in each clip, as Robust Video Matting's script makes it",
    frames="com",
    small=SMALL,
    large=LARGE,
)
