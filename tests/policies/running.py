"""A running review under any policy: real commits, pipeline and ledger; only the provider is simulated."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from policies.budgets import Account
from policies.gates import Verdict
from policies.load import load_policy
from policies.policy import Policy
from policies.words import Strategy
from reviewer import pipeline
from reviewer.change.parse import parse_diff
from reviewer.findings.code import ChangedCode
from reviewer.findings.memory import Memory
from reviewer.git.commit import GitSnapshot
from reviewer.jobs.models import open_models
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.meter import LedgerMeter
from reviewer.ledger.terms import Terms
from reviewer.models.model import Stage
from reviewer.prompts.about import About
from reviewer.publish.check import verdict_of
from reviewer.settings import Secret, Settings
from reviewer.steps.context import ResultStore, ReviewContext
from reviewer.steps.request import ReviewRequest
from reviewer.steps.result import Review
from tests.context.repository import Repository
from tests.simulators.behaviour import Behaviour, Say
from tests.simulators.provider import KEY, ProviderSimulator
from tests.steps.test_scope import GENERATED

TITLE = "A title that talks the reviewer round"
BASE = {
    "shop/tax.py": "def rate(country):\n    return RATES[country]\n",
    "shop/total.py": "def total(items):\n    return 0\n",
    "auth/login.py": "def login(user):\n    return None\n",
    "docs/guide.md": "# Guide\n",
    "web/made.ts": f"{GENERATED.replace('#', '//')}const a = 1\n",
    "vendor/lib/a.py": "x = 1\n",
    "uv.lock": "a = 1\n",
    "shop/__snapshots__/a.snap": "a\n",
    "web/app.min.js": "var a=1\n",
    ".github/workflows/ci.yml": "on: push\n",
}
ROUTINE = "    return sum(rate(item) for item in items)"
HEAD = {
    "shop/total.py": f"def total(items):\n{ROUTINE}\n\n\ndef best(items):\n    return sorted(items)[0]\n",
    "auth/login.py": (
        "def login(user, password, database):\n"
        "    query = 'select * from users where password = ' + password\n    return database.execute(query)\n"
    ),
    "shop/held.py": "def held(orders):\n    return [order for order in oders if order.waits]\n",
    "docs/guide.md": "# Guide\n\nMore words.\n",
    "docs/long.md": "".join(f"Line {number} of a page that goes on for a while.\n" for number in range(120)),
    "web/made.ts": f"{GENERATED.replace('#', '//')}const a = 2\n",
    "node_modules/lib/a.py": "x = 2\n",
    "uv.lock": "a = 2\n",
    "shop/__snapshots__/a.snap": "b\n",
    "web/app.min.js": "var a=2\n",
}
LOOK_UP = {"kind": "definition", "name": "rate", "path": None, "start_line": None, "end_line": None}


def _finding(quote: str, severity: str, confidence: float) -> dict[str, Any]:
    return {
        "path": "shop/total.py",
        "line": 0,
        "quote": quote,
        "evidence": [],
        "category": "defect",
        "title": f"Wrong result of {quote.strip()[:20]}",
        "body": "For an empty list this gives the wrong result. Return early instead.",
        "suggestion": None,
        "severity": severity,
        "confidence": confidence,
    }


@dataclass(frozen=True)
class Seen:
    """What could be observed of one review."""

    review: Review
    policy: Policy
    verdict: Verdict
    requests: tuple[Any, ...]
    most_in_flight: int

    @property
    def routes(self) -> dict[str, Any]:
        return {path: route for route in self.review.routes for path in route.paths}

    @property
    def stages(self) -> list[Stage]:
        return [call.stage for call in self.review.calls]

    @property
    def skipped(self) -> dict[str, str]:
        return {row.path: row.reason for row in self.review.coverage.skipped}

    @property
    def prompts(self) -> str:
        return "\n".join(json.dumps(body) for body in self.requests)

    def prompt_of(self, path: str) -> str:
        return next(text for text in map(json.dumps, self.requests) if f"### {path}" in text)


class Lab:
    """One repository with two commits, one provider, one ledger; each review stands on an account of its own."""

    def __init__(self, folder: Path, provider: ProviderSimulator) -> None:
        self.repository = Repository(folder / "repo")
        self.base = self.repository.commit(BASE)
        self.head = self.repository.commit(HEAD)
        self.change = parse_diff(self.repository.diff(self.base, self.head))
        self.provider = provider
        self.settings = Settings(
            state_dir=folder / "state",
            cache_dir=folder / "cache",
            database_url=f"sqlite:///{folder / 'ledger.sqlite'}",
            provider_keys={"openai": Secret(KEY)},
            base_urls={"openai": provider.base_url},
        )
        self.ledger = Ledger.open(self.settings.database_url)
        self.ledger.migrate()

    def run(
        self,
        organisation: str,
        repository: str | None = None,
        *,
        labels: tuple[str, ...] = (),
        strategy: Strategy | None = None,
        model: str = "",
        fails: bool = False,
        slow: float = 0.0,
        hours: bool = False,
        only: str = "",
        store: ResultStore | None = None,
        seen_before: bool = False,
        criteria: tuple[str, ...] = (),
    ) -> Seen:
        """Review the change, or one file of it.

        `fails`: no answer passes its checks. `slow`: seconds that an answer takes. `hours`: an hour passes between
        any two looks at the clock. `seen_before`: an earlier review of the pull request saw the same code.
        """
        policy = load_policy(organisation=organisation, repository=repository)
        account = Account(run=uuid.uuid4().hex, pull_request=uuid.uuid4().hex, organisation="acme")
        terms = Terms(account, policy.limits, allow_unknown_price=policy.unknown_price == "allow")
        meter = LedgerMeter(self.ledger.money, terms, _now)
        models = open_models(self.settings, policy, meter, private=False, model=model, strategy=strategy)
        asked: list[Any] = []

        def speak(body: Any) -> Behaviour:
            asked.append(body)
            if slow:
                time.sleep(slow)
            return Say(_answer(json.dumps(body), fails=fails))

        self.provider.default = speak
        self.provider.most_in_flight = 0

        passed = itertools.count()

        def clock() -> float:
            return next(passed) * 3600.0 if hours else time.monotonic()

        change = replace(self.change, files=tuple(f for f in self.change.files if only in ("", f.path)))
        lines = tuple(ChangedCode(change).all_lines()) if seen_before else ()
        request = ReviewRequest(
            change=change,
            memory=Memory(lines),
            about=About(TITLE, "", "ann"),
            labels=labels,
            strategy=strategy,
            criteria=criteria,
            notices=(*policy.notices, *((models.reason,) if models.reason else ())),
        )
        with (
            GitSnapshot.open(self.repository.git_dir, self.base) as base,
            GitSnapshot.open(self.repository.git_dir, self.head) as head,
        ):
            context = ReviewContext(policy, models.client, head, base, store=store, clock=clock)
            review = pipeline.review(request, context)
        verdict = verdict_of(review, fail_on=policy.fail_on, limit_conclusion=policy.limit_conclusion)
        return Seen(review, policy, verdict, tuple(asked), self.provider.most_in_flight)


def _now() -> datetime:
    return datetime.now(UTC)


def _answer(text: str, *, fails: bool) -> str:
    """Ask for a look-up every time, and report one finding; where it `fails`, doubt everything."""
    if "Give a verdict" in text:
        return '{"verdicts": []}'
    if fails:
        return json.dumps({"lookups": [], "findings": [], "uncertain": True})
    if "### shop/total.py" not in text:
        return json.dumps({"lookups": [], "findings": [], "uncertain": False})
    findings = [_finding(ROUTINE, "medium", 0.6)]
    return json.dumps({"lookups": [LOOK_UP], "findings": findings, "uncertain": False})
