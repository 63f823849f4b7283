from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from policies.words import Severity
from reviewer.change.anchor import Anchors
from reviewer.change.model import Anchor, Side
from reviewer.demo.simulator import Fault
from reviewer.errors import GitHubUnavailable, LeaseLost, PermissionMissing, RateLimited
from reviewer.findings.model import Coverage, Disposition, PlacedFinding, Reviewed
from reviewer.github.auth import PUBLISH_PERMISSIONS
from reviewer.github.change_source import fetch_change
from reviewer.ledger.keys import Publication
from reviewer.publish.check_runs import CHECK_NAME, CheckRuns
from reviewer.publish.inline import BODY_LIMIT
from reviewer.publish.marker import Kind, Marker, read_marker
from reviewer.publish.publisher import Identity, Posted, publish
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.publish.render import verdict_of
from reviewer.publish.settle import Settle
from reviewer.steps.result import Review, ReviewStatus
from tests.github.lab import REPOSITORY, Lab, commit, lab
from tests.publish.samples import call, finding

NO_WAIT = Settle((0.0, 0.0), sleep=lambda seconds: None)


def review_of(shop: Lab, findings: Sequence[PlacedFinding] = (), **fields: Any) -> Review:
    change = fetch_change(shop.github(), shop.pr, lambda: None).change
    reviewed = tuple(Reviewed(hunk.path, hunk.header, "model:x/y") for hunk in change.hunks)
    values: dict[str, Any] = {
        "change": change,
        "status": ReviewStatus.COMPLETE,
        "findings": tuple(findings),
        "coverage": Coverage(reviewed=reviewed),
        "calls": (call(),),
    }
    return Review(**{**values, **fields})


def at(line: int, *, start: int | None = None, path: str = "app/new.py", **fields: Any) -> PlacedFinding:
    values = {
        "fingerprint": f"{path}-{line}",
        "title": f"Finding on line {line}",
        "path": path,
        "line": line,
        **fields,
    }
    return PlacedFinding(
        finding(**values), Disposition.INLINE, anchor=Anchor(path, Side.RIGHT, line, start), score=0.5
    )


def run(shop: Lab, review: Review, **fields: Any) -> Posted:
    identity = shop.auth.identity()
    values: dict[str, Any] = {
        "verdict": verdict_of(review, fail_on=None),
        "identity": Identity(identity.login, identity.id),
        "fence": lambda: None,
        "settle": NO_WAIT,
    }
    gh = fields.pop("gh", None) or shop.github(PUBLISH_PERMISSIONS)
    pr = fields.pop("pr", None) or shop.pr
    return publish(review, pr, gh, **{**values, **fields})


def inline_bodies(shop: Lab) -> list[str]:
    return [comment.body for comment in shop.simulator.review_comments(REPOSITORY, shop.number)]


def fingerprints(shop: Lab) -> list[str]:
    markers = [read_marker(body) for body in inline_bodies(shop)]
    return sorted(marker.fingerprint for marker in markers if marker)


def summaries(shop: Lab) -> list[str]:
    bodies = [comment.body for comment in shop.simulator.issue_comments(REPOSITORY, shop.number)]
    return [body for body in bodies if (marker := read_marker(body)) and marker.kind is Kind.SUMMARY]


def assert_all_visible(shop: Lab, findings: Sequence[PlacedFinding]) -> None:
    said = "\n".join([*inline_bodies(shop), *summaries(shop)])
    for placed in findings:
        assert placed.finding.title in said, placed.finding.title


def test_one_review_one_summary_one_check_run(shop: Lab) -> None:
    findings = (at(3), at(9, start=7), at(2, path="app/db.py"))
    posted = run(shop, review_of(shop, findings))
    (posted_review,) = shop.simulator.reviews(REPOSITORY, shop.number)
    comments = shop.simulator.review_comments(REPOSITORY, shop.number)
    assert [(comment.path, comment.line, comment.start_line) for comment in comments] == [
        ("app/new.py", 3, None),
        ("app/new.py", 9, 7),
        ("app/db.py", 2, None),
    ]
    assert posted_review.commit_id == shop.pr.head_sha
    (summary,) = summaries(shop)
    assert "3 findings (3 high)" in summary
    assert comments[0].body in inline_bodies(shop)
    (check,) = shop.simulator.check_runs(REPOSITORY)
    assert (check.name, check.status, check.conclusion) == (CHECK_NAME, "completed", "success")
    assert posted.publication.github_review_id == posted_review.id
    assert posted.publication.comment_ids == tuple(comment.id for comment in comments)
    assert posted.publication.check_run_id == check.id
    assert len(posted.urls) == 3
    assert all(url in summary for url in posted.urls.values())
    assert not posted.problems


