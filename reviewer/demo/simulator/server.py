"""GitHubSimulator: start and stop the server, and do on it what people do on GitHub."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from reviewer.demo.simulator import issue_routes, pull_shapes, shapes
from reviewer.demo.simulator.faults import Faults
from reviewer.demo.simulator.hooks import Hooks
from reviewer.demo.simulator.hub import Hub
from reviewer.demo.simulator.occasions import Occasions
from reviewer.demo.simulator.registry import EVENTS, PERMISSIONS, register_app
from reviewer.demo.simulator.state import (
    App,
    CheckRun,
    Delivery,
    Installation,
    IssueComment,
    Label,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
    State,
)
from reviewer.demo.simulator.web import create_web
from reviewer.errors import GitFailed, NotFound

APP_NAME: Final = "Kilo Review"


class _QuietHandler(WSGIRequestHandler):
    """Keeps connections open, logs nothing, and can drop a connection for a planned fault."""

    protocol_version = "HTTP/1.1"
    # Without it a kept-open connection waits 40 ms for an acknowledgement on every answer (Nagle).
    disable_nagle_algorithm = True

    # One clock for everything that GitHub says; set by the server that it belongs to.
    now: Callable[[], datetime]

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the `Date` of an answer, by GitHub's clock."""
        return super().date_time_string(self.now().timestamp() if timestamp is None else timestamp)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's own signature
        """Log nothing: requests are recorded in the state."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002
        """Close the connection: nothing was answered on it."""
        self.close_connection = True


class GitHubSimulator(Occasions):
    """A GitHub on loopback. Use it as a context manager, or `start()` and `stop()`.

    `url` is the API's address (GITHUB_API_URL) and that of git and the pages. `app` is the registered App with
    its private key and webhook secret. `faults` plans what goes wrong. Methods that change something send the
    webhooks GitHub would; `hooks.wait()` waits for them.
    """

    def __init__(
        self,
        root: Path,
        *,
        now: Callable[[], datetime] | None = None,
        permissions: Mapping[str, str] = PERMISSIONS,
        events: Sequence[str] = EVENTS,
        webhook_url: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.state = State(now)
        self.hooks = Hooks(self.state)
        self.hub = Hub(root, self.state, self.hooks)
        self.faults = Faults()
        self.app: App = register_app(
            self.state,
            name=APP_NAME,
            owner=self.state.user("kilo-review"),
            permissions=permissions,
            events=events,
            webhook_url=webhook_url,
        )
        self._host, self._port = host, port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address, "" before `start()`."""
        return self.hub.url

    def start(self) -> str:
        """Listen, and return the address."""
        web = create_web(self.hub, self.faults)
        # Dropped must reach the request handler, which closes the connection.
        web.config["PROPAGATE_EXCEPTIONS"] = True
        handler = type("Handler", (_QuietHandler,), {"now": staticmethod(self.state.now)})
        self._server = make_server(self._host, self._port, web, threaded=True, request_handler=handler)
        self._server.daemon_threads = True  # type: ignore[attr-defined]
        self.hub.url = f"http://{self._host}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="github", daemon=True
        )
        self._thread.start()
        self.hooks.start()
        return self.url

    def stop(self) -> None:
        """Stop listening and delivering; what was stored can still be read."""
        self.hooks.stop()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What owners do

    def create_repository(
        self,
        full_name: str,
        *,
        source: Path | None = None,
        private: bool = False,
        default_branch: str = "main",
        collaborators: Mapping[str, str] | None = None,
        parent: Repository | None = None,
    ) -> Repository:
        """Create a repository as its own bare clone of every branch of `source` (which is only read)."""
        owner, _, name = full_name.partition("/")
        with self.state.lock:
            account = self.state.user(owner, "Organization")
            repo_id = self.state.next_id()
            git_dir = self.hub.root / "repositories" / f"{repo_id}.git"
            git_dir.parent.mkdir(parents=True, exist_ok=True)
            self.hub.git.run("init", "--quiet", "--bare", f"--initial-branch={default_branch}", str(git_dir))
            repository = Repository(
                id=repo_id,
                owner=account,
                name=name,
                git_dir=git_dir,
                created_at=self.state.now(),
                private=private,
                default_branch=default_branch,
                collaborators=dict(collaborators or {}),
                parent=parent,
            )
            for login in repository.collaborators:
                self.state.user(login)
            self.state.repositories[full_name] = repository
        if source is not None:
            self.fetch(repository, source, "+refs/heads/*:refs/heads/*")
        return repository

    def fetch(self, repository: Repository, source: Path, *refspecs: str) -> None:
        """Bring commits of a local repository into a simulated one."""
        git = self.hub.git.at(repository.git_dir)
        git.run("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(source.resolve()), *refspecs)

    def install(
        self,
        account: str,
        *,
        repositories: Sequence[str] | None = None,
        permissions: Mapping[str, str] | None = None,
        app: App | None = None,
    ) -> Installation:
        """Install the App on an account, for all repositories or for some (full names)."""
        app = app or self.app
        with self.state.lock:
            installation = Installation(
                id=self.state.next_id(),
                app=app,
                account=self.state.user(account, "Organization"),
                permissions=dict(permissions or app.permissions),
                events=list(app.events),
                created_at=self.state.now(),
                repository_ids=None
                if repositories is None
                else {self.state.repositories[name].id for name in repositories},
            )
            self.state.installations[installation.id] = installation
            covered = [
                repo
                for repo in self.state.repositories.values()
                if self.state.installation_of(repo, app) is installation
            ]
            short = ("id", "node_id", "name", "full_name", "private")
            payload = {
                "action": "created",
                "installation": shapes.installation(self.hub, installation),
                "repositories": [
                    {name: shapes.repository(self.hub, repo)[name] for name in short} for repo in covered
                ],
                "requester": None,
                "sender": shapes.user(self.hub, installation.account),
            }
        self.hooks.send(app, "installation", "created", payload, installation_id=installation.id)
        return installation

    # What contributors do

    def open_pull_request(
        self,
        full_name: str,
        *,
        title: str,
        head: str,
        base: str = "",
        body: str | None = None,
        author: str = "octocat",
        draft: bool = False,
        labels: Sequence[str] = (),
        head_repository: str = "",
    ) -> int:
        """Open a pull request from a branch (of a fork, with `head_repository`) and return its number."""
        with self.state.lock:
            repository = self.repository(full_name)
            source = self.repository(head_repository) if head_repository else repository
            base = base or repository.default_branch
            number = len(self.state.pulls_of(repository)) + 1
            now = self.state.now()
            pull = PullRequest(
                id=self.state.next_id(),
                number=number,
                repository=repository,
                title=title,
                body=body,
                author=self.state.user(author),
                base_ref=base,
                base_sha=self._tip(repository, base),
                head_repository=source,
                head_ref=head,
                head_sha=self._tip(source, head),
                created_at=now,
                updated_at=now,
                issue_id=self.state.next_id(),
                draft=draft,
            )
            self._set_labels(pull, labels)
            self._publish_head(pull)
            self.state.pulls[repository.id, number] = pull
            self.hub.emit_pull("opened", pull, pull.author)
        return number

    def push(self, full_name: str, branch: str, *, source: Path, revision: str, author: str = "octocat") -> str:
        """Push a commit of a local repository to a branch; open pull requests from it follow. Returns the id."""
        with self.state.lock:
            repository = self.repository(full_name)
            sha = self.hub.git.at(source).commit_of(revision)
            if sha is None:
                raise GitFailed(f"{source} has no commit {revision}")
            self.fetch(repository, source, f"+{sha}:refs/heads/{branch}")
            for pull in self.state.pulls.values():
                if pull.head_repository is not repository or pull.head_ref != branch or pull.state != "open":
                    continue
                before, pull.head_sha = pull.head_sha, sha
                pull.base_sha = self._tip(pull.repository, pull.base_ref)
                pull.updated_at = self.state.now()
                self._publish_head(pull)
                self.hub.follow_head(pull)
                self.hub.emit_pull("synchronize", pull, self.state.user(author), before=before, after=sha)
        return sha

    def comment(self, full_name: str, number: int, body: str, *, author: str) -> IssueComment:
        """Comment on a pull request as a person."""
        with self.state.lock:
            return issue_routes.add_comment(self.hub, self.pull(full_name, number), self.state.user(author), body)

    def edit_comment(self, comment: IssueComment, body: str, *, author: str) -> None:
        """Edit a comment as a person."""
        with self.state.lock:
            before, comment.body = comment.body, body
            comment.updated_at = self.state.now()
            issue_routes.emit(
                self.hub, "edited", comment, self.state.user(author), changes={"body": {"from": before}}
            )

    def act(self, full_name: str, number: int, action: str, *, author: str = "octocat", label: str = "") -> None:
        """Close, reopen, convert or label a pull request as a person: `action` is GitHub's own word."""
        with self.state.lock:
            pull, more = self.pull(full_name, number), {}
            now = self.state.now()
            if action in ("closed", "reopened"):
                pull.state = "closed" if action == "closed" else "open"
                pull.closed_at = now if action == "closed" else None
            elif action in ("ready_for_review", "converted_to_draft"):
                pull.draft = action == "converted_to_draft"
            elif action == "labeled":
                self._set_labels(pull, [*pull.labels, label])
                more = {"label": shapes.label(self.hub, pull.repository, pull.repository.labels[label])}
            pull.updated_at = now
            self.hub.emit_pull(action, pull, self.state.user(author), **more)

    def resolve_thread(self, comment: ReviewComment, *, author: str) -> None:
        """Resolve the thread of an inline comment as a person."""
        with self.state.lock:
            user = self.state.user(author)
            comment.root.resolved_by = user
            thread = {"node_id": shapes.node_id("PRRT", comment.root.id)}
            rows = [row for row in self.state.review_comments.values() if row.root is comment.root]
            thread_document = {**thread, "comments": [pull_shapes.review_comment(self.hub, row) for row in rows]}
            payload = {"pull_request": pull_shapes.pull(self.hub, comment.pull), "thread": thread_document}
            self.hub.emit("pull_request_review_thread", "resolved", comment.pull.repository, user, payload)

    def _set_labels(self, pull: PullRequest, names: Sequence[str]) -> None:
        for name in names:
            if name not in pull.repository.labels:
                pull.repository.labels[name] = Label(self.state.next_id(), name)
        pull.labels = list(dict.fromkeys(names))

    def _tip(self, repository: Repository, branch: str) -> str:
        sha = self.hub.git.at(repository.git_dir).commit_of(f"refs/heads/{branch}")
        if sha is None:
            raise GitFailed(f"{repository.full_name} has no branch {branch}")
        return sha

    def _publish_head(self, pull: PullRequest) -> None:
        """Keep refs/pull/N/head in the base repository, as GitHub does, also for a fork."""
        if pull.head_repository is None:
            return
        refspec = f"+{pull.head_sha}:refs/pull/{pull.number}/head"
        self.fetch(pull.repository, pull.head_repository.git_dir, refspec)

    # What a test or the demo looks at

    def repository(self, full_name: str) -> Repository:
        """Return a repository by its full name."""
        if full_name not in self.state.repositories:
            raise NotFound(f"the simulator has no repository {full_name}")
        return self.state.repositories[full_name]

    def pull(self, full_name: str, number: int) -> PullRequest:
        """Return a pull request."""
        repository = self.repository(full_name)
        if (repository.id, number) not in self.state.pulls:
            raise NotFound(f"{full_name} has no pull request {number}")
        return self.state.pulls[repository.id, number]

    def reviews(self, full_name: str, number: int) -> list[Review]:
        """Return the reviews of a pull request, oldest first."""
        with self.state.lock:
            pull = self.pull(full_name, number)
            return [row for row in self.state.reviews.values() if row.pull is pull]

    def review_comments(self, full_name: str, number: int) -> list[ReviewComment]:
        """Return the inline comments of a pull request, oldest first."""
        with self.state.lock:
            pull = self.pull(full_name, number)
            return [row for row in self.state.review_comments.values() if row.pull is pull]

    def issue_comments(self, full_name: str, number: int) -> list[IssueComment]:
        """Return the conversation of a pull request, oldest first."""
        with self.state.lock:
            pull = self.pull(full_name, number)
            return [row for row in self.state.comments.values() if row.pull is pull]

    def check_runs(self, full_name: str, head_sha: str = "") -> list[CheckRun]:
        """Return the check runs of a repository, or of one commit."""
        with self.state.lock:
            repository = self.repository(full_name)
            rows = [row for row in self.state.check_runs.values() if row.repository is repository]
            return [row for row in rows if head_sha in ("", row.head_sha)]

    def deliveries(self) -> list[Delivery]:
        """Return every delivery, oldest first."""
        with self.state.lock:
            return list(self.state.deliveries.values())

    def revoke_tokens(self) -> int:
        """End every installation token; returns how many there were."""
        with self.state.lock:
            count = len(self.state.tokens)
            self.state.tokens.clear()
            return count
