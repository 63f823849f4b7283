"""The records that programs read: what `--format json` and `--format agent` write, key by key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Annotated, TypedDict

from policies.words import Check, Payment, Severity, Tier
from reviewer.change.model import Side
from reviewer.findings.model import Category, Disposition
from reviewer.findings.statements import Outcome
from reviewer.models.model import Stage
from reviewer.steps.result import ReviewStatus


@dataclass(frozen=True, slots=True)
class Words:
    """The words that a text may be, for its JSON Schema."""

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What a value means, for its JSON Schema."""

    text: str


def _words(kind: Iterable[Enum]) -> Words:
    return Words(tuple(str(word.value) if isinstance(word, StrEnum) else word.name.lower() for word in kind))


SeverityWord = Annotated[str, _words(reversed(Severity))]
TierWord = Annotated[str, _words(Tier)]
CategoryWord = Annotated[str, _words(Category)]
SideWord = Annotated[str, _words(Side)]
DispositionWord = Annotated[str, _words(Disposition)]
StatusWord = Annotated[str, _words(ReviewStatus)]
OutcomeWord = Annotated[str, _words(Outcome)]
StageWord = Annotated[str, _words(Stage)]
PaymentWord = Annotated[str, _words(Payment)]
CheckWord = Annotated[str, _words(Check)]
Dollars = Annotated[float | None, Note("US dollars, null where a price is unknown")]
FIX, DONE, STOP = "fix", "done", "stop"
NextWord = Annotated[str, Words((FIX, DONE, STOP))]


class FindingDocument(TypedDict):
    """One finding with its fate; lines are 1-based and inclusive on `side`."""

    path: str
    line: int
    start_line: int | None
    side: SideWord
    severity: SeverityWord
    category: CategoryWord
    title: str
    body: str
    suggestion: Annotated[str | None, Note("the text that replaces these lines whole")]
    quote: str
    source: str
    confidence: float | None
    evidence: list[str]
    fingerprint: str
    disposition: DispositionWord
    reason: str
    score: float
    agreed: int


class ReviewedDocument(TypedDict):
    """A hunk that was reviewed, and by whom."""

    path: str
    hunk: str
    by: str


class SkippedDocument(TypedDict):
    """A file ("hunk" is "" then) or a hunk that was not reviewed; `excluded` where policy wanted that."""

    path: str
    hunk: str
    reason: str
    excluded: bool


class CoverageDocument(TypedDict):
    """What was and was not reviewed."""

    complete: bool
    share: float
    reviewed: list[ReviewedDocument]
    skipped: list[SkippedDocument]


class UsageDocument(TypedDict):
    """Tokens."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int


class CallDocument(TypedDict):
    """One attempt at a model."""

    unit: str
    stage: StageWord
    tier: TierWord
    provider: str
    model: str
    payment: PaymentWord
    usage: UsageDocument
    cost_usd: Dollars
    latency_ms: int
    attempt: int
    ok: bool
    failed_check: Annotated[str | None, _words(Check)]
    error: str


class RouteDocument(TypedDict):
    """Which model was chosen for a unit, and why."""

    unit: str
    paths: list[str]
    tier: TierWord
    model: str
    sensitivity: float
    reasons: list[str]


EscalationDocument = TypedDict(
    "EscalationDocument", {"unit": str, "check": CheckWord, "from": TierWord, "to": TierWord, "detail": str}
)


class AnalyserDocument(TypedDict):
    """A run of an analyser; `error` is "" where it ran."""

    tool: str
    version: str
    findings: int
    error: str


class StatementDocument(TypedDict):
    """What became of an acceptance criterion; `line` shows it."""

    name: str
    outcome: OutcomeWord
    line: str
    why: str


class CheckDocument(StatementDocument):
    """What became of a check in plain language; `gate` where it decides the outcome."""

    gate: bool


class LookupsDocument(TypedDict):
    """How look-ups ended."""

    asked: int
    answered: int
    empty: int
    refused: int


class ReviewDocument(TypedDict):
    """What `kilo-review local --format json` writes."""

    version: int
    status: StatusWord
    base: str
    head: str
    findings: list[FindingDocument]
    coverage: CoverageDocument
    cost_usd: Dollars
    all_frontier_cost_usd: Dollars
    usage: UsageDocument
    calls: list[CallDocument]
    units_from_cache: int
    routes: list[RouteDocument]
    escalations: list[EscalationDocument]
    analysers: list[AnalyserDocument]
    checks: list[CheckDocument]
    criteria: list[StatementDocument]
    notices: list[str]
    context_limits: list[str]
    lookups: LookupsDocument
    duration_ms: int


# `from` and `with` are words of Python, so these two are written as calls.
PatchDocument = TypedDict("PatchDocument", {"replace_lines": list[int], "with": str})


class UnitEstimateDocument(TypedDict):
    """Who would be asked about a unit, and about what that costs; null where that is not known."""

    unit: str
    paths: list[str]
    tier: TierWord
    model: str
    sensitivity: float
    reasons: list[str]
    prompt_tokens: int
    max_output_tokens: int
    likely_usd: float | None


class CostDocument(TypedDict):
    """About what a review costs, in US dollars; null where a price is unknown."""

    low: float
    likely: float | None
    high: float | None


class EstimateDocument(TypedDict):
    """What a review would ask; `reason` says why no model can be asked, "" where one can."""

    units: list[UnitEstimateDocument]
    estimate_usd: CostDocument
    reason: str


class PlaceDocument(TypedDict):
    """The first and the last line, 1-based and inclusive."""

    start_line: int
    end_line: int


class StepDocument(TypedDict):
    """One finding to fix. `range` and `patch` count the lines of the file as it was reviewed."""

    order: int
    id: str
    file: str
    range: PlaceDocument
    severity: SeverityWord
    category: CategoryWord
    title: str
    quote: str
    source: str
    confidence: float | None
    why: str
    patch: PatchDocument | None
    repeated: Annotated[bool, Note("it was found in an earlier round too: the fix did not help")]
    verify: str


class AgentDocument(TypedDict):
    """What `kilo-review local --format agent` writes."""

    version: int
    next: NextWord
    why: str
    round: int
    findings: list[StepDocument]
    seen: Annotated[list[str], Note("the ids of all rounds so far")]
    not_reviewed: int
    cost_usd: Dollars
