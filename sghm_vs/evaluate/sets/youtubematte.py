"""
YouTubeMatte: people of YouTube over moving and still backgrounds, harmonized, in 512x288 and 1920x1080.

Source:
    Yang et al., "MatAnyone", CVPR 2025: github.com/pq-yang/MatAnyone, README has the set's address,
    evaluation/eval_yt_lr.py and eval_yt_hr.py the layout, infer_batch_lr.sh what is matted (`har`).
"""

from __future__ import annotations

from sghm_vs.evaluate.sets.base import Row
from sghm_vs.evaluate.sets.clips import MATANYONE, clip_set

SMALL = (
    Row(
        "MODNet", {"mad": 19.37, "mse": 16.21, "grad": 2.05, "conn": 2.68, "dtssd": 2.79}, MATANYONE
    ),
    Row("RVM", {"mad": 4.08, "mse": 1.97, "grad": 1.34, "conn": 0.60, "dtssd": 1.81}, MATANYONE),
    Row(
        "RVM-Large",
        {"mad": 3.36, "mse": 1.04, "grad": 1.03, "conn": 0.50, "dtssd": 1.62},
        MATANYONE,
    ),
    Row("FTP-VM", {"mad": 3.08, "mse": 1.29, "grad": 1.16, "conn": 0.41, "dtssd": 1.83}, MATANYONE),
    Row("MaGGIe", {"mad": 3.54, "mse": 1.23, "grad": 1.10, "conn": 0.49, "dtssd": 1.88}, MATANYONE),
    Row(
        "MatAnyone",
        {"mad": 2.72, "mse": 1.01, "grad": 0.97, "conn": 0.39, "dtssd": 1.60},
        MATANYONE,
    ),
)
LARGE = (
    Row("MODNet", {"mad": 15.29, "mse": 12.68, "grad": 8.42, "dtssd": 2.74}, MATANYONE),
    Row("RVM", {"mad": 4.37, "mse": 2.25, "grad": 15.1, "dtssd": 2.28}, MATANYONE),
    Row("RVM-Large", {"mad": 3.58, "mse": 1.23, "grad": 12.97, "dtssd": 2.04}, MATANYONE),
    Row("FTP-VM", {"mad": 6.49, "mse": 4.58, "grad": 29.78, "dtssd": 2.41}, MATANYONE),
    Row("MaGGIe", {"mad": 2.37, "mse": 0.98, "grad": 7.69, "dtssd": 1.77}, MATANYONE),
    Row("MatAnyone", {"mad": 1.99, "mse": 0.71, "grad": 8.91, "dtssd": 1.65}, MATANYONE),
    Row(
        "MatAnyone 2",
        {"mad": 1.61, "mse": 0.50, "grad": 7.13, "dtssd": 1.53},
        "arXiv 2512.11782, as notes on it quote it",
        is_second_hand=True,
    ),
)

SET = clip_set(
    "YouTubeMatte",
    "youtubematte_512x288 and youtubematte_1920x1080 with KIND/CLIP in each, har and pha in each clip",
    frames="har",
    small=SMALL,
    large=LARGE,
)
