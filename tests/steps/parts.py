"""What the tests of the steps are made of: a change, a plan, a context, and models that answer by a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from policies.load import load_policy
from policies.policy import Policy
from policies.words import Payment, Tier
from reviewer.change.anchor import Anchors
from reviewer.change.identity import unit_identity
from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.errors import BudgetRefused, KiloReviewError, LedgerUnavailable
from reviewer.evidence.run import Evidence
from reviewer.findings.model import Finding
from reviewer.models.ask import Answer
from reviewer.models.model import SMALL_PARAMETERS, Call, Candidate, Completion, FinishReason, Prompt, Stage, Usage
from reviewer.steps.check import AnswerChecks
from reviewer.steps.context import ReviewContext
from reviewer.steps.plan import Plan
from reviewer.steps.prepare import Prepared, prepare
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import UnitRoute
from reviewer.steps.scope import Scope
from tests.findings.builders import AFTER, BEFORE, DIFF, Files

HEAD = Files({"shop/cart.py": AFTER.encode(), "shop/price.py": b"def price_of(row):\n    return row.price or 0\n"})
BASE = Files({"shop/cart.py": BEFORE.encode()})
POLICY = replace(load_policy(), analysers=())
COST = Decimal("0.01")
USAGE = Usage(input=100, output=10)
OVER_LIMIT = BudgetRefused("the limit of the run leaves no room", rule="run-limit")
Script = str | Completion | KiloReviewError | Callable[["Question"], "Script"]


@dataclass(frozen=True)
class Question:
    prompt: Prompt
    tier: Tier
    unit: str
    stage: Stage
    attempt: int


def candidate(tier: Tier = Tier.EFFICIENT, **fields: Any) -> Candidate:
    values: dict[str, Any] = {
        "provider": "openai",
        "model": f"a-{tier.label}-model",
        "payment": Payment.OWN_KEY,
        "protocol": "openai",
        "base_url": "",
        "context_window": 200_000,
        "max_output_tokens": 16_000,
    }
    return Candidate(tier, **{**values, **fields})


SMALL = candidate(
    Tier.FREE, model="tiny", payment=Payment.LOCAL, context_window=8_192, parameters=SMALL_PARAMETERS // 4
)


@dataclass
class ScriptedModels:
    """A ModelClient that answers by a script, in the order of the questions; the last entry answers the rest.

    `serving` replaces the tier that answers, as where no model of the tier is usable.
    """

    script: Sequence[Script] = ()
    highest: Tier = Tier.FRONTIER
    usable: bool = True
    candidates: Callable[[Tier], Candidate | None] = candidate
    serving: Tier | None = None
    cost: Decimal | None = COST
    questions: list[Question] = field(default_factory=list)
    stopped: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def candidate(self, tier: Tier) -> Candidate | None:
        return self.candidates(tier) if self.usable else None

    def price(self, _candidate: Candidate) -> None:
        return None

    def stop(self) -> None:
        self.stopped += 1

    def ask(self, prompt: Prompt, *, tier: Tier, unit: str, stage: Stage, attempt: int = 1) -> Answer:
        question = Question(prompt, tier, unit, stage, attempt)
        with self._lock:
            self.questions.append(question)
            said = self.script[min(len(self.questions), len(self.script)) - 1]
        while callable(said):
            said = said(question)
        served = self.serving if self.serving is not None else tier
        if isinstance(said, LedgerUnavailable):
            raise said
        if isinstance(said, KiloReviewError):
            return Answer(None, (self.call(question, served, ok=False),), said, notes=(f"{served.label} failed",))
        completion = said if isinstance(said, Completion) else completed(said, f"a-{served.label}-model")
        return Answer(completion, (self.call(question, served, ok=True),))

    def call(self, question: Question, tier: Tier, *, ok: bool) -> Call:
        return Call(
            unit=question.unit,
            stage=question.stage,
            tier=tier,
            provider="openai",
            model=f"a-{tier.label}-model",
            payment=Payment.OWN_KEY,
            usage=USAGE if ok else Usage(),
            cost=self.cost if ok else Decimal(0),
            latency_ms=5,
            attempt=question.attempt,
            ok=ok,
        )


def completed(text: str, model: str = "a-model", finish: FinishReason = FinishReason.STOP) -> Completion:
    return Completion(text, finish, USAGE, model)


class Found:
    """Analysers that have found this already."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings
        self.started = 0

    def start(self) -> None:
        self.started += 1

    def evidence(self) -> Evidence:
        return Evidence(self.findings)


class Store(dict[str, str]):
    """A store of results that is a mapping."""

    def put(self, key: str, text: str) -> None:
        self[key] = text


def change(diff: str = DIFF) -> Change:
    return parse_diff(diff, base="b" * 40, head="a" * 40)


def unit_of(diff: str = DIFF) -> Unit:
    hunks = change(diff).hunks
    return Unit(unit_identity(hunks), hunks, "one hunk")


def edit(path: str, old: str = "old", new: str = "new") -> str:
    """The diff that edits one line of a file."""
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n"


def plan_of(unit: Unit | None = None, tier: Tier = Tier.EFFICIENT, **fields: Any) -> Plan:
    unit = unit or unit_of()
    values: dict[str, Any] = {
        "route": UnitRoute(unit.identity, unit.paths, tier, f"openai/a-{tier.label}-model", ("by test",)),
        "candidate": candidate(tier),
        "prompt": Prompt("instructions", "shared", "the diff", {}, "review", 1000, "v1"),
        "key": f"key of {unit.identity}",
    }
    return Plan(unit, **{**values, **fields})


def checks_of(*found: Finding, diff: str = DIFF) -> AnswerChecks:
    return AnswerChecks(Anchors.from_change(change(diff)), HEAD, Found(*found))


def context_of(models: ScriptedModels | None = None, policy: Policy = POLICY, **fields: Any) -> ReviewContext:
    return ReviewContext(policy, models or ScriptedModels(), **{"head": HEAD, "base": BASE, **fields})


def prepared_of(diff: str = DIFF, context: ReviewContext | None = None, **request: Any) -> Prepared:
    asked = ReviewRequest(change(diff), **request)
    return prepare(asked, Scope(asked.change.files, ()), context or context_of())


def threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2)
