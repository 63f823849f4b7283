"""Acceptance criteria from the body and from the issues that it closes, on the whole service."""

from __future__ import annotations

import json
from typing import Any

from tests.service.rig import BASE, REPOSITORY, Rig
from tests.simulators.behaviour import Behaviour, Say

BODY = """Fixes acme/shop#901, and closes other/place#902.

- [ ] An empty order has no mean.
"""
ISSUE = "## Acceptance criteria\n- Every file is closed.\n\n## Notes\n- no criterion\n"


def scripted(service: Rig) -> list[str]:
    """Let the model say that the first criterion is not met; return what it was asked about intent."""
    asked: list[str] = []
    reviewer = service.reviewer

    def answer(body: Any) -> Behaviour:
        text = json.dumps(body)
        if "<statements" not in text:
            assert "Every file is closed" not in text
            return Say('{"lookups": [], "findings": [], "uncertain": false}')
        asked.append(text)
        row = {"number": 1, "why": "It divides.", "line": "    return price / count", "answer": "not met"}
        return Say(json.dumps({"answers": [row]}))

    reviewer.always = None
    reviewer.next.extend([answer] * 6)
    return asked


def test_criteria_of_the_body_and_of_the_issue_that_it_closes_are_in_the_summary(service: Rig) -> None:
    repository = service.simulator.repository(REPOSITORY)
    service.simulator.state.issues[repository.id, 901] = ISSUE
    asked = scripted(service)
    number = service.open(body=BODY)
    service.work()
    service.reviewer.next.clear()
    assert len(asked) == 1
    assert "Every file is closed." in asked[0]
    assert "no criterion" not in asked[0]
    summary = service.shown(number).summary
    assert "**Acceptance criteria: 1 not met, 1 not visible** (one question, $" in summary
    assert service.shown(number).check.conclusion == "success"


def test_policy_switches_the_question_off(service: Rig) -> None:
    asked = scripted(service)
    number = service.open(body=BODY, base={**BASE, ".kilo-review.toml": "[review]\nintent = false\n"})
    service.work()
    service.reviewer.next.clear()
    assert asked == []
    assert "Acceptance criteria" not in service.shown(number).summary


def test_an_issue_that_is_not_there_takes_nothing_away(service: Rig) -> None:
    scripted(service)
    number = service.open(body="Closes #999\n")
    service.work()
    service.reviewer.next.clear()
    assert service.shown(number).check.conclusion == "success"
