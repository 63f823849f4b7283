"""One installation's many reviews do not keep another's waiting."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from reviewer.demo.simulator.state import CheckRun
from reviewer.ledger.keys import ReviewState
from reviewer.ledger.reviews import TURN
from tests.demo.world import commit, git
from tests.service.rig import REPOSITORY, Rig, rig

OTHER = "globex/shop"
SHARE = 2


@pytest.fixture
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("fair"), reviews_per_installation=SHARE) as made:
        made.simulator.create_repository(
            OTHER, source=made.source, private=True, collaborators={"octocat": "write"}
        )
        made.simulator.install("globex")
        yield made


def open_one(made: Rig, repository: str, word: str) -> int:
    git(made.source, "checkout", "--quiet", "-B", word, "main")
    sha = commit(made.source, word, {"shop/orders.py": f'"""Orders of {word}."""\n\n\ndef one():\n    return 1\n'})
    made.simulator.push(repository, word, source=made.source, revision=sha)
    number = made.simulator.open_pull_request(repository, title=word, head=word)
    assert made.simulator.hooks.wait()
    return number


def check(made: Rig, repository: str, number: int) -> CheckRun:
    (run,) = made.simulator.check_runs(repository, made.simulator.pull(repository, number).head_sha)
    return run


def states(made: Rig) -> list[str]:
    return [row.state.value for row in reversed(made.ledger.reviews.recent(20))]


def test_an_installation_alone_uses_the_whole_machine(shared: Rig) -> None:
    for number in range(SHARE + 2):
        open_one(shared, REPOSITORY, f"a{number}")
    shared.work()
    assert states(shared) == [ReviewState.PUBLISHED] * (SHARE + 2)


def test_a_flood_waits_behind_its_share_while_another_installation_waits(shared: Rig) -> None:
    numbers = [open_one(shared, REPOSITORY, f"a{number}") for number in range(SHARE + 2)]
    open_one(shared, OTHER, "b")
    rows = {row.key.number: row for row in shared.ledger.reviews.recent(20) if row.key.installation_id}
    flood = [row.id for row in reversed(shared.ledger.reviews.recent(20))][: SHARE + 2]
    # The newest of the flood are taken from the queue first: the worst order for the other installation.
    for review_id in reversed(flood):
        shared.again(review_id)
    assert rows
    assert states(shared) == [*[ReviewState.PUBLISHED] * SHARE, *[ReviewState.ACCEPTED] * 2, ReviewState.ACCEPTED]
    last = check(shared, REPOSITORY, numbers[-1])
    assert (last.status, last.title) == ("queued", f"Queued behind {SHARE + 1} reviews")
    waiting = shared.ledger.reviews.get(flood[-1])
    assert waiting is not None
    assert waiting.error.startswith(TURN)
    assert (waiting.attempts, waiting.deferrals) == (0, 0), "waiting uses up nothing"

    shared.work()
    assert states(shared)[-1] == ReviewState.PUBLISHED, "the other installation's is done first"
    shared.work(after=timedelta(minutes=1))
    assert states(shared) == [ReviewState.PUBLISHED] * (SHARE + 3)
    done = check(shared, REPOSITORY, numbers[-1])
    assert (done.status, done.id) == ("completed", last.id), "one check run, from queued to concluded"


def test_two_floods_share_the_machine_and_none_stands_still(shared: Rig) -> None:
    for number in range(SHARE + 2):
        open_one(shared, REPOSITORY, f"a{number}")
        open_one(shared, OTHER, f"b{number}")
    for minutes in range(4):
        shared.work(after=timedelta(minutes=minutes))
    assert states(shared) == [ReviewState.PUBLISHED] * 2 * (SHARE + 2)
