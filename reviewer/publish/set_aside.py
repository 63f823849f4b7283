"""The folded ends of the summary: what was set aside and why, and how the review was done. Pure."""

from __future__ import annotations

from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.publish.escape import cell, code, link, plain
from reviewer.publish.figures import count, place, seconds
from reviewer.publish.open_findings import ordered, still_open
from reviewer.publish.sanitize import title
from reviewer.steps.result import Review


def set_aside(review: Review, *, repository_url: str, level: int) -> tuple[str, list[str]]:
    """Return heading and lines of what was found and is not shown, each with its reason: nothing vanishes."""
    groups = (
        ("said before", Disposition.DUPLICATE),
        ("shown to be wrong", Disposition.UNVERIFIED),
        ("suppressed", Disposition.SUPPRESSED),
        ("held back", Disposition.HELD_BACK),
    )
    most = (50, 20, 10, 5, 0, 0)[min(level, 5)]
    heads: list[str] = []
    lines: list[str] = []
    for words, disposition in groups:
        again = still_open(review)
        found = ordered([each for each in review.by_disposition(disposition) if each not in again])
        if not found:
            continue
        heads.append(f"{len(found)} {words}")
        lines += [_set_aside_line(review, placed, words, repository_url) for placed in found[:most]]
        if len(found) > most:
            lines.append(f"- {len(found) - most:,} more {words}")
    return f"Set aside: {', '.join(heads)}", lines


def fixed(review: Review, *, repository_url: str) -> tuple[str, list[str]]:
    """Return heading and lines of the earlier findings whose code was mended, each with the commit that did it."""
    lines = []
    for one in review.fixed:
        commit = one.commit or review.change.head
        address = f"{repository_url}/commit/{commit}" if repository_url else ""
        lines.append(f"- {code(one.path)} {title(one.title)} – in {link(code(commit[:7]), address)}")
    return f"Fixed since: {count(len(lines), 'finding')}", lines


def _set_aside_line(review: Review, placed: PlacedFinding, words: str, repository_url: str) -> str:
    where = place(placed.finding, repository_url=repository_url, head=review.change.head)
    reason = plain(placed.reason) or words
    # No colon after the title: with one inside, the two would be an emoji.
    return f"- {where} {title(placed.finding.title)} – *{reason}*"


def routes(review: Review, level: int) -> list[str]:
    """Return the lines on tiers, models and analysers; a higher `level` lists fewer parts."""
    lines: list[str] = []
    most = (60, 30, 10, 5, 0, 0)[min(level, 5)]
    if review.routes and most:
        lines += ["| Part | Tier | Model | Why |", "|:--|:--|:--|:--|"]
        for route in review.routes[:most]:
            names = ", ".join(code(path) for path in route.paths[:3]) + (
                f" +{len(route.paths) - 3}" if len(route.paths) > 3 else ""
            )
            model = code(route.model) if route.model else "none usable"
            reasons = "; ".join(plain(reason) for reason in route.reasons)
            lines.append(f"| {cell(names)} | {route.tier.label} | {cell(model)} | {cell(reasons)} |")
        if len(review.routes) > most:
            lines += ["", f"{count(len(review.routes) - most, 'more part')}."]
    if review.evidence:
        lines += [*([""] if lines else []), "Analysers: " + "; ".join(_analyser(review)) + "."]
    return lines


def _analyser(review: Review) -> list[str]:
    told = []
    for run in review.evidence:
        name = plain(f"{run.tool} {run.version}".strip())
        ran = f"{count(run.findings, 'finding')} in {seconds(run.duration_ms)}"
        told.append(f"{name}: {f'did not run ({plain(run.error)})' if run.error else ran}")
    return told
