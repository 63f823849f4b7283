"""What happens around a pull request beside pushes and comments: bases, renames, lag, re-runs, merge queues."""

from __future__ import annotations

from pathlib import Path

from reviewer.demo.simulator import pull_shapes, review_routes, shapes
from reviewer.demo.simulator.hub import Hub
from reviewer.demo.simulator.state import CheckRun, PullRequest, Reaction, Repository, ReviewComment, State
from reviewer.errors import GitFailed


class Occasions:
    """The part of GitHubSimulator that these are methods of."""

    state: State
    hub: Hub

    def pull(self, full_name: str, number: int) -> PullRequest:
        """Return a pull request."""
        raise NotImplementedError

    def fetch(self, repository: Repository, source: Path, *refspecs: str) -> None:
        """Bring commits of a local repository into a simulated one."""
        raise NotImplementedError

    def _tip(self, repository: Repository, branch: str) -> str:
        raise NotImplementedError

    def retarget(self, full_name: str, number: int, base: str, *, author: str = "octocat") -> None:
        """Change the base branch of a pull request as a person."""
        with self.state.lock:
            pull = self.pull(full_name, number)
            before = {"ref": {"from": pull.base_ref}, "sha": {"from": pull.base_sha}}
            pull.base_ref, pull.base_sha = base, self._tip(pull.repository, base)
            pull.updated_at = self.state.now()
            self.hub.emit_pull("edited", pull, self.state.user(author), changes={"base": before})

    def reply(self, comment: ReviewComment, body: str, *, author: str) -> ReviewComment:
        """Reply in the thread of an inline comment as a person."""
        with self.state.lock:
            return review_routes.reply(self.hub, comment, self.state.user(author), body)

    def react(self, comment: ReviewComment, content: str, *, author: str) -> None:
        """React to an inline comment as a person; `content` is REST's word ("-1")."""
        with self.state.lock:
            now = self.state.now()
            comment.reactions.append(Reaction(self.state.next_id(), self.state.user(author), content, now))

    def delete_comment(self, comment: ReviewComment) -> None:
        """Delete an inline comment as somebody who may write to the repository."""
        with self.state.lock:
            del self.state.review_comments[comment.id]

    def unresolve_thread(self, comment: ReviewComment) -> None:
        """Open a resolved thread again as a person."""
        with self.state.lock:
            comment.root.resolved_by = None

    def rename_repository(self, full_name: str, name: str) -> str:
        """Rename a repository; its former name redirects from now on. Return the new full name."""
        with self.state.lock:
            repository = self.state.repositories.pop(full_name)
            self.state.renamed[full_name] = repository.id
            repository.name = name
            self.state.repositories[repository.full_name] = repository
        return repository.full_name

    def lag(self, full_name: str, number: int, *, answers: int = 1) -> None:
        """Let a replica answer the next reads of a pull request with what it is now, whatever happens meanwhile."""
        with self.state.lock:
            pull = self.pull(full_name, number)
            self.state.replicas[pull.id] = (pull_shapes.pull(self.hub, pull, full=True), answers)

    def rerun_check(self, run: CheckRun, *, author: str = "octocat") -> None:
        """Press "Re-run" on a check run."""
        with self.state.lock:
            payload = {"check_run": pull_shapes.check_run(self.hub, run)}
            self.hub.emit("check_run", "rerequested", run.repository, self.state.user(author), payload)

    def rerun_suite(self, run: CheckRun, *, author: str = "octocat") -> None:
        """Press "Re-run all checks" on the head of a check run."""
        with self.state.lock:
            payload = {"check_suite": pull_shapes.check_suite(self.hub, run)}
            self.hub.emit("check_suite", "rerequested", run.repository, self.state.user(author), payload)

    def queue_for_merge(self, full_name: str, number: int, *, source: Path, revision: str) -> str:
        """Put a pull request into the merge queue; `revision` of `source` is the group's merge commit."""
        with self.state.lock:
            pull = self.pull(full_name, number)
            sha = self.hub.git.at(source).commit_of(revision)
            if sha is None:
                raise GitFailed(f"{source} has no commit {revision}")
            ref = f"refs/heads/gh-readonly-queue/{pull.base_ref}/pr-{number}-{pull.base_sha}"
            self.fetch(pull.repository, source, f"+{sha}:{ref}")
            group = {
                "head_sha": sha,
                "head_ref": ref,
                "base_sha": pull.base_sha,
                "base_ref": f"refs/heads/{pull.base_ref}",
                "head_commit": shapes.commit(self.hub, pull.repository, sha)["commit"],
            }
            payload = {"merge_group": group}
            self.hub.emit("merge_group", "checks_requested", pull.repository, pull.author, payload)
        return sha
