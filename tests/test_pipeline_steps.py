"""The order of the steps, with models that answer by a script: what starts when, what bounds what, how it ends."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from policies.words import Strategy, Tier
from reviewer.errors import LedgerUnavailable
from reviewer.findings.model import Disposition
from reviewer.models.model import Stage
from reviewer.pipeline import review
from reviewer.steps.progress import Progress
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review, ReviewStatus
from tests.findings.builders import BEFORE, DIFF, Files, answer, stated
from tests.steps.parts import POLICY, ScriptedModels, change, context_of, edit

NOWHERE = answer(stated(quote="this line is nowhere in the diff at all", line=0))
NOTHING_REFUTED = '{"verdicts": []}'


def speak(said: str) -> Any:
    return lambda question: NOTHING_REFUTED if question.stage is Stage.VERIFICATION else said


def reviewed(models: ScriptedModels, diff: str = DIFF, *, policy: Any = POLICY, **fields: Any) -> Review:
    request = ReviewRequest(change(diff), strategy=fields.pop("strategy", None))
    return review(request, context_of(models, policy, **fields))


def test_a_watcher_sees_every_step_and_what_was_spent() -> None:
    seen: list[Progress] = []
    done = reviewed(ScriptedModels([speak(answer(stated()))]), watch=seen.append)
    assert [step.stage for step in seen] == ["scope", "units", "evidence", "verification", "done"]
    assert [(step.done, step.total) for step in seen[2:]] == [(1, 1), (1, 1), (1, 1)]
    assert (seen[-1].usage, seen[-1].cost) == (done.usage, done.cost)
    assert done.status is ReviewStatus.COMPLETE
    assert len(done.by_disposition(Disposition.INLINE)) == 1


def test_what_verification_refutes_is_not_shown() -> None:
    row = {"number": 1, "proof": "    found = 0", "same_as": None, "reason": "it is set", "verdict": "false"}
    refuting = str({"verdicts": [row]}).replace("'", '"').replace("None", "null")
    models = ScriptedModels([lambda q: refuting if q.stage is Stage.VERIFICATION else answer(stated())])
    done = reviewed(models)
    assert done.shown() == ()
    assert len(done.by_disposition(Disposition.UNVERIFIED)) == 1


@pytest.mark.parametrize(
    ("strategy", "tiers"),
    [
        (None, [Tier.EFFICIENT, Tier.EFFICIENT, Tier.BALANCED]),
        (Strategy.EFFICIENT, [Tier.EFFICIENT, Tier.EFFICIENT]),
    ],
)
def test_a_strategy_that_was_asked_for_bounds_escalation(strategy: Strategy | None, tiers: list[Tier]) -> None:
    models = ScriptedModels([NOWHERE])
    reviewed(models, policy=replace(POLICY, min_tier=Tier.EFFICIENT), strategy=strategy)
    assert [question.tier for question in models.questions if question.stage is not Stage.VERIFICATION] == tiers


def test_analysers_alone_review_where_no_model_is_usable() -> None:
    models = ScriptedModels(usable=False)
    done = reviewed(models, policy=replace(POLICY, analysers=("ruff",)))
    assert models.questions == []
    assert [run.tool for run in done.evidence] == ["ruff"]
    assert done.status is ReviewStatus.ANALYSERS_ONLY
    assert done.context_limits == ()


def test_what_the_context_engine_was_to_read_and_did_not_is_told_where_a_model_was_asked() -> None:
    guide = Files({"shop/cart.py": BEFORE.encode(), "AGENTS.md": b"## Rules\n" + b"Money is Decimal. " * 20_000})
    told = reviewed(ScriptedModels([answer()]), base=guide)
    silent = reviewed(ScriptedModels(usable=False), base=guide)
    assert any("guideline" in line for line in told.context_limits)
    assert silent.context_limits == ()


def test_a_bare_diff_is_reviewed_without_a_commit_to_read() -> None:
    done = reviewed(ScriptedModels([answer()]), head=None, base=None)
    assert (done.status, done.context_limits) == (ReviewStatus.COMPLETE, ())


def test_one_thread_more_than_questions_leaves_room_for_the_analysers() -> None:
    both, policy = (
        threading.Barrier(2, timeout=5),
        replace(POLICY, concurrency=2, unit_tokens=200, analysers=("ruff",)),
    )
    lines = "".join(f"+value_{number} = {number}\n" for number in range(120))
    diff = f"--- a/a.py\n+++ b/a.py\n@@ -0,0 +1,120 @@\n{lines}"

    def together(_question: Any) -> str:
        if len(models.questions) <= 2:
            both.wait()
        return answer()

    models = ScriptedModels([together])
    done = reviewed(models, diff, policy=policy)
    assert len(done.routes) > 2
    assert [run.tool for run in done.evidence] == ["ruff"]


def test_a_review_whose_time_is_over_asks_nothing_more_and_is_incomplete() -> None:
    ticks = iter(range(0, 10_000, 20))
    models = ScriptedModels([answer()])
    policy = replace(POLICY, max_seconds=10)
    done = reviewed(models, policy=policy, clock=lambda: float(next(ticks)))
    assert models.questions == []
    assert done.status is ReviewStatus.INCOMPLETE


@pytest.mark.parametrize("error", [LedgerUnavailable("away"), KeyboardInterrupt()])
def test_a_review_that_cannot_go_on_stops_the_models_and_is_no_review(error: BaseException) -> None:
    def fail(_question: Any) -> str:
        raise error

    models = ScriptedModels([fail])
    with pytest.raises(type(error)):
        reviewed(models)
    assert models.stopped > 0


def test_analysers_are_not_started_where_the_review_ends_before_the_first_question(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[object] = []
    monkeypatch.setattr("reviewer.steps.analysers.run_analysers", lambda *a, **k: started.append(a))

    class Broken(ScriptedModels):
        def candidate(self, _tier: Tier) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reviewed(Broken(), edit("a.py"))
    assert started == []
