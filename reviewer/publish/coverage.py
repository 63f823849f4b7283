"""What was reviewed, what was not, and why, as the summary shows it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from reviewer.findings.model import BY_ANALYSERS, Coverage, Skipped
from reviewer.publish.escape import code, plain
from reviewer.publish.figures import count, percent
from reviewer.steps.coverage import CARRIED
from reviewer.steps.result import Review

# Paths listed per reason at each level of detail; the rest are counted.
_LISTED: Final = (200, 60, 15, 5)


def status(review: Review) -> str:
    """Return the coverage of the status line: everything, or how much of what policy wants reviewed."""
    coverage = review.coverage
    wanted = len(coverage.reviewed) + len(_missed(coverage))
    if not wanted:
        return "nothing that policy reviews"
    if coverage.complete:
        files = len({part.path for part in coverage.reviewed})
        whole = f"everything in scope reviewed ({count(len(coverage.reviewed), 'hunk')}, {count(files, 'file')})"
        return whole + _carried(coverage)
    return (
        f"only {percent(coverage.share)} reviewed ({len(coverage.reviewed)} of {wanted} parts){_carried(coverage)}"
    )


def _carried(coverage: Coverage) -> str:
    """Say how much of it was carried over: nothing about it has changed since an earlier review."""
    carried = sum(part.by == CARRIED for part in coverage.reviewed)
    return f", {carried:,} carried over from earlier reviews" if carried else ""


def heading(review: Review) -> str:
    """Return the line above the folded list, without Markdown."""
    coverage = review.coverage
    left_out = len({skip.path for skip in coverage.skipped if skip.excluded})
    tail = f"; {count(left_out, 'file')} left out by policy" if left_out else ""
    return f"Coverage: {status(review)}{tail}"


def lines(review: Review, *, level: int = 0) -> list[str]:
    """Return the lists of the coverage section; a higher `level` names fewer paths, and counts the rest."""
    most = _LISTED[min(level, len(_LISTED) - 1)]
    coverage = review.coverage
    out: list[str] = []
    missed = _missed(coverage)
    if missed:
        out += ["**Not reviewed:**", "", *_by_reason(missed, most)]
    excluded = [skip for skip in coverage.skipped if skip.excluded]
    if excluded:
        out += [*([""] if out else []), "**Left out by policy:**", "", *_by_reason(excluded, most)]
    reviewers: dict[str, int] = {}
    for part in coverage.reviewed:
        reviewers[part.by] = reviewers.get(part.by, 0) + 1
    if reviewers:
        told = ", ".join(f"{count(number, 'hunk')} by {_reviewer(by)}" for by, number in reviewers.items())
        out += [*([""] if out else []), f"Reviewed: {told}."]
    asked = review.lookups
    if asked.asked:
        ends = ((asked.empty, "found nothing"), (asked.refused, "refused"))
        told = ", ".join(f"{number:,} {end}" for number, end in ends if number)
        out += [
            *([""] if out else []),
            f"Models looked up {count(asked.asked, 'place')}{f' ({told})' if told else ''}.",
        ]
    if review.context_limits:
        out += [*([""] if out else []), f"Context was cut short: {plain('; '.join(review.context_limits))}."]
    return out


def _missed(coverage: Coverage) -> list[Skipped]:
    return [skip for skip in coverage.skipped if not skip.excluded]


def _by_reason(skips: Iterable[Skipped], most: int) -> list[str]:
    groups: dict[str, list[str]] = {}
    for skip in skips:
        where = code(skip.path)
        if skip.header:
            where += f" {code(skip.header.split('@@')[1].strip() if skip.header.count('@@') > 1 else skip.header)}"
        groups.setdefault(skip.reason, []).append(where)
    out = []
    for reason, places in groups.items():
        shown = ", ".join(dict.fromkeys(places[:most]))
        more = len(places) - most
        tail = f", and {more:,} more" if more > 0 else ""
        out.append(f"- {plain(reason) or 'no reason given'} ({len(places):,}): {shown}{tail}")
    return out


def _reviewer(by: str) -> str:
    if by == "cache":
        return "an earlier review of the same content"
    if by.startswith(BY_ANALYSERS):
        return f"analysers only ({', '.join(code(name) for name in by.removeprefix(BY_ANALYSERS).split(', '))})"
    return code(by.removeprefix("model:"))
