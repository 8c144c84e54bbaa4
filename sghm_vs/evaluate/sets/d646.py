"""
People of the Distinctions-646 test set as clips: each moved a little over backgrounds, 100 frames.

As of `aim`, Robust Video Matting's script makes the clips; their authors give the pictures.

Source:
    Qiao et al., "Attention-Guided Hierarchical Structure Aggregation for Image Matting", CVPR 2020;
    Lin et al., WACV 2022: github.com/PeterL1n/RobustVideoMatting,
    evaluation/generate_imagematte_with_background_image.py, documentation/misc/d646_test.txt.
"""

from __future__ import annotations

from sghm_vs.evaluate.sets.base import Row
from sghm_vs.evaluate.sets.clips import RVM_HIGH, RVM_LOW, clip_set

SMALL = (
    Row(
        "DeepLabV3",
        {"mad": 24.50, "mse": 20.1, "grad": 20.30, "conn": 6.41, "dtssd": 4.51},
        RVM_LOW,
    ),
    Row("FBA", {"mad": 17.98, "mse": 13.40, "grad": 7.74, "conn": 4.65, "dtssd": 2.36}, RVM_LOW),
    Row("BGMv2", {"mad": 43.62, "mse": 38.84, "grad": 5.41, "conn": 11.32, "dtssd": 3.08}, RVM_LOW),
    Row("MODNet", {"mad": 10.62, "mse": 5.71, "grad": 3.35, "conn": 2.45, "dtssd": 1.57}, RVM_LOW),
    Row("RVM", {"mad": 7.28, "mse": 3.01, "grad": 2.81, "conn": 1.83, "dtssd": 1.01}, RVM_LOW),
)
LARGE = (
    Row("MODNet + FGF", {"mad": 11.27, "mse": 6.13, "grad": 30.78, "dtssd": 2.19}, RVM_HIGH),
    Row("RVM", {"mad": 8.67, "mse": 4.28, "grad": 30.06, "dtssd": 1.64}, RVM_HIGH),
)

SET = clip_set(
    "Distinctions-646's people over backgrounds",
    "PART/KIND/CLIP with com and pha in each clip, as Robust Video Matting's script makes it",
    frames="com",
    small=SMALL,
    large=LARGE,
)
