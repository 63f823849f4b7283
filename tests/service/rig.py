"""The whole service on real parts: a simulated GitHub and a simulated provider behind sockets, a real ledger.

Webhooks arrive at the real application over HTTP. There is no Redis here: reviews wait in the ledger, and the test
plays the worker with `work()`. Tests that kill workers have real ones (`tests/campaigns/served.py`).
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from policies.load import load_policy
from reviewer.demo.simulator import GitHubSimulator
from reviewer.demo.simulator.state import CheckRun, IssueComment, ReviewComment
from reviewer.github.auth import AppAuth
from reviewer.jobs import run as service
from reviewer.jobs.failure_notice import notice
from reviewer.jobs.shared import Shared
from reviewer.ledger.keys import ReviewRow
from reviewer.ledger.ledger import Ledger
from reviewer.models.catalogue import catalogue
from reviewer.models.model import Usage
from reviewer.publish.marker import Kind, read_marker
from reviewer.queue.queue import ReviewQueue, connect
from reviewer.settings import Secret, Settings, organisation_policy
from tests.demo.world import commit, git
from tests.simulators.behaviour import Behaviour, Say, Status
from tests.simulators.provider import KEY, ProviderSimulator
from webhooks.app import create_app
from webhooks.github_permission import AskGitHub

REPOSITORY = "acme/shop"
BOT = "kilo-review[bot]"
# What is found is what the simulated model says, and routes do not move when the learned rule is trained again.
POLICY = "[review]\nanalysers = []\n\n[sensitive]\nlearned = false\n"


@dataclass(frozen=True)
class Defect:
    """A line that the simulated model objects to whenever it is added."""

    line: str
    title: str
    severity: str = "high"


DEFECTS = (
    Defect("    return price / count", "Division by zero for an empty order"),
    Defect("    return items[len(items)]", "Index past the end of the list"),
    Defect("    handle = open(name)", "The file is never closed", "medium"),
    Defect("    total = total - tax", "Tax is subtracted where it is owed"),
)
ORDERS = (
    '"""Orders."""\n\n\ndef mean(price, count):\n    return price / count\n\n\ndef last(items):\n'
    "    return items[len(items)]\n"
)
REPORT = '"""Reports."""\n\n\ndef load(name):\n    handle = open(name)\n    return handle.read()\n'
TAX = '"""Tax."""\n\n\ndef gross(total, tax):\n    total = total - tax\n    return total\n'
BASE: Mapping[str, str | bytes] = {"README.md": "# Shop\n", "shop/__init__.py": ""}
HEAD: Mapping[str, str] = {"shop/orders.py": ORDERS, "shop/report.py": REPORT}


class Reviewer:
    """The simulated model: reports every DEFECT whose line the prompt shows as added, refutes nothing.

    `models` names who gave each answer that is billed, as `provider.books` has what it took.
    """

    def __init__(self) -> None:
        self.models: list[str] = []
        self.next: list[Behaviour | Callable[[Any], Behaviour]] = []
        self.always: Behaviour | None = None

    def __call__(self, body: Any) -> Behaviour:
        planned = self.next.pop(0) if self.next else self.always or Say(answer(body))
        behaviour = planned(body) if callable(planned) else planned
        if not isinstance(behaviour, Status):
            self.models.append(str(body.get("model")))
        return behaviour


def answer(body: Any) -> str:
    text = "\n".join(_texts(body))
    if "verdicts" in json.dumps(body.get("response_format", "")):
        return '{"verdicts": []}'
    findings = []
    path = ""
    for line in text.split("\n"):
        if line.startswith("### "):
            path = line[4:]
        for defect in DEFECTS:
            # A line of the diff has its number first; one that a small model is shown has none.
            if f"+{defect.line}" in (line, line.partition(" ")[2]):
                findings.append(_finding(path, defect))
    return json.dumps({"lookups": [], "findings": findings, "uncertain": False})


def _finding(path: str, defect: Defect) -> dict[str, object]:
    return {
        "path": path,
        "line": 0,
        "quote": defect.line,
        "evidence": [],
        "category": "bug",
        "title": defect.title,
        "body": f"{defect.title}: see the line.",
        "suggestion": None,
        "severity": defect.severity,
        "confidence": 0.95,
    }


def _texts(body: Any) -> Iterator[str]:
    for message in body.get("messages", ()):
        content = message.get("content")
        if isinstance(content, str):
            yield content
        else:
            yield from (str(part.get("text", "")) for part in content or ())


@dataclass
class Shown:
    """What a pull request shows of us."""

    inline: list[ReviewComment]
    summaries: list[IssueComment]
    checks: list[CheckRun]
    reviews: int

    @property
    def summary(self) -> str:
        assert len(self.summaries) == 1, [row.body[:200] for row in self.summaries]
        return self.summaries[0].body

    @property
    def check(self) -> CheckRun:
        assert len(self.checks) == 1, self.checks
        return self.checks[0]

    @property
    def lines(self) -> list[tuple[str, int]]:
        return sorted((row.path, row.original_line) for row in self.inline)


@dataclass
class GitHubClock:
    """The simulated GitHub's clock, `ahead` of ours or behind it."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class Rig:
    simulator: GitHubSimulator
    provider: ProviderSimulator
    reviewer: Reviewer
    settings: Settings
    ledger: Ledger
    source: Path
    clock: GitHubClock
    branches: int = field(default=0)
    # Seconds that a job waits for GitHub's lists; the simulator's lists lag only where a test says so.
    list_lag: float = 0.0

    def open(
        self,
        files: Mapping[str, str | bytes | None] | None = None,
        *,
        base: Mapping[str, str | bytes | None] | None = None,
        **more: Any,
    ) -> int:
        """Open a pull request, by default with three defects that no other pull request of the rig has.

        It has a base branch of its own where `base` is given.
        """
        self.branches += 1
        files = self.head() if files is None else files
        name = f"topic-{self.branches}"
        git(self.source, "checkout", "--quiet", "-B", name, "main")
        into = "main"
        if base is not None:
            into = f"base-{self.branches}"
            commit(self.source, into, base)
            git(self.source, "branch", "--force", into)
            self.simulator.push(REPOSITORY, into, source=self.source, revision=into)
        sha = commit(self.source, name, files)
        self.simulator.push(REPOSITORY, name, source=self.source, revision=sha)
        number = self.simulator.open_pull_request(REPOSITORY, title="A change", head=name, base=into, **more)
        assert self.simulator.hooks.wait()
        return number

    def head(self) -> dict[str, str | bytes | None]:
        """HEAD with words of its own: what was answered before is not asked again."""
        return {path: text.replace('."""', f', {self.branches}."""') for path, text in HEAD.items()}

    def push(self, number: int, files: Mapping[str, str | bytes | None]) -> str:
        """Push one more commit to a pull request's branch."""
        branch = self.simulator.pull(REPOSITORY, number).head_ref
        git(self.source, "checkout", "--quiet", branch)
        sha = self.simulator.push(
            REPOSITORY, branch, source=self.source, revision=commit(self.source, "more", files)
        )
        assert self.simulator.hooks.wait()
        return sha

    def command(self, number: int, text: str, *, author: str = "octocat") -> None:
        self.simulator.comment(REPOSITORY, number, text, author=author)
        assert self.simulator.hooks.wait()

    def work(
        self, *, after: timedelta = timedelta(0), settings: Settings | None = None, only: int = 0
    ) -> list[int]:
        """Run every review (or the pull request `only`'s) that is due so long from now; return their ids."""
        now = _clock(after)
        rows = self.ledger.backlog.unfinished(now(), quiet=timedelta(0))
        due = [row.id for row in rows if only in (0, row.key.number)]
        for review_id in due:
            service.run(review_id, settings or self.settings, now=now, write_pause=0, list_lag=self.list_lag)
        return due

    def again(self, review_id: int, *, after: timedelta = timedelta(0)) -> None:
        """Run a review by its id, due or not."""
        service.run(review_id, self.settings, now=_clock(after), write_pause=0, list_lag=self.list_lag)

    def announce(self, settings: Settings | None = None) -> None:
        """Post the notices that the clock would ask for."""
        for row in self.ledger.backlog.unnoticed():
            with closing(Shared(settings or self.settings)) as shared:
                notice(row.id, shared)

    def rows(self, number: int) -> Sequence[ReviewRow]:
        repo = self.simulator.repository(REPOSITORY)
        newest = self.ledger.reviews.recent(1000)
        return [row for row in reversed(newest) if (row.key.repo_id, row.key.number) == (repo.id, number)]

    def row(self, number: int) -> ReviewRow:
        """The newest review of a pull request."""
        return self.rows(number)[-1]

    def shown(self, number: int, head: str = "") -> Shown:
        own = [row for row in self.simulator.issue_comments(REPOSITORY, number) if row.user.login == BOT]
        head = head or self.simulator.pull(REPOSITORY, number).head_sha
        return Shown(
            inline=[row for row in self.simulator.review_comments(REPOSITORY, number) if row.user.login == BOT],
            summaries=[row for row in own if (mark := read_marker(row.body)) and mark.kind is Kind.SUMMARY],
            checks=self.simulator.check_runs(REPOSITORY, head),
            reviews=sum(row.user.login == BOT for row in self.simulator.reviews(REPOSITORY, number)),
        )

    def posted(self, number: int) -> Counter[str]:
        """Count everything on a pull request, whoever wrote it."""
        return +Counter(
            reviews=len(self.simulator.reviews(REPOSITORY, number)),
            inline=len(self.simulator.review_comments(REPOSITORY, number)),
            comments=len(self.simulator.issue_comments(REPOSITORY, number)),
            checks=len(self.simulator.check_runs(REPOSITORY, self.simulator.pull(REPOSITORY, number).head_sha)),
        )

    def bill(self, since: int = 0) -> Decimal:
        """What the provider would bill for its answers from number `since` on, by the price list."""
        prices = {
            entry.candidate.model: entry.price
            for entry in catalogue(self.settings, load_policy().providers, private=False, discover_local=False)
        }
        total = Decimal(0)
        assert len(self.provider.books) == len(self.reviewer.models)
        for model, tokens in zip(self.reviewer.models[since:], self.provider.books[since:], strict=True):
            price = prices[model]
            assert price is not None, model
            total += price.cost(
                Usage(
                    input=tokens.input,
                    cache_read=tokens.cache_read,
                    cache_write=tokens.cache_write,
                    output=tokens.output,
                )
            )
        return total

    @property
    def calls(self) -> int:
        """How many requests the provider has had."""
        return len(self.provider.requests)


