"""What people do in the threads of findings, and what we make of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reviewer.demo.simulator import Fault
from reviewer.demo.simulator.state import ReviewComment
from reviewer.ledger.keys import ReviewState
from tests.demo.world import commit, git
from tests.service.rig import BOT, ORDERS, REPOSITORY, TAX, Rig
from tests.simulators.behaviour import Say

NOTHING = Say('{"findings": [], "needs": [], "uncertain": false}')
WRITER, READER = "octocat", "rea"


@pytest.fixture
def told(service: Rig) -> tuple[int, ReviewComment]:
    """A pull request that was told of one defect, and its comment."""
    number = service.open({"shop/tax.py": TAX.replace('."""', f', {service.branches}."""')})
    service.work(only=number)
    (comment,) = service.shown(number).inline
    return number, comment


def push_elsewhere(service: Rig, number: int) -> None:
    service.push(number, {f"docs/page-{service.branches}.md": "# A page\n"})
    service.work(only=number)
    assert service.row(number).state is ReviewState.PUBLISHED


def mend(service: Rig, number: int) -> str:
    sha = service.push(number, {"shop/tax.py": TAX.replace("- tax", "+ tax")})
    service.work(only=number)
    return sha


def ours(service: Rig, number: int) -> list[str]:
    return [row.body for row in service.shown(number).inline]


@pytest.mark.parametrize("who", [WRITER, READER])
@pytest.mark.parametrize("how", ["resolves", "votes it down", "replies"])
def test_only_who_may_command_dismisses_a_finding(
    service: Rig, told: tuple[int, ReviewComment], who: str, how: str
) -> None:
    number, comment = told
    if how == "resolves":
        service.simulator.resolve_thread(comment, author=who)
    elif how == "votes it down":
        service.simulator.react(comment, "-1", author=who)
    else:
        service.simulator.reply(comment, "False positive: the tax is negative here.", author=who)
    push_elsewhere(service, number)
    assert len(ours(service, number)) == 1
    assert service.shown(number).check.conclusion == ("success" if who == WRITER else "failure")
    if who == WRITER:
        assert "dismissed before" in service.shown(number).summary


def test_talk_is_no_dismissal_and_nothing_is_said_into_it(service: Rig, told: tuple[int, ReviewComment]) -> None:
    number, comment = told
    service.simulator.reply(comment, "Is this by design? I would have to look.", author=WRITER)
    push_elsewhere(service, number)
    assert service.shown(number).check.conclusion == "failure"
    assert len(ours(service, number)) == 1
    assert comment.resolved_by is None


def test_where_people_spoke_a_fixed_finding_gets_one_closing_reply_and_stays_theirs_to_resolve(
    service: Rig, told: tuple[int, ReviewComment]
) -> None:
    number, comment = told
    service.simulator.reply(comment, "Good catch.", author=WRITER)
    sha = mend(service, number)
    push_elsewhere(service, number)
    first, closing = ours(service, number)
    assert first == comment.body
    assert f"Fixed in [`{sha[:7]}`]" in closing
    assert (comment.resolved_by, comment.minimized) == (None, None)
    assert service.shown(number).check.conclusion == "success"


def test_a_fixed_finding_whose_code_comes_back_is_open_again_in_its_own_thread(
    service: Rig, told: tuple[int, ReviewComment]
) -> None:
    number, comment = told
    branch, old = service.simulator.pull(REPOSITORY, number).head_ref, service.row(number).key.head_sha
    mend(service, number)
    assert comment.resolved_by is not None
    assert comment.minimized == "OUTDATED"
    service.simulator.push(REPOSITORY, branch, source=service.source, revision=old)
    assert service.simulator.hooks.wait()
    service.work(only=number)
    assert service.shown(number).check.conclusion == "failure"
    assert (comment.resolved_by, comment.minimized) == (None, None)
    assert [body.count("kilo-app:1 finding") for body in ours(service, number)] == [1, 0, 0]
    assert "back in" in ours(service, number)[-1]


def test_a_closing_reply_whose_answer_does_not_come_is_said_once(
    service: Rig, told: tuple[int, ReviewComment]
) -> None:
    number, comment = told
    service.simulator.faults.plan("POST", r"/replies$", Fault.stored_then_502())
    mend(service, number)
    service.work(only=number, after=timedelta(minutes=30))
    assert service.row(number).state is ReviewState.PUBLISHED
    assert len(ours(service, number)) == 2
    assert comment.resolved_by is not None
    assert comment.resolved_by.login == BOT


def test_a_model_that_is_silent_about_code_that_stands_as_it_did_has_mended_nothing(service: Rig) -> None:
    far = "".join(f"# line {number}\n" for number in range(30))
    number = service.open({"shop/orders.py": ORDERS + far})
    service.work(only=number)
    before = ours(service, number)
    service.reviewer.always = NOTHING
    # The file is one hunk, so it is asked about again; what changed is far from the findings.
    service.push(number, {"shop/orders.py": f"{ORDERS}{far}LAST = 1\n"})
    service.work(only=number)
    assert service.shown(number).check.conclusion == "failure"
    assert ours(service, number) == before
    # Mended beside the line that was quoted: the model that is silent then is believed.
    guarded = ORDERS.replace(
        "    return price / count", "    if not count:\n        return 0\n    return price / count"
    )
    service.push(number, {"shop/orders.py": f"{guarded}{far}LAST = 1\n"})
    service.work(only=number)
    division, index = (row for row in service.shown(number).inline if row.in_reply_to is None)
    assert "Division" in division.body
    assert division.resolved_by is not None
    del index


def test_what_a_stacked_pull_request_shares_with_the_one_below_is_reviewed_once(service: Rig) -> None:
    low = service.open({"shop/low.py": ORDERS.replace("Orders", f"Low {service.branches}")})
    low_branch = service.simulator.pull(REPOSITORY, low).head_ref
    service.work(only=low)
    git(service.source, "checkout", "--quiet", "-B", f"{low_branch}-top", low_branch)
    tip = commit(service.source, "top", {"shop/top.py": f"TOP = {service.branches}\n"})
    service.simulator.push(REPOSITORY, f"{low_branch}-top", source=service.source, revision=tip)
    top = service.simulator.open_pull_request(REPOSITORY, title="Top", head=f"{low_branch}-top", base=low_branch)
    assert service.simulator.hooks.wait()
    service.work(only=top)
    assert service.shown(top).lines == []
    asked = service.calls
    # The branch below is merged elsewhere, and GitHub moves the pull request onto its base.
    service.simulator.retarget(REPOSITORY, top, "main")
    assert service.simulator.hooks.wait()
    service.work(only=top)
    assert service.calls == asked
    # It is its own pull request all the same: it is told what its lines hold.
    assert [path for path, _line in service.shown(top).lines] == ["shop/low.py", "shop/low.py"]
