from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.demo.simulator import Fault
from reviewer.errors import (
    ConfigurationError,
    GitHubUnavailable,
    KiloReviewError,
    LeaseLost,
    NotFound,
    PermissionMissing,
    RateLimited,
    RequestRejected,
)
from reviewer.github.api import READ_RETRIES, Api
from reviewer.github.failures import DEFAULT_WAIT_S, errors_of, explain
from tests.github.lab import REPOSITORY, Lab

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def told(
    status: int, headers: dict[str, str] | None = None, message: str = "words", **more: object
) -> KiloReviewError:
    return explain(
        status, headers or {}, {"message": message, **more}, doing="do it", needs="checks: write", now=NOW
    )


@pytest.mark.parametrize(
    ("status", "headers", "message", "kind", "wait"),
    [
        (429, {}, "", RateLimited, DEFAULT_WAIT_S),
        (429, {"Retry-After": "7"}, "", RateLimited, 7),
        (403, {"retry-after": "7"}, "You have exceeded a secondary rate limit", RateLimited, 7),
        (403, {}, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
         RateLimited, DEFAULT_WAIT_S),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) + 90)},
         "API rate limit exceeded", RateLimited, 91),
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW.timestamp()) - 90)},
         "API rate limit exceeded", RateLimited, 1),
        (403, {"X-RateLimit-Remaining": "10"}, "Resource not accessible by integration", PermissionMissing, None),
        (422, {}, "was submitted too quickly", RateLimited, DEFAULT_WAIT_S),
        (401, {}, "Bad credentials", ConfigurationError, None),
        (404, {}, "Not Found", NotFound, None),
        (406, {}, "too_large", RequestRejected, None),
        (422, {}, "Validation Failed", RequestRejected, None),
        (500, {}, "", GitHubUnavailable, None),
        (503, {}, "", GitHubUnavailable, None),
    ],
)  # fmt: skip
def test_each_answer_means_one_error(
    status: int, headers: dict[str, str], message: str, kind: type[KiloReviewError], wait: float | None
) -> None:
    error = told(status, headers, message)
    assert type(error) is kind
    if wait is not None:
        assert isinstance(error, RateLimited)
        assert error.retry_after == wait


def test_github_names_the_missing_permission_itself() -> None:
    error = told(
        403, {"X-Accepted-GitHub-Permissions": "pull_requests=write; issues=write"}, "Resource not accessible"
    )
    assert isinstance(error, PermissionMissing)
    assert error.permission == "pull_requests: write; issues: write"


def test_where_github_names_none_the_step_does() -> None:
    error = told(403, {}, "Resource not accessible by integration")
    assert isinstance(error, PermissionMissing)
    assert error.permission == "checks: write"


def test_the_complaints_of_a_422_are_kept() -> None:
    body = {
        "message": "Unprocessable Entity",
        "errors": ["Line could not be resolved", {"field": "x", "code": "missing"}],
    }
    assert errors_of(body) == ("Line could not be resolved", "x missing")
    error = explain(422, {}, body, doing="post", now=NOW)
    assert isinstance(error, RequestRejected)
    assert error.status == 422
    assert "Line could not be resolved" in str(error)


@settings(max_examples=100, deadline=None)
@given(
    st.integers(400, 599),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"]), st.text(max_size=8)
    ),
    st.one_of(
        st.none(),
        st.text(max_size=20),
        st.dictionaries(st.sampled_from(["message", "errors"]), st.text(max_size=9)),
    ),
)
def test_no_answer_however_odd_is_without_an_error_of_ours(
    status: int, headers: dict[str, str], body: object
) -> None:
    error = explain(status, headers, body, doing="do it", now=NOW)
    assert isinstance(error, KiloReviewError)
    assert str(error).isprintable() or "\n" in str(error)


def test_a_read_is_tried_again_after_a_502_and_a_write_is_not(shop: Lab) -> None:
    gh = shop.github()
    shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault.server_error(502), times=READ_RETRIES)
    assert gh.pull_request(REPOSITORY, shop.number).number == shop.number
    shop.simulator.faults.plan("POST", r"/issues/\d+/comments$", Fault.server_error(502))
    with pytest.raises(GitHubUnavailable) as raised:
        gh.create_comment(REPOSITORY, shop.number, "x")
    assert raised.value.status == 502
    assert len(shop.sent("POST", "/comments")) == 1


def test_reads_give_up_after_a_few_tries(shop: Lab) -> None:
    gh = shop.github()
    shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault.server_error(503), times=50)
    with pytest.raises(GitHubUnavailable):
        gh.pull_request(REPOSITORY, shop.number)
    assert len(shop.sent("GET", "/pulls/")) == READ_RETRIES + 1


def test_a_limit_on_a_read_is_not_slept_through(shop: Lab) -> None:
    gh = shop.github()
    shop.simulator.faults.plan("GET", r"/pulls/\d+$", Fault.secondary_limit(3600))
    with pytest.raises(RateLimited) as raised:
        gh.pull_request(REPOSITORY, shop.number)
    assert raised.value.retry_after == 3600
    assert len(shop.sent("GET", "/pulls/")) == 1


