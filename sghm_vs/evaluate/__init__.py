"""Scores mattes against the truth: pictures, clips, and folders of pictures."""

from sghm_vs.evaluate.clips import score_clip, warp_error
from sghm_vs.evaluate.metrics import Scores, dtssd, score_frame
from sghm_vs.evaluate.pairs import pair_folders

__all__ = ["Scores", "dtssd", "pair_folders", "score_clip", "score_frame", "warp_error"]
