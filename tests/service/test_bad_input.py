"""What bad input gets: a defined answer that names the remedy, and no review that is lost in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reviewer.jobs.document import load_document
from reviewer.ledger.keys import MAX_DEFERRALS, ReviewRow, ReviewState
from reviewer.settings import Secret, Settings
from reviewer.steps.result import ReviewStatus
from tests.service.rig import BASE, HEAD, POLICY, REPOSITORY, Rig, rig

FOUND = [("shop/orders.py", 5), ("shop/orders.py", 9), ("shop/report.py", 5)]
NOBODY = "http://127.0.0.1:9"


def waits(row: ReviewRow, *words: str) -> None:
    """A review that waits: unfinished, due again at a moment that is set, with the reason."""
    assert row.state is ReviewState.ACCEPTED
    assert row.retry_at is not None
    assert row.retry_at > datetime.now(UTC) - timedelta(seconds=1)
    for word in words:
        assert word in row.error


def another_key() -> Secret:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = serialization.PrivateFormat.TraditionalOpenSSL
    return Secret(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()).decode())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"github_private_key": Secret("")}, ("GITHUB_PRIVATE_KEY", "kilo-review setup")),
        ({"github_private_key": "another"}, ("GITHUB_APP_ID and GITHUB_PRIVATE_KEY belong to the same App",)),
        (
            {
                "github_private_key": Secret(
                    "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"
                )
            },
            ("GITHUB_PRIVATE_KEY cannot sign", "whole .pem file"),
        ),
        ({"github_app_id": "999"}, ("GITHUB_APP_ID",)),
        ({"github_api_url": NOBODY}, ("no answer from 127.0.0.1", "GITHUB_API_URL")),
        ({"github_api_url": "https://host?x=1"}, ("GITHUB_API_URL", "https://api.github.com")),
    ],
    ids=["no key", "another App's key", "a damaged key", "another App's id", "GitHub unreachable", "no address"],
)
def test_without_github_a_review_waits_with_the_remedy_and_runs_when_it_is_corrected(
    service: Rig, change: dict[str, object], words: tuple[str, ...]
) -> None:
    if change.get("github_private_key") == "another":
        change = {"github_private_key": another_key()}
    number = service.open()
    asked = service.calls
    service.work(settings=replace(service.settings, **change))
    waits(service.row(number), *words)
    assert "BEGIN" not in service.row(number).error
    assert service.calls == asked
    assert service.posted(number) == {}
    service.work(after=timedelta(minutes=6))
    assert service.row(number).state is ReviewState.PUBLISHED
    assert service.shown(number).lines == FOUND


def test_the_waits_for_github_grow_to_a_quarter_of_an_hour(service: Rig) -> None:
    number = service.open()
    gone = replace(service.settings, github_api_url=NOBODY)
    waited: list[timedelta] = []
    after = timedelta(0)
    for _ in range(7):
        before = datetime.now(UTC) + after
        assert service.work(settings=gone, after=after, only=number) == [service.row(number).id]
        retry_at = service.row(number).retry_at
        assert retry_at is not None
        waited.append(retry_at - before)
        after = retry_at - datetime.now(UTC) + timedelta(seconds=1)
    # 7.5 to 15 s, then twice that, up to 15 minutes: two hundred of them are two days.
    assert waited[-1] > timedelta(minutes=7)
    assert waited[0] < timedelta(seconds=20)
    assert MAX_DEFERRALS * timedelta(minutes=7.5) > timedelta(days=1)
    service.work(after=after, only=number)
    assert service.row(number).state is ReviewState.PUBLISHED


def test_a_mistake_in_the_policy_file_at_the_base_is_told_and_the_rest_of_the_file_holds(service: Rig) -> None:
    text = '[review]\nstyle = "shouting @octocat"\nmax_inline = 1\n'
    number = service.open(base={**BASE, ".kilo-review.toml": text})
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert len(shown.inline) == 1
    (summary,) = shown.summaries
    for word in (".kilo-review.toml at the base commit, line 2", "review.style", "strict, balanced, lenient"):
        assert word in summary.body, summary.body
    assert re.search(r"(?<!`)@octocat", summary.body) is None


def test_a_mistake_among_the_rules_about_providers_keeps_the_code_from_every_model(service: Rig) -> None:
    text = "[providers]\nforbid-trainig = true\n"
    number = service.open(base={**BASE, ".kilo-review.toml": text})
    asked = service.calls
    service.work()
    assert service.calls == asked
    assert service.shown(number).check.conclusion == "neutral"
    (summary,) = service.shown(number).summaries
    assert "no model is asked until" in summary.body
    # Corrected by a commit on the base, the review runs.
    base = service.simulator.pull(REPOSITORY, number).base_ref
    from tests.demo.world import commit, git

    git(service.source, "checkout", "--quiet", base)
    sha = commit(service.source, "correct", {".kilo-review.toml": '[review]\nstyle = "lenient"\n'})
    service.simulator.push(REPOSITORY, base, source=service.source, revision=sha)
    branch = service.simulator.pull(REPOSITORY, number).head_ref
    git(service.source, "checkout", "--quiet", branch)
    git(service.source, "merge", "--quiet", base)
    service.simulator.push(REPOSITORY, branch, source=service.source, revision="HEAD")
    assert service.simulator.hooks.wait()
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED
    assert service.shown(number).lines == FOUND


def test_an_organisations_policy_that_cannot_be_read_is_said_too(service: Rig) -> None:
    number = service.open()
    broken = replace(service.settings, policy_file=service.settings.state_dir / "nowhere.toml")
    service.work(settings=broken)
    assert service.row(number).state is ReviewState.FAILED
    service.announce(broken)
    check = service.shown(number).check
    assert check.conclusion == "neutral"
    assert "KILO_REVIEW_POLICY" in (check.summary or "")


def test_a_notice_waits_for_a_key_as_a_review_does(service: Rig) -> None:
    number = service.open()
    service.work(settings=replace(service.settings, policy_file=service.settings.state_dir / "nowhere.toml"))
    service.announce(replace(service.settings, github_private_key=Secret("")))
    service.announce(replace(service.settings, github_api_url=NOBODY))
    assert [row.id for row in service.ledger.backlog.unnoticed()] == [service.row(number).id]
    service.announce()
    assert service.ledger.backlog.unnoticed() == ()
    assert service.shown(number).check.conclusion == "neutral"


def test_an_unreachable_model_is_an_incomplete_review_and_never_green(service: Rig) -> None:
    number = service.open()
    gone = replace(service.settings, base_urls={"openai": f"{NOBODY}/v1"})
    service.work(settings=gone)
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.inline, shown.check.conclusion) == ([], "neutral")
    assert "Incomplete" in (shown.check.title or "")
    assert "no issues" not in shown.summary
    assert "127.0.0.1" in shown.summary
    for path in HEAD:
        assert path in shown.summary
    # Nothing was paid, and the command reviews what was left out.
    assert [call.cost for call in service.ledger.calls.of_review(service.row(number).id) if call.cost] == []
    service.command(number, "/kilo review")
    service.work()
    assert service.shown(number).lines == FOUND


def test_a_key_that_the_provider_refuses_is_said_without_the_key(service: Rig) -> None:
    number = service.open()
    wrong = Secret("sk-wrong-key-0123456789")
    service.work(settings=replace(service.settings, provider_keys={"openai": wrong}))
    shown = service.shown(number)
    assert shown.check.conclusion == "neutral"
    assert "OPENAI_API_KEY" in shown.summary
    assert wrong.reveal() not in shown.summary


def test_no_model_at_all_is_said_with_what_to_set(service: Rig) -> None:
    number = service.open()
    nothing = replace(service.settings, provider_keys={}, base_urls={}, offline=True)
    service.work(settings=nothing)
    shown = service.shown(number)
    assert shown.check.conclusion == "neutral"
    assert "KILO_API_KEY" in shown.summary


@pytest.mark.parametrize(
    "files",
    [{}, {"logo.png": b"\x89PNG\0\0\1", "data.bin": bytes(range(256))}],
    ids=["empty", "binary only"],
)
def test_a_diff_without_text_is_neutral_and_says_that_there_was_nothing(
    service: Rig, files: dict[str, bytes]
) -> None:
    asked = service.calls
    number = service.open(files)
    service.work()
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.check.conclusion, shown.check.title) == ("neutral", "Nothing to review")
    assert (shown.reviews, service.calls) == (0, asked)
    for path in files:
        assert path in shown.summary
    assert ("binary" in shown.summary) is bool(files)


def test_an_app_without_checks_permission_still_reviews(service: Rig) -> None:
    number = service.open()
    installation = next(iter(service.simulator.state.installations.values()))
    had = dict(installation.permissions)
    del installation.permissions["checks"]
    try:
        service.work()
    finally:
        installation.permissions.update(had)
    assert service.row(number).state is ReviewState.PUBLISHED
    shown = service.shown(number)
    assert (shown.lines, shown.checks) == (FOUND, [])
    assert "checks: write" in shown.summary


def many(count: int) -> dict[str, str | bytes | None]:
    return {f"many/{number:04}.py": f"def f{number}():\n    return {number}, {count}\n" for number in range(count)}


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Three units and no more, so that thousands of files ask for few answers."""
    with rig(tmp_path_factory.mktemp("large"), policy=f"{POLICY}\n[caps]\nmax_units = 3\n") as made:
        yield made


