"""Memory: what later reviews of a pull request have to know of this one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from reviewer.findings.code import ChangedCode
from reviewer.findings.model import Finding

# Of all the lines that complete reviews of a pull request saw, so many are remembered, the newest.
MAX_LINES: Final = 50_000


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that the pull request was told: the code that it stands on, and a digest of what is around that."""

    fingerprint: str
    quote: str
    nearby: str = ""


@dataclass(frozen=True)
class Memory:
    """`lines` name the lines that a complete review saw (`ChangedCode.all_lines`); `told` is by finding."""

    lines: tuple[str, ...] = ()
    told: tuple[Told, ...] = ()

    @cached_property
    def by_fingerprint(self) -> Mapping[str, Told]:
        """What was told, by its fingerprint."""
        return {one.fingerprint: one for one in self.told}

    @cached_property
    def seen(self) -> frozenset[str]:
        """The lines, to look one up."""
        return frozenset(self.lines)

    def after(self, code: ChangedCode, findings: Iterable[Finding], *, complete: bool) -> Memory:
        """Return the memory after one more review, whose findings that are shown or still open are given."""
        now = {finding.fingerprint: _told(finding, code) for finding in findings}
        before = [one for one in self.told if one.fingerprint not in now]
        fresh = sorted(code.all_lines() - self.seen) if complete else []
        return Memory((*self.lines, *fresh)[-MAX_LINES:], (*before, *now.values()))


def _told(finding: Finding, code: ChangedCode) -> Told:
    places = code.find(finding.quote, {finding.path})
    nearest = min(places, key=lambda place: abs(code.line(place) - finding.line), default=None)
    return Told(finding.fingerprint, finding.quote, code.nearby(nearest) if nearest else "")
