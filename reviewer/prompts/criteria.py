"""Acceptance criteria in prose that people wrote: the list items that say what a change is to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from reviewer.prompts.fence import MAX_PROSE, prose
from reviewer.prompts.redact import redact

MAX_CRITERIA: Final = 20
MAX_CRITERION: Final = 500
# Prose beyond this is not read for criteria.
MAX_READ: Final = 20_000
_HEADING: Final = re.compile(r"(?:#{1,6} +|\*\*)(.+)")
_NAMES: Final = re.compile(r"acceptance|definition of done|requirements|must have", re.IGNORECASE)
_ITEM: Final = re.compile(r"(?:[-*+]|\d{1,3}[.)]) +(\[[ xX]\] +)?(\S.*)")
# GitHub's keywords: https://docs.github.com/issues/tracking-your-work-with-issues/linking-a-pull-request-to-an-issue
_CLOSES: Final = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? +([A-Za-z0-9-]{1,39}/[A-Za-z0-9._-]{1,100})?#(\d{1,9})\b",
    re.IGNORECASE,
)
# Issues of a pull request that are read.
MAX_ISSUES: Final = 3
_FENCE: Final = ("```", "~~~")


def criteria_of(text: str) -> tuple[str, ...]:
    """Return the tasks, and the list items under headings such as "Acceptance criteria", at most MAX_CRITERIA.

    Without secrets. A task is a list item with a box, wherever it stands.
    """
    return _first(item for item, named in _items(text) if named)


def points_of(text: str) -> tuple[str, ...]:
    """Return the acceptance criteria of a plan or an issue; where it names none, every list item of it."""
    return criteria_of(text) or _first(item for item, _named in _items(text))


def closes(text: str, repository: str) -> tuple[int, ...]:
    """Return the issues of this very repository that a body closes by GitHub's keywords, at most MAX_ISSUES.

    An issue of another repository is not read: who may read this one may not be allowed to read that.
    """
    found = _CLOSES.findall(prose(text[:MAX_PROSE], limit=MAX_READ))
    own = (int(number) for name, number in found if name.lower() in ("", repository.lower()))
    return tuple(dict.fromkeys(own))[:MAX_ISSUES]


def all_criteria(body: str, issues: Iterable[str]) -> tuple[str, ...]:
    """Return the criteria of a pull request's body and of the issues that it closes, at most MAX_CRITERIA."""
    found = (criterion for text in (body, *issues) for criterion in criteria_of(text))
    return tuple(dict.fromkeys(found))[:MAX_CRITERIA]


def _first(items: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))[:MAX_CRITERIA]


def _items(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each list item, and whether it is a task or under a heading that names criteria; code is left out."""
    named = inside = False
    for line in prose(redact(text[:MAX_PROSE])[0], limit=MAX_READ).split("\n"):
        bare = line.strip()
        if bare.startswith(_FENCE):
            inside = not inside
        elif not inside and (heading := _HEADING.match(bare)):
            named = bool(_NAMES.search(heading[1]))
        elif not inside and (item := _ITEM.match(bare)):
            yield " ".join(item[2].split())[:MAX_CRITERION], named or item[1] is not None
