"""Finding, what happened to it (Disposition), and Coverage: what was and was not reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policies.words import Severity
from reviewer.change.model import Anchor, Side

# What `Reviewed.by` begins with where no model was asked; the analysers that read the file follow.
BY_ANALYSERS: Final = "analysers: "


class Category(StrEnum):
    """What kind of problem a finding is."""

    SECURITY = "security"
    DEFECT = "defect"
    PERFORMANCE = "performance"
    CONCURRENCY = "concurrency"
    COMPATIBILITY = "compatibility"
    TESTS = "tests"
    MAINTAINABILITY = "maintainability"
    DOCUMENTATION = "documentation"


class Disposition(StrEnum):
    """Where a finding ended; nothing is dropped without one.

    UNPLACED is what a model found and what could not be placed or graded: shown as it is, and never green.
    UNVERIFIED is what a verification showed to be wrong. SUPPRESSED is what people dismissed, HELD_BACK what is new
    on code that an earlier review of the pull request saw whole.
    """

    INLINE = "inline"
    SUMMARY = "summary"
    DUPLICATE = "duplicate"
    OUT_OF_DIFF = "out-of-diff"
    UNPLACED = "unplaced"
    UNVERIFIED = "unverified"
    SUPPRESSED = "suppressed"
    HELD_BACK = "held-back"


@dataclass(frozen=True, slots=True)
class Finding:
    """One issue, wherever it came from.

    `start_line`..`line` is 1-based and inclusive on `side`. `quote` is the line of the diff that it is about,
    verbatim. `suggestion` replaces those lines whole, None where there is none. `source` is "model:<name>" or
    "<analyser>:<rule>". `confidence` is the finder's own, 0 to 1, None for an analyser. `evidence` names the
    context it rests on ("path:line"). `fingerprint` survives rebase, line shifts and rewording of the title.
    `graded` is False where the model stated no severity of the scale: `severity` is an assumption then.
    """

    path: str
    line: int
    severity: Severity
    category: Category
    title: str
    body: str
    source: str
    fingerprint: str
    start_line: int | None = None
    side: Side = Side.RIGHT
    suggestion: str | None = None
    quote: str = ""
    confidence: float | None = None
    evidence: tuple[str, ...] = ()
    unit: str = ""
    graded: bool = True

    @property
    def from_model(self) -> bool:
        """True for a model's finding, False for an analyser's."""
        return self.source.startswith("model:")


@dataclass(frozen=True, slots=True)
class PlacedFinding:
    """A finding and where it is shown. `anchor` is set exactly when it is INLINE; `reason` says why it is there.

    `score` is the calibrated worth, 0 to 1. `agreed` counts the independent sources that raised it. `verified` says
    that a verification looked at it and let it stand.
    """

    finding: Finding
    disposition: Disposition
    reason: str = ""
    anchor: Anchor | None = None
    score: float = 0.0
    agreed: int = 1
    verified: bool = False

    @property
    def decides(self) -> bool:
        """True where the gates count the finding: it stands beside its line, or a verification let it stand."""
        return self.disposition is Disposition.INLINE or (
            self.verified and self.disposition in (Disposition.SUMMARY, Disposition.OUT_OF_DIFF)
        )

    def may_reach(self, level: Severity) -> bool:
        """Tell whether the severity is, or without a grade may be, `level` or worse."""
        return not self.finding.graded or self.finding.severity >= level


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A hunk that was looked at: by whom ("model:<name>", "cache", "analysers: <name>, <name>")."""

    path: str
    header: str
    by: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or one hunk of it, that was not reviewed. `header` is "" for the whole file.

    `excluded` is True where policy left it out on purpose (generated, vendored, a lock file), False where the
    review failed to look at it: only the latter makes a review incomplete.
    """

    path: str
    header: str
    reason: str
    excluded: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every changed file and hunk is in exactly one of the two."""

    reviewed: tuple[Reviewed, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    @property
    def complete(self) -> bool:
        """True where nothing that policy wanted reviewed was missed."""
        return all(skip.excluded for skip in self.skipped)

    @property
    def share(self) -> float:
        """Hunks reviewed among those that policy wanted reviewed, 0 to 1; 1 where there were none."""
        missed = sum(1 for skip in self.skipped if not skip.excluded)
        wanted = len(self.reviewed) + missed
        return len(self.reviewed) / wanted if wanted else 1.0
