"""What becomes of a finding is counted as people acted: accepted, dismissed, ignored, or not decided yet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reviewer.demo.simulator.state import ReviewComment
from reviewer.ledger.findings import Outcome
from tests.ledger.make import outcomes
from tests.service.rig import REPOSITORY, TAX, Rig

WRITER, READER = "octocat", "rea"


@pytest.fixture
def told(service: Rig) -> tuple[int, ReviewComment]:
    """A pull request that was told of one defect, and its comment."""
    number = service.open({"shop/tax.py": TAX.replace('."""', f', {service.branches}."""')})
    service.work(only=number)
    (comment,) = service.shown(number).inline
    return number, comment


def push(service: Rig, number: int, files: dict[str, str] | None = None) -> None:
    service.push(number, files or {f"docs/page-{service.branches}.md": "# A page\n"})
    service.work(only=number)


def outcome(service: Rig, number: int) -> Outcome:
    (found,) = outcomes(service.ledger, service.row(number).key.repo_id, number).values()
    return found


@pytest.mark.parametrize(
    ("act", "who", "becomes"),
    [
        ("votes up", WRITER, Outcome.ACCEPTED),
        ("agrees", WRITER, Outcome.ACCEPTED),
        ("votes up", READER, Outcome.UNKNOWN),
        ("agrees", READER, Outcome.UNKNOWN),
        ("resolves", WRITER, Outcome.DISMISSED),
        ("resolves", READER, Outcome.UNKNOWN),
        ("votes down", WRITER, Outcome.DISMISSED),
        ("rejects", WRITER, Outcome.DISMISSED),
    ],
)
def test_an_outcome_is_what_an_entitled_person_said_or_did(
    service: Rig, told: tuple[int, ReviewComment], act: str, who: str, becomes: Outcome
) -> None:
    number, comment = told
    match act:
        case "votes up":
            service.simulator.react(comment, "+1", author=who)
        case "votes down":
            service.simulator.react(comment, "-1", author=who)
        case "agrees":
            service.simulator.reply(comment, "Good catch!", author=who)
        case "rejects":
            service.simulator.reply(comment, "False positive: the tax is negative here.", author=who)
        case _:
            service.simulator.resolve_thread(comment, author=who)
    push(service, number)
    assert outcome(service, number) is becomes


def test_a_finding_whose_code_is_mended_is_accepted(service: Rig, told: tuple[int, ReviewComment]) -> None:
    number, _ = told
    push(service, number, {"shop/tax.py": TAX.replace("- tax", "+ tax")})
    # What we closed is learnt by the next look.
    push(service, number)
    assert outcome(service, number) is Outcome.ACCEPTED


def test_a_merge_makes_what_nobody_decided_ignored_and_a_close_does_not(
    service: Rig, told: tuple[int, ReviewComment]
) -> None:
    number, _ = told
    service.simulator.act(REPOSITORY, number, "closed")
    assert service.simulator.hooks.wait()
    assert outcome(service, number) is Outcome.UNKNOWN
    with service.simulator.state.lock:
        service.simulator.pull(REPOSITORY, number).merged_at = datetime.now(UTC)
    service.simulator.act(REPOSITORY, number, "closed")
    assert service.simulator.hooks.wait()
    assert outcome(service, number) is Outcome.IGNORED
