"""What the other parts call: a Review as inline comments, summary and check run."""

from __future__ import annotations

from reviewer.publish.check import CheckOutput, render_check, verdict_of
from reviewer.publish.cost import Totals
from reviewer.publish.inline import render_inline
from reviewer.publish.summary import SummaryInput, headline, render_summary

__all__ = [
    "CheckOutput",
    "SummaryInput",
    "Totals",
    "headline",
    "render_check",
    "render_inline",
    "render_summary",
    "verdict_of",
]