def test_calls_are_held_back_until_the_wait_is_over() -> None:
    now = NOW
    api = Api("http://127.0.0.1:9", lambda fresh: "t", now=lambda: now, timeout=1)
    api._blocked_until = now + timedelta(seconds=30)
    with pytest.raises(RateLimited) as raised:
        api.get("/x", doing="look")
    assert raised.value.retry_after == 30
    assert api.requests == 0
    now += timedelta(seconds=31)
    with pytest.raises(GitHubUnavailable):
        api.get("/x", doing="look")


def test_no_answer_says_what_to_check_and_has_no_status() -> None:
    api = Api("http://127.0.0.1:9", lambda fresh: "t", now=lambda: NOW, timeout=1)
    with pytest.raises(GitHubUnavailable, match="GITHUB_API_URL") as raised:
        api.send("POST", "/x", {}, doing="write")
    assert raised.value.status == 0
    assert raised.value.__cause__ is None


def test_every_page_is_read(shop: Lab) -> None:
    for n in range(205):
        shop.simulator.comment(REPOSITORY, shop.number, f"comment {n}", author="octocat")
    bodies = [comment.body for comment in shop.github().comments(REPOSITORY, shop.number)]
    assert bodies == [f"comment {n}" for n in range(205)]


def test_tokens_are_in_no_log_even_at_debug(shop: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    gh = shop.github()
    gh.pull_request(REPOSITORY, shop.number)
    token = shop.auth.installation_token(
        shop.installation_id, repository_ids=(shop.simulator.repository(REPOSITORY).id,)
    )
    assert token.token.reveal() not in caplog.text
    assert shop.auth.jwt()[:40] not in caplog.text


def test_importing_the_package_loads_neither_pygithub_nor_requests() -> None:
    code = (
        "import sys, reviewer.github, reviewer.github.client, reviewer.github.auth, reviewer.publish.render;"
        "sys.exit(any(name in sys.modules for name in ('github', 'requests', 'jwt', 'markdown_it')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_fence_is_asked_after_the_pause_and_right_before_every_write(shop: Lab) -> None:
    lost = False
    asked: list[float] = []

    def fence() -> None:
        asked.append(time.monotonic())
        if lost:
            raise LeaseLost("taken over")

    source = shop.auth.source(shop.installation_id)
    api = Api(shop.simulator.url, source, now=shop.now, write_pause=0.3, fence=fence)
    path = f"/repos/{REPOSITORY}/issues/{shop.number}/comments"
    for body in ("one", "two"):
        api.send("POST", path, {"body": body}, doing="post", needs="issues: write")
    api.get(path, doing="read")
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 0.3
    before = len(shop.sent("POST", path))
    lost = True
    with pytest.raises(LeaseLost):
        api.send("POST", path, {"body": "three"}, doing="post", needs="issues: write")
    assert len(shop.sent("POST", path)) == before
    api.close()


# Redirects


def test_a_renamed_repository_is_followed_for_reads_with_their_page_and_for_writes_with_their_body(
    own_shop: Lab,
) -> None:
    gh = own_shop.github()
    for number in range(3):
        own_shop.simulator.comment(REPOSITORY, own_shop.number, f"comment {number}", author="octocat")
    name = own_shop.simulator.rename_repository(REPOSITORY, "renamed")
    assert gh.pull_request(REPOSITORY, own_shop.number).repository == name
    rows = gh.api.get(
        f"/repos/{REPOSITORY}/issues/{own_shop.number}/comments", doing="list", params={"per_page": 2, "page": 2}
    )
    assert [row["body"] for row in rows] == ["comment 2"]
    assert gh.create_comment(REPOSITORY, own_shop.number, "said once").body == "said once"
    bodies = [row.body for row in own_shop.simulator.issue_comments(name, own_shop.number)]
    assert bodies.count("said once") == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/repos/x/y",
        "https://evil.example/repos/x/y",
        "//evil.example/x",
        "",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_another_host_is_refused_with_words(own_shop: Lab, status: int, location: str) -> None:
    gh = own_shop.github()
    fault = Fault(status, "Moved", headers={"Location": location})
    for call in (
        lambda: gh.pull_request(REPOSITORY, own_shop.number),
        lambda: gh.create_comment(REPOSITORY, own_shop.number, "x"),
    ):
        own_shop.simulator.faults.plan("*", r"/repos/", fault)
        with pytest.raises(GitHubUnavailable, match="not followed"):
            call()
    assert own_shop.simulator.issue_comments(REPOSITORY, own_shop.number) == []


def test_redirects_without_end_are_no_answer(own_shop: Lab) -> None:
    gh = own_shop.github()
    here = Fault(307, "Moved", headers={"Location": f"{own_shop.simulator.url}/repos/{REPOSITORY}/pulls/1"})
    own_shop.simulator.faults.plan("GET", r"/pulls/1$", here, times=20)
    with pytest.raises(GitHubUnavailable, match="in a row"):
        gh.pull_request(REPOSITORY, own_shop.number)
