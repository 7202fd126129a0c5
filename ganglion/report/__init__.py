"""Reports with pictures: one HTML file that needs nothing else."""

from ganglion.report.page import Page

__all__ = ["Page"]
