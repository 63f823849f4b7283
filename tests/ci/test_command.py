"""`kilo-review ci` and `pr` as a runner and a person start them: the event file, environment and token of a run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reviewer.demo.simulator import pull_shapes
from reviewer.demo.simulator.registry import register_app
from reviewer.github.auth import AppAuth
from reviewer.settings import Secret
from tests.git_folder import ENV
from tests.service.rig import REPOSITORY, Rig
from tests.simulators.provider import KEY

WRITE = {"contents": "read", "pull_requests": "write", "issues": "write", "checks": "write"}
READ = {"contents": "read", "pull_requests": "read", "checks": "read"}


def token(service: Rig, permissions: Mapping[str, str]) -> str:
    """Mint what a runner gets: a token of the App `github-actions` with the permissions of the job."""
    simulator = service.simulator
    apps = [app for app in simulator.state.apps.values() if app.slug == "github-actions"]
    owner = simulator.state.user("github", "Organization")
    app = apps[0] if apps else register_app(simulator.state, name="GitHub Actions", owner=owner)
    known = [row for row in simulator.state.installations.values() if row.app is app]
    installed = known[0] if known else simulator.install("acme", app=app)
    auth = AppAuth(str(app.id), Secret(app.private_key), simulator.url, now=lambda: datetime.now(UTC))
    made = auth.installation_token(installed.id, permissions=permissions)
    return made.token.reveal()


def run(service: Rig, folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    home = folder / "home"
    home.mkdir(exist_ok=True)
    settings = {
        "HOME": str(home),
        "KILO_REVIEW_CACHE_DIR": str(folder / "cache"),
        "KILO_REVIEW_POLICY": str(service.settings.policy_file),
        "GITHUB_API_URL": service.simulator.url,
    }
    return subprocess.run(
        [sys.executable, "-m", "kilo_review", *words],
        cwd=folder,
        env={**ENV, **settings, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def runner(service: Rig, folder: Path, number: int, name: str = "pull_request") -> dict[str, str]:
    """The variables and the event file of a run on a pull request."""
    pull = service.simulator.pull(REPOSITORY, number)
    event: dict[str, Any] = {"action": "opened", "pull_request": pull_shapes.pull(service.simulator.hub, pull)}
    (folder / "event.json").write_text(json.dumps(event))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": name,
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "GITHUB_OUTPUT": str(folder / "output"),
    }


def with_model(service: Rig) -> dict[str, str]:
    return {"OPENAI_API_KEY": KEY, "KILO_REVIEW_OPENAI_BASE_URL": service.provider.base_url}


def actions_comments(service: Rig, number: int) -> tuple[list[Any], list[Any]]:
    login = "github-actions[bot]"
    inline = [row for row in service.simulator.review_comments(REPOSITORY, number) if row.user.login == login]
    summaries = [row for row in service.simulator.issue_comments(REPOSITORY, number) if row.user.login == login]
    return inline, summaries


def test_a_run_comments_annotates_and_writes_every_file_and_a_second_run_says_nothing_twice(
    service: Rig, tmp_path: Path
):
    number = service.open()
    env = {**runner(service, tmp_path, number), **with_model(service), "GITHUB_TOKEN": token(service, WRITE)}
    done = run(service, tmp_path, "ci", "--sarif", "review.sarif", "--json", "review.json", **env)
    assert done.returncode == 1, done.stderr
    inline, summaries = actions_comments(service, number)
    assert len(inline) == 3
    assert len(summaries) == 1
    assert done.stdout.count("::error file=") == 2
    assert done.stdout.count("::warning file=") == 1
    assert json.loads((tmp_path / "review.sarif").read_text())["version"] == "2.1.0"
    assert len(json.loads((tmp_path / "review.json").read_text())["findings"]) == 3
    assert "3 findings" in (tmp_path / "summary.md").read_text()
    output = dict(line.split("=", 1) for line in (tmp_path / "output").read_text().splitlines())
    assert {"findings": "3", "conclusion": "failure", "coverage": "100", "status": "1"}.items() <= output.items()
    checks = service.simulator.check_runs(REPOSITORY, service.simulator.pull(REPOSITORY, number).head_sha)
    assert [(run.app.slug, run.conclusion) for run in checks] == [("github-actions", "failure")]

    calls = service.calls
    again = run(service, tmp_path, "ci", **env)
    assert again.returncode == 1, again.stderr
    assert service.calls == calls, "what was paid for is not asked again"
    assert [len(rows) for rows in actions_comments(service, number)] == [3, 1]
    checks = service.simulator.check_runs(REPOSITORY, service.simulator.pull(REPOSITORY, number).head_sha)
    assert len(checks) == 1


def test_a_run_for_a_fork_has_no_secrets_and_says_what_it_could_not_do(service: Rig, tmp_path: Path):
    number = service.open()
    env = runner(service, tmp_path, number)
    event = json.loads((tmp_path / "event.json").read_text())
    event["pull_request"]["head"]["repo"]["id"] += 1
    (tmp_path / "event.json").write_text(json.dumps(event))
    calls = service.calls
    done = run(service, tmp_path, "ci", **env, GITHUB_TOKEN=token(service, READ), KILO_REVIEW_OFFLINE="1")
    assert done.returncode == 0, done.stderr
    assert "Analysers only: no model configured" in done.stderr
    assert "Nothing was commented: the change comes from a fork" in done.stderr
    assert "Nothing was commented" in (tmp_path / "summary.md").read_text()
    assert actions_comments(service, number) == ([], [])
    assert service.calls == calls


def test_a_job_without_the_permission_is_told_which_one(service: Rig, tmp_path: Path):
    number = service.open()
    env = {**runner(service, tmp_path, number), "GITHUB_TOKEN": token(service, READ)}
    done = run(service, tmp_path, "ci", **env)
    assert "permissions: pull-requests: write, checks: write" in done.stderr
    assert actions_comments(service, number) == ([], [])


def test_without_its_token_a_run_ends_with_the_remedy_and_status_2(service: Rig, tmp_path: Path):
    done = run(service, tmp_path, "ci", **runner(service, tmp_path, service.open()))
    assert done.returncode == 2
    assert "GITHUB_TOKEN: ${{ github.token }}" in done.stderr


def test_a_person_reads_a_review_without_writing_and_publishes_it_once(service: Rig, tmp_path: Path):
    number = service.open()
    env = {**with_model(service), "GH_TOKEN": token(service, WRITE)}
    name = f"{REPOSITORY}#{number}"
    printed = run(service, tmp_path, "pr", name, **env)
    assert printed.returncode == 1, printed.stderr
    assert "Division by zero for an empty order" in printed.stdout
    assert not +service.posted(number)
    for _ in range(2):
        posted = run(service, tmp_path, "pr", name, "--publish", "-f", "json", **env)
        assert posted.returncode == 1, posted.stderr
        assert "posted: http" in posted.stderr
    assert [len(rows) for rows in actions_comments(service, number)] == [3, 1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("acme/shop#999999",), "GitHub shows no pull request acme/shop#999999"),
        (("nonsense",), "Write OWNER/REPO#NUMBER"),
        (("acme/shop#1", "--publish"), "GITHUB_TOKEN is not set"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(
    words: tuple[str, ...], says: str, service: Rig, tmp_path: Path
):
    env = {} if "--publish" in words else {"GITHUB_TOKEN": token(service, READ)}
    done = run(service, tmp_path, "pr", *words, **env)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
