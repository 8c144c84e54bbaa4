"""The page of a report, in one file that asks no network, and its twin for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from sghm_vs.evaluate.report.shot import ShotReport
from sghm_vs.files import last_name
from sghm_vs.options import REASONS

KIND = "sghm_vs report"
FORMAT = 1


def report_record(
    reports: Sequence[ShotReport], limits: Mapping[str, float], failed: Mapping[str, str]
) -> dict[str, Any]:
    """
    Return what the JSON beside the page holds; its shots by need.

    Args:
        reports: Of shots.
        limits: By kind of reason.
        failed: Mattes that could not be read, and why.
    """
    return {
        "kind": KIND,
        "format": FORMAT,
        "limits": {kind: value if value < float("inf") else None for kind, value in limits.items()},
        "shots": [report.record() for report in by_need(reports)],
        "failed": dict(failed),
    }


def by_need(reports: Sequence[ShotReport]) -> list[ShotReport]:
    """Return `reports`, those first that need a look most."""
    return sorted(reports, key=lambda report: (-report.need, report.name))


def report_page(reports: Sequence[ShotReport], record: Mapping[str, Any], title: str) -> str:
    """
    Return the page, HTML.

    Args:
        reports: Of shots.
        record: What `report_record` says of them.
        title: Of the page.
    """
    unread = [
        {"name": last_name(matte), "matte": matte, "error": why, "need": 0}
        for matte, why in record["failed"].items()
    ]
    pairs = zip(record["shots"], by_need(reports), strict=True)
    data = {
        "reasons": {kind: {"unit": row.unit, "help": row.help} for kind, row in REASONS.items()},
        "shots": [*unread, *(shot | report.page_record() for shot, report in pairs)],
    }
    # In a script's text only "<" could end it.
    text = json.dumps(data).replace("<", "\\u003c")
    parts = {
        "title": _escaped(title),
        "style": page_file("style.css"),
        "timeline": page_file("timeline.js"),
        "report": page_file("report.js"),
        "data": text,
    }
    page = page_file("report.html")
    for name, part in parts.items():
        page = page.replace("{{" + name + "}}", part)
    return page


def page_file(name: str) -> str:
    """Return the text of a file of the page."""
    return (files("sghm_vs.evaluate.report") / "page" / name).read_text(encoding="utf-8")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