def test_comments_that_are_listed_at_once_are_not_waited_for(shop: Lab) -> None:
    waits: list[float] = []
    run(shop, review_of(shop, (at(3),)), settle=Settle(sleep=waits.append))
    assert waits == []


def test_the_same_twice_posts_nothing_twice(shop: Lab) -> None:
    review = review_of(shop, (at(3), at(9)))
    first = run(shop, review)
    writes = len([seen for seen in shop.simulator.state.seen if seen.method in ("POST", "PATCH")])
    second = run(shop, review, before=first.publication)
    assert len(shop.simulator.reviews(REPOSITORY, shop.number)) == 1
    assert len(inline_bodies(shop)) == 2
    assert len(shop.simulator.issue_comments(REPOSITORY, shop.number)) == 1
    assert len(shop.simulator.check_runs(REPOSITORY)) == 1
    assert second.publication.comment_ids == first.publication.comment_ids
    more = [seen for seen in shop.simulator.state.seen if seen.method in ("POST", "PATCH")][writes:]
    assert [(seen.method, "check-runs" in seen.path) for seen in more if "access_tokens" not in seen.path] == [
        ("PATCH", True)
    ]


def test_a_second_run_posts_only_what_is_new(shop: Lab) -> None:
    run(shop, review_of(shop, (at(3),)))
    run(shop, review_of(shop, (at(3), at(9))))
    assert fingerprints(shop) == ["app_new.py-3", "app_new.py-9"]
    assert len(summaries(shop)) == 1
    assert "2 findings" in summaries(shop)[0]


def test_a_finding_said_twice_in_one_review_is_one_comment(shop: Lab) -> None:
    run(shop, review_of(shop, (at(3), at(3))))
    assert len(inline_bodies(shop)) == 1


# T11 - GitHub stored it and answered 502, or nothing


@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("path", [r"/pulls/\d+/reviews$", r"/issues/\d+/comments$", r"/check-runs$"])
def test_stored_then_502_leaves_exactly_one(shop: Lab, path: str, times: int) -> None:
    shop.simulator.faults.plan("POST", path, Fault.stored_then_502(), times=times)
    review = review_of(shop, (at(3), at(9)))
    for _attempt in range(times + 1):
        try:
            run(shop, review)
            break
        except GitHubUnavailable:
            continue
    assert fingerprints(shop) == ["app_new.py-3", "app_new.py-9"]
    assert len(shop.simulator.reviews(REPOSITORY, shop.number)) == 1
    assert len(summaries(shop)) == 1
    assert len(shop.simulator.check_runs(REPOSITORY)) == 1


def test_a_502_that_stored_nothing_is_sent_again(shop: Lab) -> None:
    shop.simulator.faults.plan("POST", r"/pulls/\d+/reviews$", Fault.server_error(502))
    run(shop, review_of(shop, (at(3),)))
    assert fingerprints(shop) == ["app_new.py-3"]


def test_no_answer_is_never_sent_again_by_the_same_attempt(own_shop: Lab) -> None:
    shop = own_shop  # its answers come late
    shop.simulator.faults.plan("POST", r"/pulls/\d+/reviews$", Fault(500, delay=2.5))
    review = review_of(shop, (at(3),))
    with pytest.raises(GitHubUnavailable) as raised:
        run(shop, review, gh=shop.github(PUBLISH_PERMISSIONS, timeout=1))
    assert raised.value.status == 0
    assert inline_bodies(shop) == []
    run(shop, review)
    assert fingerprints(shop) == ["app_new.py-3"]


def test_an_answer_after_the_timeout_is_found_not_repeated(own_shop: Lab) -> None:
    shop = own_shop  # its answers come late
    shop.simulator.faults.plan("POST", r"/pulls/\d+/reviews$", Fault.slow(2.5))
    run(shop, review_of(shop, (at(3),)), gh=shop.github(PUBLISH_PERMISSIONS, timeout=1))
    assert len(shop.simulator.reviews(REPOSITORY, shop.number)) == 1


