"""Many reviews in one process, of several installations: each sees, says and pays for its own alone."""

from __future__ import annotations

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from reviewer.jobs import run as service
from reviewer.jobs.log_fields import current_fields
from reviewer.jobs.shared import Shared
from reviewer.ledger.keys import ReviewState
from tests.demo.world import commit, git
from tests.service.rig import BOT, HEAD, POLICY, Rig, answer, rig
from tests.simulators.behaviour import Behaviour, Say

OWNERS = ("acme", "globex", "initech", "umbrella")
EACH = 5
# What stands in every prompt, comment and log line of a review is told apart by this word.
WORDS = {f"{owner}-{number}": f"mark{owner}{number}x" for owner in OWNERS for number in range(EACH)}
# The analysers too: each review starts programs in a folder of its own.
WITH_RUFF = POLICY.replace("analysers = []", 'analysers = ["ruff"]')
AT_ONCE = len(WORDS)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("crowd"), policy=WITH_RUFF) as made:
        for owner in OWNERS[1:]:
            made.simulator.create_repository(
                f"{owner}/shop", source=made.source, private=True, collaborators={"octocat": "write"}
            )
            made.simulator.install(owner)
        yield made


def open_one(made: Rig, owner: str, number: int) -> int:
    """Open a pull request whose every file has the word of its review in it."""
    word, branch = WORDS[f"{owner}-{number}"], f"topic-{number}"
    git(made.source, "checkout", "--quiet", "-B", branch, "main")
    sha = commit(made.source, branch, {path: text.replace('."""', f', {word}."""') for path, text in HEAD.items()})
    made.simulator.push(f"{owner}/shop", branch, source=made.source, revision=sha)
    opened = made.simulator.open_pull_request(f"{owner}/shop", title=f"Change {word}", head=branch, base="main")
    assert made.simulator.hooks.wait()
    return opened


def in_one_process(made: Rig, meeting: threading.Barrier) -> list[tuple[str, str]]:
    """Run every due review on a thread of its own; return (repository, message) of each log line with a context."""
    lines: list[tuple[str, str]] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((current_fields().get("review", ""), record.getMessage()))

    def say(body: object) -> Behaviour:
        # No first question is answered before each review has asked one: all are in flight.
        if not meeting.broken and meeting.n_waiting < AT_ONCE and not done.is_set():
            meeting.wait(60)
            done.set()
        return Say(answer(body))

    done = threading.Event()
    made.reviewer.next = [say] * AT_ONCE
    handler = Lines()
    logging.getLogger("reviewer").addHandler(handler)
    logging.getLogger("reviewer").setLevel(logging.INFO)
    due = [row.id for row in made.ledger.backlog.unfinished(datetime.now(UTC), quiet=timedelta(0))]
    try:
        with closing(Shared(made.settings)) as shared, ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(lambda one: service.run_shared(one, shared, write_pause=0, list_lag=0), due))
    finally:
        logging.getLogger("reviewer").removeHandler(handler)
    return lines


def test_reviews_of_several_installations_in_one_process_do_not_mix(crowd: Rig) -> None:
    opened = {(owner, number): open_one(crowd, owner, number) for owner in OWNERS for number in range(EACH)}
    meeting = threading.Barrier(AT_ONCE)
    lines = in_one_process(crowd, meeting)
    rows = {row.id: row for row in crowd.ledger.reviews.recent(100)}
    assert Counter(row.state for row in rows.values()) == {ReviewState.PUBLISHED: AT_ONCE}
    assert crowd.provider.most_in_flight >= AT_ONCE
    # What a model was shown is of one review.
    for request in crowd.provider.requests:
        text = json.dumps(request.body)
        assert sum(word in text for word in WORDS.values()) == 1, [word for word in WORDS.values() if word in text]
    for (owner, _number), pull in opened.items():
        repository = f"{owner}/shop"
        own = [row for row in crowd.simulator.review_comments(repository, pull) if row.user.login == BOT]
        assert sorted((row.path, row.original_line) for row in own) == [
            ("shop/orders.py", 5),
            ("shop/orders.py", 9),
            ("shop/report.py", 5),
        ]
    # Every line of a review names that review, whichever of its threads said it.
    for review, message in lines:
        if message.startswith("review "):
            assert review == message.split()[1], message
    assert {review for review, _ in lines} >= {str(number) for number in rows}
    # Each paid on an account of its own, and what they paid is what was billed.
    runs = [crowd.ledger.calls.of_review(number) for number in rows]
    assert all(calls for calls in runs)
    assert sum(len(calls) for calls in runs) == len(crowd.provider.requests)
    assert sum((call.cost or 0) for calls in runs for call in calls) == crowd.bill()
