"""Which frames of a matte need a look, found without a truth; and a page that shows them."""

from sghm_vs.evaluate.report.shot import ShotReport, report_shot

__all__ = ["ShotReport", "report_shot"]
