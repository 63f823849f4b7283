"""The life of a review's key: one live head and base, one concluded check of its newest review."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from reviewer.demo.simulator import Fault
from reviewer.jobs import run as service_run
from reviewer.ledger.keys import MAX_TRIES, ReviewState
from reviewer.ledger.tables import review_documents
from reviewer.publish.check_runs import pull_request_of
from tests.demo.world import commit, git
from tests.service.rig import HEAD, ORDERS, REPOSITORY, TAX, Rig, answer
from tests.simulators.behaviour import Behaviour, Say, Status

LATER = timedelta(hours=1)
CLEAN = "NAMES = ('ann', 'bob')\n"
DOWN = Status(503, "down")


def pushed(service: Rig, branch: str, revision: str) -> None:
    service.simulator.push(REPOSITORY, branch, source=service.source, revision=revision)
    assert service.simulator.hooks.wait()


def branch(service: Rig, name: str, start: str, files: dict[str, str]) -> str:
    """Push a branch with one more commit than `start`; return the commit."""
    git(service.source, "checkout", "--quiet", "-B", name, start)
    sha = commit(service.source, name, files)
    pushed(service, name, sha)
    return sha


def conclusion(service: Rig, number: int) -> str | None:
    check = service.shown(number).check
    assert check.status == "completed"
    return check.conclusion


def states(service: Rig, number: int) -> list[ReviewState]:
    return [row.state for row in service.rows(number)]


# Another base


def test_another_base_is_another_verdict_on_the_same_check(service: Rig) -> None:
    branch(service, "stack", "main", {"shop/bad.py": ORDERS})
    branch(service, "top", "stack", {"shop/ok.py": CLEAN})
    number = service.simulator.open_pull_request(REPOSITORY, title="Top", head="top", base="stack")
    service.simulator.hooks.wait()
    service.work()
    assert conclusion(service, number) == "success"
    # The branch below is merged, and GitHub moves the pull request to the branch below that.
    service.simulator.retarget(REPOSITORY, number, "main")
    service.simulator.hooks.wait()
    service.work()
    assert conclusion(service, number) == "failure"
    # And back: the published review of the first base is not what the check shows any more.
    service.simulator.retarget(REPOSITORY, number, "stack")
    service.simulator.hooks.wait()
    asked = service.calls
    service.work()
    assert conclusion(service, number) == "success"
    # Whatever was answered before is not paid for again.
    assert service.calls == asked


def test_a_base_that_changes_while_the_review_waits_makes_one_review(service: Rig) -> None:
    branch(service, "release", "main", {"NOTES.md": "x\n"})
    number = service.open()
    service.simulator.retarget(REPOSITORY, number, "release")
    service.simulator.hooks.wait()
    service.work()
    assert sorted(states(service, number)) == [ReviewState.PUBLISHED, ReviewState.SUPERSEDED]
    assert conclusion(service, number) == "failure"


# Two pull requests with one head


def test_two_pull_requests_with_one_head_have_a_check_each(service: Rig) -> None:
    branch(service, "low", "main", {"shop/defects.py": ORDERS})
    branch(service, "high", "low", {"shop/fine.py": CLEAN})
    numbers = [
        service.simulator.open_pull_request(REPOSITORY, title=base, head="high", base=base)
        for base in ("main", "low")
    ]
    service.simulator.hooks.wait()
    service.work()
    found = {pull_request_of(run.external_id): run.conclusion for run in service.shown(numbers[0]).checks}
    assert found == dict(zip(numbers, ("failure", "success"), strict=True))
    # Neither closing one nor running it again touches the other's.
    service.simulator.act(REPOSITORY, numbers[0], "closed")
    service.command(numbers[1], "/kilo review")
    service.work()
    again = {pull_request_of(run.external_id): run.conclusion for run in service.shown(numbers[1]).checks}
    assert again == found


# A head that comes back


@pytest.mark.parametrize("published", [True, False], ids=["after its review", "before its review"])
def test_a_head_that_was_pushed_away_and_comes_back_is_reviewed(service: Rig, *, published: bool) -> None:
    number = service.open()
    topic, first = (service.simulator.pull(REPOSITORY, number).head_ref, service.row(number).key.head_sha)
    if published:
        service.work()
    second = service.push(number, {"shop/orders.py": CLEAN, "shop/report.py": CLEAN})
    service.work()
    assert service.shown(number, second).check.conclusion == "success"
    pushed(service, topic, first)
    service.work()
    assert conclusion(service, number) == "failure"
    assert f"head={first}" in service.shown(number).summary
    assert service.row(number).state is ReviewState.PUBLISHED


def test_a_pull_request_closed_before_its_review_is_reviewed_when_it_is_reopened(service: Rig) -> None:
    number = service.open()
    service.simulator.act(REPOSITORY, number, "closed")
    service.simulator.hooks.wait()
    service.work()
    assert states(service, number) == [ReviewState.REFUSED]
    service.simulator.act(REPOSITORY, number, "reopened")
    service.simulator.hooks.wait()
    service.work()
    assert states(service, number) == [ReviewState.REFUSED, ReviewState.PUBLISHED]
    # Reopened once more there is nothing new to say.
    service.simulator.act(REPOSITORY, number, "closed")
    service.simulator.act(REPOSITORY, number, "reopened")
    service.simulator.hooks.wait()
    assert service.work() == []
    assert conclusion(service, number) == "failure"


def test_a_pull_request_that_becomes_a_draft_while_it_waits_is_reviewed_when_it_is_ready(service: Rig) -> None:
    number, asked = service.open(), service.calls
    service.simulator.act(REPOSITORY, number, "converted_to_draft")
    service.simulator.hooks.wait()
    service.work()
    assert (states(service, number), service.calls) == ([ReviewState.REFUSED], asked)
    # Whoever may command is not refused: they see that it is a draft.
    service.command(number, "/kilo review")
    service.work()
    assert conclusion(service, number) == "failure"
    service.simulator.act(REPOSITORY, number, "ready_for_review")
    service.simulator.hooks.wait()
    service.work()
    assert conclusion(service, number) == "failure"


# GitHub answers late, or elsewhere


def test_one_answer_of_a_lagging_replica_ends_no_review(service: Rig) -> None:
    number = service.open()
    service.simulator.lag(REPOSITORY, number)
    head = service.push(number, {"shop/tax.py": TAX})
    service.work()
    assert states(service, number) == [ReviewState.SUPERSEDED, ReviewState.PUBLISHED]
    assert f"head={head}" in service.shown(number).summary


def test_a_replica_that_lags_on_makes_the_newest_review_wait(service: Rig) -> None:
    number = service.open()
    service.simulator.lag(REPOSITORY, number, answers=5)
    head = service.push(number, {"shop/tax.py": TAX})
    newest = service.row(number)
    service.again(newest.id)
    waiting = service.row(number)
    assert waiting.state is ReviewState.ACCEPTED
    assert waiting.attempts == 0
    assert "older than the delivery" in waiting.error
    service.simulator.state.replicas.clear()
    service.again(newest.id, after=timedelta(seconds=5))
    assert service.row(number).state is ReviewState.PUBLISHED
    assert f"head={head}" in service.shown(number).summary


def test_a_replica_that_lags_at_the_publication_makes_it_wait(service: Rig) -> None:
    number = service.open()
    service.simulator.lag(REPOSITORY, number, answers=0)
    stale, _ = service.simulator.state.replicas[service.simulator.pull(REPOSITORY, number).id]
    stale = {**stale, "head": {**stale["head"], "sha": "0" * 40}, "updated_at": "2020-01-01T00:00:00Z"}

    def lag(body: object) -> Behaviour:
        service.simulator.state.replicas[service.simulator.pull(REPOSITORY, number).id] = (stale, 2)
        return Say(answer(body))

    service.reviewer.next = [lag]
    service.work()
    assert service.row(number).state is ReviewState.REVIEWED
    service.work(after=LATER)
    assert conclusion(service, number) == "failure"


def test_a_repository_that_is_renamed_while_a_review_waits_is_followed(service: Rig) -> None:
    number = service.open()
    name = service.simulator.rename_repository(REPOSITORY, "store")
    try:
        service.work()
        assert service.simulator.hooks.wait()
        rows = [row for row in service.ledger.reviews.recent(5) if row.key.number == number]
        assert [row.state for row in rows] == [ReviewState.PUBLISHED]
        head = service.simulator.pull(name, number).head_sha
        assert [run.conclusion for run in service.simulator.check_runs(name, head)] == ["failure"]
        assert len(service.simulator.review_comments(name, number)) == 3
    finally:
        service.simulator.rename_repository(name, REPOSITORY.partition("/")[2])


# Re-runs


def fork(service: Rig, files: dict[str, str]) -> int:
    """Open a pull request from a fork, whose check runs name no pull request."""
    service.branches += 1
    owner = f"mallory-{service.branches}"
    name = f"evil-{service.branches}"
    parent = service.simulator.repository(REPOSITORY)
    service.simulator.create_repository(f"{owner}/shop", source=service.source, parent=parent)
    git(service.source, "checkout", "--quiet", "-B", name, "main")
    sha = commit(service.source, name, files)
    service.simulator.push(f"{owner}/shop", name, source=service.source, revision=sha)
    number = service.simulator.open_pull_request(
        REPOSITORY, title="From a fork", head=name, head_repository=f"{owner}/shop", author=owner
    )
    assert service.simulator.hooks.wait()
    return number


@pytest.mark.parametrize("button", ["rerun_check", "rerun_suite"])
@pytest.mark.parametrize("own", [True, False], ids=["own branch", "fork"])
def test_a_review_that_failed_is_run_again_by_github_s_buttons(service: Rig, button: str, *, own: bool) -> None:
    service.reviewer.always = DOWN
    files = {path: f"{text}# {button} {own}\n" for path, text in HEAD.items()}
    number = service.open(dict(files)) if own else fork(service, files)
    service.work()
    assert conclusion(service, number) == "neutral"
    service.reviewer.always = None
    getattr(service.simulator, button)(service.shown(number).check)
    assert service.simulator.hooks.wait()
    service.work()
    assert conclusion(service, number) == "failure"
    # Whoever may not write may not press it either.
    rows = len(service.rows(number))
    getattr(service.simulator, button)(service.shown(number).check, author="rea")
    assert service.simulator.hooks.wait()
    assert len(service.rows(number)) == rows


def test_a_merge_group_shows_the_verdict_of_its_pull_request(service: Rig) -> None:
    number, other = service.open(), service.open({"shop/names.py": CLEAN})
    service.work()
    asked = service.calls
    for pull, expected in ((number, "failure"), (other, "success")):
        git(service.source, "checkout", "--quiet", "-B", f"group-{pull}", "main")
        sha = commit(service.source, "group", {f"group-{pull}.md": "x\n"})
        service.simulator.queue_for_merge(REPOSITORY, pull, source=service.source, revision=sha)
        assert service.simulator.hooks.wait()
        service.work()
        assert [run.conclusion for run in service.shown(pull, sha).checks] == [expected]
    assert service.calls == asked
    # A head without a verdict gives its group none.
    unknown = service.open(draft=True)
    git(service.source, "checkout", "--quiet", "-B", "group-0", "main")
    sha = commit(service.source, "group", {"group-0.md": "x\n"})
    service.simulator.queue_for_merge(REPOSITORY, unknown, source=service.source, revision=sha)
    assert service.simulator.hooks.wait()
    service.work(only=unknown)
    assert [run.conclusion for run in service.shown(unknown, sha).checks] == ["neutral"]


# A later run that fails


def note(service: Rig, number: int) -> str:
    return service.shown(number).check.summary or ""


@pytest.mark.parametrize("files", [None, {"shop/names.py": CLEAN}], ids=["red", "green"])
def test_a_rerun_that_no_model_answers_leaves_the_verdict_with_a_note(
    service: Rig, files: dict[str, str | bytes | None] | None
) -> None:
    number = service.open(files)
    service.work()
    before, body = conclusion(service, number), service.shown(number).summary
    assert before in ("failure", "success")
    service.reviewer.always = DOWN
    service.command(number, "/kilo review --strategy frontier")
    service.work()
    assert conclusion(service, number) == before
    assert "A later run came to no verdict" in note(service, number)
    assert service.shown(number).summary == body
    reply = service.simulator.issue_comments(REPOSITORY, number)[-1].body
    assert "stays as it is" in reply
    service.again(service.row(number).id, after=LATER)
    assert service.simulator.issue_comments(REPOSITORY, number)[-1].body == reply


def test_a_rerun_that_is_parked_leaves_the_verdict_with_a_note(service: Rig) -> None:
    number = service.open({"shop/names.py": CLEAN})
    service.work()
    service.command(number, "/kilo review")
    # GitHub refuses what the pipeline needs, until the review is given up.
    service.simulator.faults.plan("POST", r"/graphql$", Fault(422, "no"), times=50)
    for hours in range(1, MAX_TRIES + 1):
        service.work(after=hours * LATER)
    service.simulator.faults.clear()
    assert service.row(number).state in (ReviewState.PARKED, ReviewState.FAILED)
    service.announce()
    assert conclusion(service, number) == "success"
    assert "A later run came to no verdict" in note(service, number)


def test_a_model_that_nobody_has_is_answered_with_words_and_the_verdict_stays(service: Rig) -> None:
    number = service.open()
    service.work()
    before, asked = service.posted(number), service.calls
    for name in ("nobody/nothing", "anthropic/claude-opus-5.5"):
        service.command(number, f"/kilo review --model {name}")
        service.work()
        assert conclusion(service, number) == "failure"
        assert "A later run" not in note(service, number)
        reply = service.simulator.issue_comments(REPOSITORY, number)[-1].body
        assert "stays as it is" in reply
        assert name.partition("/")[0] in reply.lower()
    assert service.calls == asked
    assert service.posted(number) - before == {"comments": 4}


def test_a_change_that_every_model_is_uncertain_about_is_not_green(service: Rig) -> None:
    number = service.open({"shop/names.py": f"NAMES = ({service.branches},)\n"})
    service.reviewer.always = Say('{"lookups": [], "findings": [], "uncertain": true}')
    service.work()
    assert conclusion(service, number) == "neutral"
    assert "no issues" not in service.shown(number).summary


# A stored review, a stop, a push


def test_a_stored_review_of_an_older_version_is_made_again_and_not_parked(service: Rig) -> None:
    number = service.open()
    service.simulator.faults.plan("POST", r"/pulls/\d+/reviews$", Fault.secondary_limit(60))
    service.work()
    assert service.row(number).state is ReviewState.REVIEWED
    asked = service.calls
    statement = review_documents.update().values(document=json.dumps({"version": 0, "review": {}}))
    service.ledger.db.write(lambda connection: connection.execute(statement).rowcount)
    service.work(after=LATER)
    assert conclusion(service, number) == "failure"
    # Every answer was stored: the review is read from them.
    assert service.calls == asked


def test_no_number_of_deploys_parks_a_review(service: Rig) -> None:
    class Stopped(BaseException):
        """What a worker raises in a work-horse that was told to stop."""

    number = service.open()

    def stop(_body: object) -> Behaviour:
        return Status(503, "down")

    for _deploy in range(2 * MAX_TRIES):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(service_run, "make_review", _raiser(Stopped()))
            with pytest.raises(Stopped):
                service.work(only=number)
        row = service.row(number)
        assert (row.state, row.attempts) == (ReviewState.ACCEPTED, 0)
    service.reviewer.next = [stop]
    service.work()
    assert conclusion(service, number) == "failure"


def _raiser(error: BaseException):
    def fail(*_: object) -> None:
        raise error

    return fail


def test_a_command_is_not_lost_to_a_push_in_the_middle_of_its_review(service: Rig) -> None:
    number = service.open({"docs/notes.md": f"# Notes {service.branches}\n"})
    service.work()
    service.command(number, "/kilo review --strategy frontier")
    command = service.row(number).id

    def push(body: object) -> Behaviour:
        service.push(number, {"shop/tax.py": TAX})
        return Say(answer(body))

    service.reviewer.next = [push]
    service.work()
    row = service.ledger.reviews.get(command)
    assert row is not None
    assert row.state is ReviewState.ACCEPTED
    models = len(service.reviewer.models)
    service.work(after=LATER)
    service.work(after=2 * LATER)
    assert [row.state for row in service.rows(number)] == [ReviewState.PUBLISHED] * 3
    assert "gpt-6.1-sol" in service.reviewer.models[models:]
    assert conclusion(service, number) == "failure"


def test_at_its_cap_a_pull_request_is_told_once_an_hour(service: Rig) -> None:
    number = service.open()
    for _ in range(6):
        service.command(number, "/kilo review")
    service.work()
    service.announce()
    service.announce()
    told = [
        row.body
        for row in service.simulator.issue_comments(REPOSITORY, number)
        if row.body.startswith("<!-- kilo-app:capped ")
    ]
    assert len(told) == 1
    assert "Not reviewed" in told[0]
    # What the review found stays on the check.
    assert conclusion(service, number) == "failure"
