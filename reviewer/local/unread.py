"""Say how much of a change was not read, and why: the last line of a review that analysers made alone."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import Final

from reviewer.evidence.tools import LANGUAGE_TOOLS, TOOLS
from reviewer.extras import install
from reviewer.findings.model import Skipped
from reviewer.steps.result import Review, ReviewStatus

INSTALL: Final = install("analysers")
_NAMED: Final = 6


def unread(review: Review) -> str:
    """Return one sentence, "" where a model was asked or the analysers read everything.

    Of a review with a model, what was not reviewed is told with its reason, hunk by hunk.
    """
    missed = [skip for skip in review.coverage.skipped if not skip.excluded]
    if not missed or review.status is not ReviewStatus.ANALYSERS_ONLY:
        return ""
    total = len(review.coverage.reviewed) + len(missed)
    hunks = "hunk was" if total == 1 else "hunks were"
    return f"{len(missed)} of {total} {hunks} not read: {_by_analysers(review, missed)}"


def _by_analysers(review: Review, missed: list[Skipped]) -> str:
    absent = [run.tool for run in review.evidence if run.error == "not installed"]
    parts = []
    wanted = [name for name in absent if name in LANGUAGE_TOOLS and any(TOOLS[name].wants(s.path) for s in missed)]
    if wanted:
        verb = "is" if len(wanted) == 1 else "are"
        parts.append(f"{' and '.join(wanted)} {verb} not installed ({INSTALL})")
    failed = [
        f"{run.tool} failed ({run.error})" for run in review.evidence if run.error not in ("", "not installed")
    ]
    parts += failed
    other = [skip.path for skip in missed if not any(TOOLS[name].wants(skip.path) for name in LANGUAGE_TOOLS)]
    if other:
        parts.append(f"no analyser reads {_kinds(other)}")
    return "; ".join(parts) or missed[0].reason


def _kinds(paths: list[str]) -> str:
    counted = Counter(PurePosixPath(path).suffix or PurePosixPath(path).name for path in paths)
    names = [name for name, _count in counted.most_common(_NAMED)]
    more = f" and {len(counted) - _NAMED} more kinds of file" if len(counted) > _NAMED else ""
    return f"{', '.join(names)}{more}"
