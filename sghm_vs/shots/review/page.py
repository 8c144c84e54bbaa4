"""The page of a review, in one answer: style and scripts are inside."""

from __future__ import annotations

import html
from importlib.resources import files

from sghm_vs.evaluate.report.page import page_file

SCRIPTS = ("api.js", "picture.js", "viewer.js", "brush.js", "panel.js", "review.js")
"""In the order in which they use each other."""


def review_page(name: str) -> str:
    """Return the page of the shot `name`, HTML; `{{nonce}}` stands where the server's is to be."""
    folder = files("sghm_vs.shots.review") / "page"
    own = {file: (folder / file).read_text(encoding="utf-8") for file in (*SCRIPTS, "review.css")}
    page = (folder / "review.html").read_text(encoding="utf-8")
    parts = {
        "title": html.escape(name),
        "style": page_file("style.css") + own["review.css"],
        "scripts": "\n".join([page_file("timeline.js"), *(own[file] for file in SCRIPTS)]),
    }
    for place, part in parts.items():
        page = page.replace("{{" + place + "}}", part)
    return page
