"""A shot on a page: looked at, corrected and saved; see docs/review.md."""

from sghm_vs.shots.review.session import Session

__all__ = ["Session"]
