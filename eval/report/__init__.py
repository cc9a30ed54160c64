"""The report: what scores are worth, in figures with intervals, curves and pictures."""

from eval.report.options import Options, Other
from eval.report.write import write_report

__all__ = ["Options", "Other", "write_report"]
