"""Authenticate as the App, and open what each half of a review may do on GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reviewer.errors import ConfigurationError, NotFound, RetryableError
from reviewer.github.api import WRITE_PAUSE_S
from reviewer.github.auth import AppAuth, AppIdentity
from reviewer.github.client import GitHub
from reviewer.jobs.job import Job
from reviewer.ledger.keys import ReviewKey
from reviewer.publish.check_runs import CheckRuns, external_id

# The process that reads the pull request holds a token that cannot write; the one that publishes never
# sees a model. (arXiv 2603.18740's neighbours: every public key leak had both in one scope.)
READ_PERMISSIONS: Final = {"contents": "read", "metadata": "read", "pull_requests": "read", "issues": "read"}
WRITE_PERMISSIONS: Final = {"checks": "write", "issues": "write", "metadata": "read", "pull_requests": "write"}
# How long a review waits whose App GitHub does not accept: until an operator has corrected a setting.
OPERATOR_SECONDS: Final = 5 * 60.0


class AppRefused(RetryableError):
    """The App's settings are missing or GitHub does not accept them."""


@dataclass(frozen=True, slots=True)
class Access:
    """GitHub as a job reaches it: `reader` cannot write, `writer` asks the lease before every write."""

    auth: AppAuth
    identity: AppIdentity
    reader: GitHub
    writer: GitHub

    def check_runs(self, job: Job, repository: str) -> CheckRuns:
        """Return the check runs of the job's pull request."""
        return CheckRuns(
            self.writer,
            repository,
            self.identity.id,
            external_id(job.key.number, job.id),
            announce=lambda: job.announce("check run"),
            known=job.publication().check_run_id,
        )


def open_access(job: Job, stack: ExitStack) -> Access:
    """Authenticate, and open the clients until `stack` ends.

    AppRefused where GitHub does not accept the App: no pull request can be told, and nothing is lost. The review
    waits until the operator, who reads the log, has corrected the settings.
    """
    try:
        auth = job.shared.auth()
        identity = auth.identity()
    except ConfigurationError as error:
        raise AppRefused(str(error), retry_after=OPERATOR_SECONDS) from None
    except NotFound:
        raise AppRefused(
            f"GitHub knows no App {job.settings.github_app_id!r}: set GITHUB_APP_ID to the App ID (or client "
            "id) on the App's settings page",
            retry_after=OPERATOR_SECONDS,
        ) from None
    pause = job.pace.write_pause
    writer = client_for(auth, job.key, WRITE_PERMISSIONS, job.now, write_pause=pause, fence=job.held.fence)
    stack.callback(writer.close)
    reader = client_for(auth, job.key, READ_PERMISSIONS, job.now, write_pause=pause)
    stack.callback(reader.close)
    return Access(auth, identity, reader, writer)


def client_for(
    auth: AppAuth,
    key: ReviewKey,
    permissions: Mapping[str, str],
    now: Callable[[], datetime],
    *,
    write_pause: float = WRITE_PAUSE_S,
    fence: Callable[[], object] = lambda: None,
) -> GitHub:
    """Return a client whose token sees the review's repository alone.

    `write_pause` is in seconds; `fence` is called right before every write, and raises where it must not be sent.
    """
    return GitHub.for_installation(
        auth,
        key.installation_id,
        now=now,
        repository_ids=(key.repo_id,),
        permissions=permissions,
        write_pause=write_pause,
        fence=fence,
    )
