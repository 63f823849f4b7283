"""Requests and the caps on them, also with many processes that ask at once."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from policies.caps import DAY, HOUR, Cap, CapOf, caps_of
from policies.load import load_policy
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.ledger import Ledger
from tests.ledger.make import KEY, MINUTE, NOW, ask

PR = Cap("triggers.max_reviews_per_hour", CapOf.PULL_REQUEST, 3, HOUR)


def push(ledger: Ledger, number: int, *caps: Cap, after: timedelta = timedelta(), **more) -> ReviewState:
    key = replace(more.pop("key", KEY), head_sha=f"{number:040x}")
    return ask(ledger, caps, key=key, now=NOW + after, **more).state


def test_pushes_and_commands_count_alike_and_the_hour_moves_on(ledger: Ledger) -> None:
    assert push(ledger, 1, PR) is ReviewState.ACCEPTED
    command = replace(KEY, head_sha="", trigger="comment:1")
    assert ask(ledger, [PR], key=command, now=NOW + MINUTE).created
    assert push(ledger, 3, PR, after=2 * MINUTE) is ReviewState.ACCEPTED
    refused = ask(ledger, [PR], key=replace(KEY, trigger="comment:2"), now=NOW + 3 * MINUTE)
    assert refused.state is ReviewState.CAPPED
    assert refused.refusal == (
        "this pull request had 3 reviews within the last hour, as many as the organisation's policy allows "
        "(triggers.max_reviews_per_hour); the next one can start from 2026-11-21 13:00 UTC on"
    )
    assert push(ledger, 5, PR, after=HOUR) is ReviewState.ACCEPTED
    assert push(ledger, 6, PR, after=HOUR) is ReviewState.CAPPED


def test_a_redelivery_is_answered_as_before_and_counts_once(ledger: Ledger) -> None:
    for _ in range(5):
        assert push(ledger, 1, PR) is ReviewState.ACCEPTED
    for number in range(2, 5):
        push(ledger, number, PR)
    for _ in range(2):
        assert push(ledger, 4, PR) is ReviewState.CAPPED
    assert push(ledger, 2, PR) is ReviewState.ACCEPTED


def overtake(ledger: Ledger, number: int) -> None:
    """End the reviews of older heads, as a look at the pull request does that shows this one."""
    row = ledger.reviews.get(ask(ledger, [PR], key=replace(KEY, head_sha=f"{number:040x}")).review_id)
    assert row is not None
    ledger.reviews.supersede_older(row, NOW)


def test_a_push_that_was_overtaken_before_its_review_began_does_not_count(ledger: Ledger) -> None:
    for number in range(1, 4):
        push(ledger, number, PR)
    overtake(ledger, 3)
    assert push(ledger, 4, PR) is ReviewState.ACCEPTED
    lease = ledger.reviews.begin(
        ask(ledger, [PR], key=replace(KEY, head_sha=f"{4:040x}")).review_id, "me", NOW, MINUTE
    )
    assert lease is not None
    push(ledger, 5, PR)
    overtake(ledger, 5)
    assert [push(ledger, number, PR) for number in (6, 7)] == [
        ReviewState.ACCEPTED,
        ReviewState.CAPPED,
    ]


def test_the_pull_request_is_told_of_a_cap_once_within_its_window(ledger: Ledger) -> None:
    for number in range(8):
        push(ledger, number, PR)
    (told,) = ledger.backlog.unnoticed()
    assert (told.state, told.key.head_sha, "3 reviews" in told.error) == (ReviewState.CAPPED, f"{3:040x}", True)
    assert told.state.final
    ledger.backlog.noticed(told.id, NOW)
    push(ledger, 9, PR, after=MINUTE)
    assert ledger.backlog.unnoticed() == ()
    other = replace(KEY, number=4)
    assert [push(ledger, number, PR, key=other) for number in range(4)][-1] is ReviewState.CAPPED
    assert [row.key.number for row in ledger.backlog.unnoticed()] == [4]


def test_answers_to_commands_that_do_not_exist_use_up_no_review_and_have_the_same_cap(ledger: Ledger) -> None:
    def slip(number: int) -> ReviewState:
        return ask(ledger, [PR], key=replace(KEY, trigger=f"comment:{number}"), problem="command").state

    assert [slip(number) for number in range(5)] == [ReviewState.ACCEPTED] * 3 + [ReviewState.CAPPED] * 2
    assert ledger.backlog.unnoticed() == ()
    assert [push(ledger, number, PR) for number in range(3)] == [ReviewState.ACCEPTED] * 3


def test_an_author_and_a_repository_have_caps_over_their_pull_requests(ledger: Ledger) -> None:
    author = Cap("triggers.max_reviews_per_author_day", CapOf.AUTHOR, 2, DAY)
    repository = Cap("triggers.max_reviews_per_repository_day", CapOf.REPOSITORY, 4, DAY)
    caps = (author, repository)

    def by(actor: int, number: int, repo: int = 2) -> ReviewState:
        return push(ledger, number, *caps, key=replace(KEY, number=number, repo_id=repo), actor_id=actor)

    assert [by(1, number) for number in (1, 2, 3)] == [ReviewState.ACCEPTED] * 2 + [ReviewState.CAPPED]
    assert by(1, 4, repo=9) is ReviewState.CAPPED
    assert [by(2, number) for number in (11, 12)] == [ReviewState.ACCEPTED] * 2
    assert by(3, 21) is ReviewState.CAPPED
    assert by(3, 22, repo=9) is ReviewState.ACCEPTED


def test_outsiders_have_tighter_caps_and_use_up_none_of_the_others(ledger: Ledger) -> None:
    policy = load_policy(
        organisation="[triggers]\nmax_reviews_per_outsider_day = 1\nmax_outsider_reviews_per_repository_day = 2\n"
    )
    outside = caps_of(policy, outsider=True)

    def by(actor: int, number: int, *, outsider: bool) -> ReviewState:
        key = replace(KEY, number=number)
        return push(ledger, number, *caps_of(policy, outsider=outsider), key=key, actor_id=actor, outsider=outsider)

    assert by(1, 1, outsider=True) is ReviewState.ACCEPTED
    assert by(1, 2, outsider=True) is ReviewState.CAPPED
    assert by(2, 3, outsider=True) is ReviewState.ACCEPTED
    assert by(3, 4, outsider=True) is ReviewState.CAPPED
    assert by(4, 5, outsider=False) is ReviewState.ACCEPTED
    assert {cap.key for cap in outside} - {cap.key for cap in caps_of(policy, outsider=False)} == {
        "triggers.max_reviews_per_outsider_day",
        "triggers.max_outsider_reviews_per_repository_day",
    }


def test_a_cap_of_none_lets_nothing_in_and_promises_no_time(ledger: Ledger) -> None:
    refused = ask(ledger, [Cap("triggers.max_reviews_per_outsider_day", CapOf.AUTHOR, 0, DAY)])
    assert refused.refusal == (
        "the author had 0 reviews within the last 24 hours, as many as the organisation's policy allows "
        "(triggers.max_reviews_per_outsider_day)"
    )


CROWD = """
import json, os, sys
from dataclasses import replace
from policies.caps import HOUR, Cap, CapOf
from reviewer.ledger.ledger import Ledger
from tests.ledger.make import KEY, ask
url, many = sys.argv[1], int(sys.argv[2])
gun, fire = os.pipe()
told, tell = os.pipe()
children = []
for number in range(many):
    child = os.fork()
    if not child:
        os.close(fire)
        ledger = Ledger.open(url, busy_seconds=60)
        ledger.reviews.recent(1)
        os.read(gun, 1)
        key = replace(KEY, number=KEY.number + number % 2, trigger=f"comment:{number}")
        caps = [Cap("hour", CapOf.PULL_REQUEST, 3, HOUR), Cap("day", CapOf.AUTHOR, 5, HOUR)]
        os.write(tell, f"{key.number} {ask(ledger, caps, key=key).state.value}\\n".encode())
        os._exit(0)
    children.append(child)
os.close(fire)
os.close(tell)
codes = {os.waitpid(child, 0)[1] for child in children}
print(json.dumps([sorted(codes), sorted(os.fdopen(told).read().split("\\n")[:-1])]))
"""


@pytest.mark.parametrize("many", [8, 40])
def test_any_number_of_requests_at_once_pass_no_cap(url: str, ledger: Ledger, many: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", CROWD, url, str(many)], capture_output=True, text=True, timeout=100, check=False
    )
    codes, answers = json.loads(ran.stdout or "[null, null]")
    assert codes == [0], ran.stderr
    accepted = [answer for answer in answers if answer.endswith(" accepted")]
    # Three for each of two pull requests, and five for their author.
    assert len(accepted) == 5
    assert max(accepted.count(answer) for answer in accepted) == 3
    assert len(answers) == many
    assert {row.state for row in ledger.backlog.unnoticed()} == {ReviewState.CAPPED}
    assert len(ledger.backlog.unnoticed()) <= 2
