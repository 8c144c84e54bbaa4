"""
VideoMatte240K's test clips over moving and still backgrounds, in 512x288 (PNG) and 1920x1080 (JPEG).

Source:
    Lin et al., WACV 2022: github.com/PeterL1n/RobustVideoMatting, documentation/training.md has the
    address of videomatte_512x288.tar and videomatte_1920x1080.tar, evaluation/evaluate_lr.py the layout.
"""

from __future__ import annotations

from sghm_vs.evaluate.sets.base import Row
from sghm_vs.evaluate.sets.clips import MATANYONE, RVM_LOW, clip_set

NOTES = "MatAnyone 2, arXiv 2512.11782, as notes on it quote it"

SMALL = (
    Row(
        "DeepLabV3",
        {"mad": 14.47, "mse": 9.67, "grad": 8.55, "conn": 1.69, "dtssd": 5.18},
        RVM_LOW,
    ),
    Row("FBA", {"mad": 8.36, "mse": 3.37, "grad": 2.09, "conn": 0.75, "dtssd": 2.09}, RVM_LOW),
    Row("BGMv2", {"mad": 25.19, "mse": 19.63, "grad": 2.28, "conn": 3.26, "dtssd": 2.74}, RVM_LOW),
    Row("MODNet", {"mad": 9.41, "mse": 4.30, "grad": 1.89, "conn": 0.81, "dtssd": 2.23}, MATANYONE),
    Row("RVM", {"mad": 6.08, "mse": 1.47, "grad": 0.88, "conn": 0.41, "dtssd": 1.36}, MATANYONE),
    Row(
        "RVM-Large",
        {"mad": 5.32, "mse": 0.62, "grad": 0.59, "conn": 0.30, "dtssd": 1.24},
        MATANYONE,
    ),
    Row("AdaM", {"mad": 5.30, "mse": 0.78, "grad": 0.72, "conn": 0.30, "dtssd": 1.33}, MATANYONE),
    Row("FTP-VM", {"mad": 6.13, "mse": 1.31, "grad": 1.14, "conn": 0.41, "dtssd": 1.60}, MATANYONE),
    Row("MaGGIe", {"mad": 5.49, "mse": 0.60, "grad": 0.57, "conn": 0.31, "dtssd": 1.39}, MATANYONE),
    Row(
        "MatAnyone",
        {"mad": 5.15, "mse": 0.93, "grad": 0.67, "conn": 0.26, "dtssd": 1.18},
        MATANYONE,
    ),
    Row(
        "MatAnyone 2",
        {"mad": 4.73, "mse": 0.55, "grad": 0.51, "conn": 0.19, "dtssd": 1.12},
        "SAM2Matting, arXiv 2606.27339, as notes on it quote it",
        is_second_hand=True,
    ),
)
LARGE = (
    Row("MODNet", {"mad": 11.13, "mse": 5.54, "grad": 15.30, "dtssd": 3.08}, MATANYONE),
    Row("RVM", {"mad": 6.57, "mse": 1.93, "grad": 10.55, "dtssd": 1.90}, MATANYONE),
    Row("RVM-Large", {"mad": 5.81, "mse": 0.97, "grad": 9.65, "dtssd": 1.78}, MATANYONE),
    Row("AdaM", {"mad": 4.42, "mse": 0.39, "grad": 5.12, "dtssd": 1.39}, MATANYONE),
    Row("FTP-VM", {"mad": 8.00, "mse": 3.24, "grad": 23.75, "dtssd": 2.37}, MATANYONE),
    Row("MaGGIe", {"mad": 4.42, "mse": 0.40, "grad": 4.03, "dtssd": 1.31}, MATANYONE),
    Row("MatAnyone", {"mad": 4.24, "mse": 0.33, "grad": 4.00, "dtssd": 1.19}, MATANYONE),
    Row("GVM", {"mad": 6.33, "mse": 2.08, "grad": 8.04, "dtssd": 1.59}, NOTES, is_second_hand=True),
    Row(
        "MatAnyone 2",
        {"mad": 4.10, "mse": 0.28, "grad": 3.45, "dtssd": 1.15},
        NOTES,
        is_second_hand=True,
    ),
)

SET = clip_set(
    "VideoMatte240K's test set",
    "videomatte_512x288 and videomatte_1920x1080 with KIND/CLIP in each, com and pha in each clip",
    frames="com",
    small=SMALL,
    large=LARGE,
)
