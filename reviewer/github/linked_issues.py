"""Read the issues that a pull request closes."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from reviewer.errors import NotFound, PermissionMissing, RequestRejected
from reviewer.github.client import GitHub
from reviewer.github.records import PullRequest
from reviewer.prompts.criteria import all_criteria, closes

log = logging.getLogger(__name__)


def criteria_of_pull_request(gh: GitHub, pr: PullRequest) -> tuple[str, ...]:
    """Return the acceptance criteria of a pull request's body and of the issues that it closes."""
    return all_criteria(pr.body, _bodies(gh, pr))


def _bodies(gh: GitHub, pr: PullRequest) -> Iterator[str]:
    for number in closes(pr.body, pr.repository):
        try:
            yield gh.issue_body(pr.repository, number)
        except (NotFound, PermissionMissing, RequestRejected) as error:
            log.info("issue %d of %s cannot be read: %s", number, pr.repository, error)