def covered(rig: Rig, number: int) -> tuple[ReviewStatus, set[str], set[str]]:
    text = rig.ledger.reviews.result(rig.row(number).id)
    assert text is not None
    review = load_document(text).review
    return (
        review.status,
        {part.path for part in review.coverage.reviewed},
        {part.path for part in review.coverage.skipped},
    )


@pytest.mark.parametrize("count", [pytest.param(301, marks=pytest.mark.campaign), 3001])
def test_more_files_than_github_shows_are_all_reviewed_or_listed(large: Rig, count: int) -> None:
    number = large.open(many(count))
    asked = large.calls
    large.work()
    assert large.row(number).state is ReviewState.PUBLISHED
    status, reviewed, skipped = covered(large, number)
    assert status is ReviewStatus.INCOMPLETE
    assert len(reviewed | skipped) == count
    assert reviewed
    assert skipped
    assert large.calls - asked == 3
    shown = large.shown(number)
    assert shown.check.conclusion == "neutral"
    assert "beyond the 3 units" in shown.summary
    assert len(shown.summary) <= 65_536


@pytest.mark.campaign
def test_without_a_mirror_the_files_that_github_does_not_list_are_counted(large: Rig) -> None:
    number = large.open(many(3001))
    settings: Settings = replace(large.settings, mirror_repository_limit=1)
    large.work(settings=settings)
    assert large.row(number).state is ReviewState.PUBLISHED
    status, reviewed, skipped = covered(large, number)
    assert status is ReviewStatus.INCOMPLETE
    assert len(reviewed | skipped) == 3001  # 3,000 by name, and one that stands for the one nobody listed
    assert any("1 more changed file" in path for path in skipped)
    shown = large.shown(number)
    assert shown.check.conclusion == "neutral"
    assert "GitHub stops at 3,000" in shown.summary
