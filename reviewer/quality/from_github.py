"""Cases that only GitHub has: the pull request as it is there now, with the token of the environment or none."""

from __future__ import annotations

from contextlib import ExitStack

from reviewer.ci.access import TokenAccess
from reviewer.ci.review import find_pull_request
from reviewer.ci.target import Target
from reviewer.github.change_source import fetch_change
from reviewer.github.mirror import Mirrors
from reviewer.jobs.commits import open_commits
from reviewer.prompts.about import About
from reviewer.quality.case import Case
from reviewer.quality.content import FROM_GITHUB, Content, FromGitHub
from reviewer.settings import Settings


def from_github(access: TokenAccess, settings: Settings) -> FromGitHub:
    """Return what opens a case from GitHub; nothing is written there."""

    def open_case(case: Case, stack: ExitStack) -> Content:
        pr = find_pull_request(access, Target(case.repository, case.number))
        mirrors = stack.enter_context(
            Mirrors(
                settings.cache_dir / "mirrors",
                limit=settings.mirror_limit,
                repository_limit=settings.mirror_repository_limit,
            )
        )
        fetched = fetch_change(access.github, pr, lambda: mirrors.ensure(pr, access.token))
        base, head = open_commits(access.github, pr, fetched, stack)
        return Content(fetched.change, head, base, FROM_GITHUB, About(pr.title, pr.body, pr.author))

    return open_case