# T12 - limits go back to the queue at once


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("retry_after", [30, None])
def test_a_secondary_limit_frees_the_worker_and_no_request_goes_out_before_its_time(
    shop: Lab, status: int, retry_after: int | None
) -> None:
    review = review_of(shop, (at(3),))
    gh = shop.github(PUBLISH_PERMISSIONS)
    pr = shop.pr
    shop.simulator.faults.plan("POST", r"/pulls/\d+/reviews$", Fault.secondary_limit(retry_after, status))
    with pytest.raises(RateLimited) as raised:
        run(shop, review, gh=gh, pr=pr)
    assert raised.value.retry_after == (retry_after or 60)
    seen = len(shop.simulator.state.seen)
    with pytest.raises(RateLimited):
        run(shop, review, gh=gh, pr=pr)
    assert len(shop.simulator.state.seen) == seen
    run(shop, review)
    assert fingerprints(shop) == ["app_new.py-3"]


def test_the_primary_limit_waits_for_its_reset(shop: Lab) -> None:
    gh = shop.github()
    shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault.primary_limit(600))
    with pytest.raises(RateLimited) as raised:
        gh.pull_request(REPOSITORY, shop.number)
    assert raised.value.retry_after is not None
    assert 590 <= raised.value.retry_after <= 602


# T13 - anchors that GitHub refuses


def test_one_bad_anchor_in_ten_moves_to_the_summary_and_loses_nothing_else(shop: Lab) -> None:
    findings = [at(n) for n in range(1, 10)] + [at(4000, title="Off the diff")]
    posted = run(shop, review_of(shop, findings))
    assert len(inline_bodies(shop)) == 9
    assert len(shop.simulator.reviews(REPOSITORY, shop.number)) == 1
    assert len(shop.sent("POST", "/reviews")) == 1
    assert_all_visible(shop, findings)
    assert "not part of the diff" in summaries(shop)[0]
    assert len(posted.review.by_disposition(Disposition.OUT_OF_DIFF)) == 1


