"""One model call: Prompt in, Completion out; Usage as the provider counts it; Price and the call's record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from policies.words import Check, Payment, Tier

# Local models with fewer parameters need a narrow form to write in. Their window says nothing of it.
SMALL_PARAMETERS: Final = 4_000_000_000


class Stage(StrEnum):
    """Which stage of a review a call belongs to."""

    REVIEW = "review"
    REPAIR = "repair"
    ESCALATION = "escalation"
    SECOND_PASS = "second-pass"
    VERIFICATION = "verification"
    LOOKUP = "lookup"
    STATEMENTS = "statements"
    INTENT = "intent"
    FIX = "fix"


class FinishReason(StrEnum):
    """Why a model stopped, the same words for every wire protocol."""

    STOP = "stop"
    LENGTH = "length"
    REFUSAL = "refusal"
    RUNAWAY = "runaway"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as counted by the provider. `input` is the total, cache reads and writes included;
    `output` is the total, reasoning included.
    """

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input + other.input,
            self.cache_read + other.cache_read,
            self.cache_write + other.cache_write,
            self.output + other.output,
            self.reasoning + other.reasoning,
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked. `system` then `shared` are stable between the units of a review, so that provider
    caches hit; `unit` is the part that differs. `more` is what is only ever appended when the question is asked
    again: earlier answers, look-ups, what was wrong. `reusable` says that it may be asked again, and is worth a
    place in the provider's cache. `schema` is the JSON Schema of the answer.
    """

    system: str
    shared: str
    unit: str
    schema: Mapping[str, Any] = field(default_factory=dict)
    schema_name: str = "answer"
    max_output_tokens: int = 4096
    version: str = ""
    more: str = ""
    reusable: bool = False

    @property
    def text(self) -> str:
        """Every part in order, as a token counter sees it."""
        return "\n\n".join(part for part in (self.system, self.shared, self.unit, self.more) if part)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. `reported_cost` is the provider's own figure (`usage.cost`), where it gives one.

    `estimated` marks a usage that we counted because the provider's never came. `cut` says why the answer was
    stopped while it streamed, "" where it was not.
    """

    text: str
    finish_reason: FinishReason
    usage: Usage
    model: str
    reported_cost: Decimal | None = None
    latency_ms: int = 0
    estimated: bool = False
    cut: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that can be called: where, with which protocol and on whose bill. Holds no key.

    `reasoning_tokens` is the room for reasoning that is billed as output before the first word of the answer.
    `parameters` is the size of a local model, 0 where nothing says it.
    """

    tier: Tier
    provider: str
    model: str
    payment: Payment
    protocol: str
    base_url: str
    context_window: int
    max_output_tokens: int
    structured: str = "schema"
    reasoning_tokens: int = 0
    parameters: int = 0

    @property
    def small(self) -> bool:
        """True for a small local model, which writes a sentence in a narrow form and no more."""
        return self.payment is Payment.LOCAL and 0 < self.parameters < SMALL_PARAMETERS

    @property
    def name(self) -> str:
        """`provider/model`, unless the model id already says its provider."""
        return self.model if self.model.startswith(f"{self.provider}/") else f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at a model, billed or not: a row of the ledger.

    `cost` is the bill in US dollars: the provider's own figure where it gives one, else usage times price; None
    where neither is known. `computed_cost` is always usage times price, so that the difference can be watched.
    `estimated` marks a usage that the provider never sent. `failed_check` is the check of its answer that failed.
    `started_ms` is counted from the start of the review. `error` is one line, without secrets. `request_id` is the
    provider's own id of the call, "" where it named none.
    """

    unit: str
    stage: Stage
    tier: Tier
    provider: str
    model: str
    payment: Payment
    usage: Usage
    cost: Decimal | None
    latency_ms: int
    attempt: int
    ok: bool
    failed_check: Check | None = None
    error: str = ""
    started_ms: int = 0
    cached_result: bool = False
    estimated: bool = False
    computed_cost: Decimal | None = None
    request_id: str = ""