def _clock(after: timedelta) -> Callable[[], datetime]:
    return lambda: datetime.now(UTC) + after


@contextmanager
def rig(folder: Path, *, policy: str = POLICY, **settings: Any) -> Iterator[Rig]:
    """Start everything; one per module, it costs a second."""
    source = folder / "source"
    source.mkdir(parents=True)
    git(source, "init", "--quiet", "--initial-branch=main")
    commit(source, "Base", BASE)
    (folder / "policy.toml").write_text(policy)
    state = folder / "state"
    state.mkdir()
    reviewer = Reviewer()
    clock = GitHubClock()
    with (
        GitHubSimulator(folder / "github", now=clock) as simulator,
        ProviderSimulator("openai", default=reviewer) as provider,
    ):
        made = Settings(
            state_dir=state,
            cache_dir=folder / "cache",
            database_url=f"sqlite:///{state / 'ledger.sqlite'}",
            github_api_url=simulator.url,
            github_app_id=str(simulator.app.id),
            github_private_key=Secret(simulator.app.private_key),
            webhook_secrets=(Secret(simulator.app.webhook_secret),),
            provider_keys={"openai": Secret(KEY)},
            base_urls={"openai": provider.base_url},
            policy_file=folder / "policy.toml",
        )
        made = replace(made, **settings)
        ledger = Ledger.open(made.database_url)
        ledger.migrate()
        with _web(made) as address:
            simulator.app.webhook_url = f"{address}/webhooks/github"
            simulator.create_repository(
                REPOSITORY, source=source, private=True, collaborators={"octocat": "write", "rea": "read"}
            )
            simulator.install("acme")
            yield Rig(simulator, provider, reviewer, made, ledger, source, clock)
        ledger.close()


@contextmanager
def _web(settings: Settings) -> Iterator[str]:
    """The application of the web process, with nobody behind REDIS_URL."""

    def now() -> datetime:
        return datetime.now(UTC)

    auth = AppAuth(settings.github_app_id, settings.github_private_key, settings.github_api_url, now=now)
    ledger = Ledger.open(settings.database_url)
    app = create_app(
        settings,
        ledger=ledger,
        queue=ReviewQueue(connect("redis://127.0.0.1:1")),
        ask_permission=AskGitHub(auth, now=now),
        policy=organisation_policy(settings),
    )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        auth.api.close()
        ledger.close()