def test_an_anchor_that_only_github_refuses_is_found_among_the_others(
    shop: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Anchors.place

    def believing(
        self: Anchors, path: str, line: int, start_line: int | None = None, side: Side = Side.RIGHT
    ) -> Any:
        return Anchor(path, side, line) if line == 4000 else place(self, path, line, start_line, side)

    monkeypatch.setattr(Anchors, "place", believing)
    findings = [at(n) for n in range(1, 10)] + [at(4000, title="Off the diff")]
    run(shop, review_of(shop, findings))
    assert len(inline_bodies(shop)) == 9
    assert len(set(fingerprints(shop))) == 9
    assert_all_visible(shop, findings)


def test_all_bad_anchors_end_in_the_summary(shop: Lab) -> None:
    findings = [at(n, title=f"Off the diff {n}") for n in range(4000, 4010)]
    run(shop, review_of(shop, findings))
    assert shop.simulator.reviews(REPOSITORY, shop.number) == []
    assert_all_visible(shop, findings)


@pytest.mark.parametrize("start", [5, 7, 9999])
def test_a_start_that_equals_or_passes_its_line_is_made_regular(shop: Lab, start: int) -> None:
    run(shop, review_of(shop, (at(5, start=start),)))
    (comment,) = shop.simulator.review_comments(REPOSITORY, shop.number)
    assert (comment.line, comment.start_line) == (5, None)


def test_a_range_over_two_hunks_keeps_its_last_line(shop: Lab) -> None:
    (hunk_a, hunk_b) = [hunk for hunk in review_of(shop).change.hunks if hunk.path == "app/db.py"]
    placed = at(hunk_b.new_start + 1, start=hunk_a.new_start, path="app/db.py")
    run(shop, review_of(shop, (placed,)))
    (comment,) = shop.simulator.review_comments(REPOSITORY, shop.number)
    assert (comment.line, comment.start_line) == (hunk_b.new_start + 1, None)


def test_a_body_of_70_000_characters_is_cut_and_says_so(shop: Lab) -> None:
    run(shop, review_of(shop, (at(3, body="word " * 14_000),)))
    (body,) = inline_bodies(shop)
    assert len(body) < BODY_LIMIT
    assert "more characters" in body


def test_120_findings_are_all_visible(shop: Lab) -> None:
    inline = [at(n) for n in range(1, 31)]
    rest = [
        replace(
            at(n, body="Reason. " * 100, severity=Severity.MEDIUM), disposition=Disposition.SUMMARY, anchor=None
        )
        for n in range(31, 121)
    ]
    run(shop, review_of(shop, [*inline, *rest]))
    assert len(inline_bodies(shop)) == 30
    assert_all_visible(shop, [*inline, *rest])
    assert len(summaries(shop)[0]) <= BODY_LIMIT


# T18, and everything that changes while we write


def test_a_token_revoked_in_the_middle_costs_one_more_token(shop: Lab) -> None:
    shop.simulator.faults.plan(
        "POST", r"/pulls/\d+/reviews$", Fault(hook=lambda: shop.simulator.revoke_tokens() and None)
    )
    run(shop, review_of(shop, (at(3),)))
    assert fingerprints(shop) == ["app_new.py-3"]
    assert len(summaries(shop)) == 1
    assert len(shop.simulator.check_runs(REPOSITORY)) == 1


def test_nothing_is_said_on_a_stale_head(own_shop: Lab) -> None:
    shop = own_shop
    review = review_of(shop, (at(3),))
    pr = shop.pr
    identity = shop.auth.identity()
    CheckRuns(shop.github(PUBLISH_PERMISSIONS), REPOSITORY, identity.id).start(pr.head_sha)
    commit(shop.source, {"app/new.py": "x = 1\n"}, "newer")
    shop.simulator.push(REPOSITORY, "topic", source=shop.source, revision="HEAD")
    posted = run(shop, review, pr=pr)
    assert posted.stale
    assert inline_bodies(shop) == []
    assert summaries(shop) == []
    (check,) = shop.simulator.check_runs(REPOSITORY)
    assert (check.status, check.conclusion) == ("completed", "cancelled")


def test_a_push_at_the_moment_of_posting_makes_the_review_stale_not_a_hunt_for_bad_lines(own_shop: Lab) -> None:
    review, pr = review_of(own_shop, (at(3), at(9))), own_shop.pr

    def push() -> None:
        commit(own_shop.source, {"app/new.py": "x = 1\n"}, "newer")
        own_shop.simulator.push(REPOSITORY, "topic", source=own_shop.source, revision="HEAD")

    refusal = Fault(422, "Unprocessable Entity", hook=push)
    own_shop.simulator.faults.plan("POST", r"/pulls/\d+/reviews$", refusal)
    posted = run(own_shop, review, pr=pr)
    assert posted.stale
    assert len(own_shop.sent("POST", "/reviews")) == 1
    assert inline_bodies(own_shop) == []
    assert summaries(own_shop) == []


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_lost_lease_stops_the_next_write(shop: Lab, writes: int) -> None:
    left = writes

    def fence() -> None:
        nonlocal left
        if not left:
            raise LeaseLost("taken over")
        left -= 1

    with pytest.raises(LeaseLost):
        run(shop, review_of(shop, (at(3),)), fence=fence)
    assert len(inline_bodies(shop)) == min(writes, 1)
    assert len(summaries(shop)) == max(0, writes - 1)
    assert shop.simulator.check_runs(REPOSITORY) == []


def test_every_step_is_saved(shop: Lab) -> None:
    saved: list[Publication] = []
    run(shop, review_of(shop, (at(3),)), save=saved.append)
    # What the verdict is of; then each of the three before it is sent and after its answer.
    assert [each.writing for each in saved] == ["", "review", "", "summary", "", "check run", ""]
    assert [bool(each.comment_ids) for each in saved] == [False, False, True, True, True, True, True]
    assert [bool(each.summary_comment_id) for each in saved] == [False, False, False, False, True, True, True]
    assert [bool(each.check_run_id) for each in saved] == [False] * 6 + [True]
    assert {(each.head_sha, each.base_sha) for each in saved} == {(shop.pr.head_sha, shop.pr.base_sha)}


def test_the_check_run_of_the_start_is_the_one_that_is_concluded(shop: Lab) -> None:
    identity = shop.auth.identity()
    gh = shop.github(PUBLISH_PERMISSIONS)
    started = CheckRuns(gh, REPOSITORY, identity.id).start(shop.pr.head_sha)
    again = CheckRuns(gh, REPOSITORY, identity.id).start(shop.pr.head_sha)
    assert again.id == started.id
    run(shop, review_of(shop))
    (check,) = shop.simulator.check_runs(REPOSITORY)
    assert check.status == "completed"


def test_a_forged_marker_of_a_person_is_left_alone(shop: Lab) -> None:
    forged = Marker(Kind.SUMMARY, head="a" * 40).line() + "\nAll good, merge!"
    shop.simulator.comment(REPOSITORY, shop.number, forged, author="octocat")
    run(shop, review_of(shop, (at(3),)))
    bodies = [comment.body for comment in shop.simulator.issue_comments(REPOSITORY, shop.number)]
    assert bodies[0] == forged
    assert len(bodies) == 2


def test_two_summaries_of_ours_become_one_again(shop: Lab) -> None:
    gh = shop.github(PUBLISH_PERMISSIONS)
    for _ in range(2):
        gh.create_comment(REPOSITORY, shop.number, Marker(Kind.SUMMARY, head="b" * 40).line() + "\nold")
    run(shop, review_of(shop))
    assert len(summaries(shop)) == 1
    assert "old" not in summaries(shop)[0]


def test_without_checks_permission_the_review_is_posted_and_the_summary_says_what_is_missing(shop: Lab) -> None:
    limited = {name: level for name, level in PUBLISH_PERMISSIONS.items() if name != "checks"}
    posted = run(shop, review_of(shop, (at(3),)), gh=shop.github(limited))
    assert len(inline_bodies(shop)) == 1
    assert "checks: write" in summaries(shop)[0], (posted.problems, summaries(shop)[0][:600])
    assert posted.problems


def test_without_any_permission_to_write_the_error_names_it(shop: Lab) -> None:
    with pytest.raises(PermissionMissing) as raised:
        run(shop, review_of(shop, (at(3),)), gh=shop.github({"pull_requests": "read", "metadata": "read"}))
    assert "write" in raised.value.permission


def test_where_only_the_check_run_is_allowed_it_carries_the_findings(shop: Lab) -> None:
    allowed = {"checks": "write", "pull_requests": "read", "metadata": "read"}
    posted = run(shop, review_of(shop, (at(3),)), gh=shop.github(allowed))
    (check,) = shop.simulator.check_runs(REPOSITORY)
    assert "Finding on line 3" in (check.text or "")
    assert check.annotations
    assert len(posted.problems) == 2


def test_no_secret_of_ours_leaves_in_any_sink(shop: Lab) -> None:
    canary = "canary-Zk39xQ7pLm2VtR8wYb5N"
    findings = (
        at(
            3,
            title=f"Leak {canary}",
            body=f"The key is {canary[::-1]} or {canary.encode().hex()}",
            suggestion=f"x = '{canary}'",
        ),
        replace(at(4, title=canary), disposition=Disposition.SUPPRESSED, anchor=None, reason=canary),
    )
    run(shop, review_of(shop, findings, notices=(canary,)), secrets=OwnSecrets([canary]))
    sent = "\n".join(shop.sent("POST", "/") + shop.sent("PATCH", "/")).lower()
    letters = re.sub(r"[^a-z0-9]", "", sent)
    for form in (canary, canary[::-1], canary.encode().hex()):
        assert re.sub(r"[^a-z0-9]", "", form.lower()) not in letters
    assert "```suggestion" not in sent


def test_the_requests_are_few(shop: Lab) -> None:
    review = review_of(shop, (at(3),))
    shop.auth.identity()
    pr, gh = shop.pr, shop.github(PUBLISH_PERMISSIONS)
    shop.simulator.state.seen.clear()
    run(shop, review, pr=pr, gh=gh)
    assert len(shop.simulator.state.seen) <= 10
    assert json.loads(shop.sent("POST", "/reviews")[0])["event"] == "COMMENT"


def test_a_repository_of_another_language_of_paths(tmp_path: Any) -> None:
    name = 'src/caf\u00e9 "quoted" [x](y).py'
    with lab(tmp_path, head={name: "a = 1\nb = 2\n"}) as shop:
        run(shop, review_of(shop, (at(2, path=name),)))
        (comment,) = shop.simulator.review_comments(REPOSITORY, shop.number)
        assert comment.path == name
