"""Permission: whom GitHub entitles, for how long the answer is kept, and what is not kept."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from reviewer.errors import GitHubUnavailable, NotFound
from webhooks.permission import KEEP, MAX_AT_ONCE, MAX_KEPT, Permissions


class GitHubSays:
    """One method, as the real one has; its answers may be exceptions."""

    def __init__(self, answer: str | Exception = "write") -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.gate: threading.Event | None = None

    def __call__(self, *, installation_id: int, repo_id: int, repository: str, login: str) -> str:
        self.asked.append(login)
        if self.gate is not None:
            self.gate.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Moment:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def may(permissions: Permissions, login: str = "ann", repo_id: int = 1) -> bool:
    return permissions.may_command(installation_id=1, repo_id=repo_id, repository="octo/shop", login=login)


@pytest.mark.parametrize(
    ("least", "entitled"),
    [
        ("write", {"write", "maintain", "admin"}),
        ("maintain", {"maintain", "admin"}),
        ("admin", {"admin"}),
    ],
)
def test_the_policy_says_from_which_role_on(least: str, entitled: set[str]):
    for role in ("none", "read", "triage", "write", "maintain", "admin", "", "owner", "ADMIN"):
        assert may(Permissions(GitHubSays(role), now=Moment(), least=least)) == (role in entitled)


@pytest.mark.parametrize("least", ["read", "triage", "none", "", "owner"])
def test_no_policy_opens_commands_to_readers(least: str):
    with pytest.raises(ValueError, match="write, maintain or admin"):
        Permissions(GitHubSays(), now=Moment(), least=least)


@pytest.mark.parametrize("role", ["write", "read"])
def test_an_answer_is_kept_for_a_minute_and_no_longer(role: str):
    moment, github = Moment(), GitHubSays(role)
    permissions = Permissions(github, now=moment)
    assert {may(permissions), may(permissions), may(permissions, "ANN")} == {role == "write"}
    assert len(github.asked) == 1
    github.answer = "none"
    moment.now += KEEP + timedelta(seconds=1)
    assert not may(permissions)
    assert len(github.asked) == 2


def test_an_answer_is_for_one_repository():
    github = GitHubSays()
    permissions = Permissions(github, now=Moment())
    assert may(permissions, repo_id=1)
    github.answer = "read"
    assert not may(permissions, repo_id=2)


def test_nobody_is_entitled_while_github_cannot_say_and_that_is_not_kept():
    github = GitHubSays(GitHubUnavailable("no answer"))
    permissions = Permissions(github, now=Moment())
    with pytest.raises(GitHubUnavailable):
        may(permissions)
    github.answer = "write"
    assert may(permissions)


def test_an_account_that_github_does_not_know_is_nobody():
    assert not may(Permissions(GitHubSays(NotFound("no such user")), now=Moment()))


def test_a_storm_of_strangers_waits_for_github_two_at_a_time():
    github = GitHubSays("read")
    github.gate = threading.Event()
    permissions = Permissions(github, now=Moment())
    asking = [threading.Thread(target=may, args=(permissions, f"user{n}")) for n in range(MAX_AT_ONCE)]
    for thread in asking:
        thread.start()
    while len(github.asked) < MAX_AT_ONCE:
        threading.Event().wait(0.01)
    with pytest.raises(GitHubUnavailable) as refusal:
        may(permissions, "one-more")
    assert refusal.value.retry_after
    github.gate.set()
    for thread in asking:
        thread.join()
    assert not may(permissions, "one-more")


def test_what_is_kept_is_bounded():
    permissions = Permissions(GitHubSays(), now=Moment())
    for number in range(MAX_KEPT + 10):
        may(permissions, f"user{number}")
    assert len(permissions._kept) <= MAX_KEPT
