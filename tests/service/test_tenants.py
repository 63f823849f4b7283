"""Two installations on one service, with the same code under the same names, never see each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reviewer.demo.simulator.state import IssueComment
from reviewer.ledger.keys import ReviewState
from tests.demo.world import commit, git
from tests.service.rig import BOT, HEAD, REPOSITORY, Rig, _texts, answer, rig
from tests.simulators.behaviour import Behaviour, Say

OTHER = "beta/shop"
SECRET = "Acme's margin is 41 percent"


@pytest.fixture(scope="module")
def tenants(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("service")) as made:
        # A second organisation whose repository has the same commits, owners apart.
        made.simulator.create_repository(
            OTHER, source=made.source, private=True, collaborators={"octocat": "write"}
        )
        made.simulator.install("beta")
        yield made


def says(secret: str) -> Any:
    def reply(body: Any) -> Behaviour:
        said = json.loads(answer(body))
        for finding in said.get("findings", ()):
            finding["body"] += f" {secret}."
        return Say(json.dumps(said))

    return reply


def open_in(made: Rig, repository: str, name: str) -> int:
    git(made.source, "checkout", "--quiet", "-B", name, "main")
    sha = commit(made.source, name, HEAD)
    made.simulator.push(repository, name, source=made.source, revision=sha)
    number = made.simulator.open_pull_request(repository, title="A change", head=name)
    assert made.simulator.hooks.wait()
    made.work()
    return number


def ours(made: Rig, repository: str, number: int) -> list[str]:
    comments: list[IssueComment] = made.simulator.issue_comments(repository, number)
    inline = made.simulator.review_comments(repository, number)
    return [row.body for row in (*comments, *inline) if row.user.login == BOT]


def test_the_same_change_in_another_installation_is_asked_about_anew_and_told_nothing(tenants: Rig) -> None:
    """Answers, dismissals and spend are one tenant's own, though code and names are alike."""
    tenants.reviewer.next += [says(SECRET)] * 8
    first = open_in(tenants, REPOSITORY, "change")
    asked = tenants.calls
    assert any(SECRET in body for body in ours(tenants, REPOSITORY, first))
    # Dismissed in one tenant, and its spend asked for there.
    for comment in tenants.simulator.review_comments(REPOSITORY, first):
        tenants.simulator.resolve_thread(comment, author="octocat")
    tenants.simulator.comment(REPOSITORY, first, "/kilo usage", author="octocat")
    assert tenants.simulator.hooks.wait()
    tenants.work()

    tenants.reviewer.next.clear()
    second = open_in(tenants, OTHER, "change")
    assert second == first, "the same number too"
    new = tenants.provider.requests[asked:]
    assert new, "nothing was answered from the other tenant's store"
    assert not any(SECRET in "\n".join(_texts(request.body)) for request in new)
    told = ours(tenants, OTHER, second)
    assert not any(SECRET in body or "dismissed" in body for body in told)
    assert sum("Division by zero" in body for body in told) >= 1

    tenants.simulator.comment(OTHER, second, "/kilo usage", author="octocat")
    assert tenants.simulator.hooks.wait()
    tenants.work()
    assert any("This pull request had 1 review" in body for body in ours(tenants, OTHER, second))
    rows = tenants.ledger.reviews.recent(100)
    assert {row.state for row in rows} == {ReviewState.PUBLISHED}
    by_repository = {row.key.repo_id for row in rows}
    assert len(by_repository) == 2


def test_in_one_repository_the_same_change_costs_nothing_again(tenants: Rig) -> None:
    """Without this the test above could pass because nothing is ever stored."""
    open_in(tenants, REPOSITORY, "again-1")
    asked = tenants.calls
    open_in(tenants, REPOSITORY, "again-2")
    assert tenants.calls == asked
