"""Turns: one installation's many reviews do not keep another's waiting."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import Final

from reviewer.errors import PermissionMissing
from reviewer.github.records import PullRequest
from reviewer.jobs.access import Access
from reviewer.jobs.job import Job
from reviewer.jobs.lease import jitter

log = logging.getLogger(__name__)

# How long a review waits before it asks again whether it is its turn; drawn out at random.
TURN_SECONDS: Final = 10.0


def has_turn(job: Job, access: Access, pr: PullRequest) -> bool:
    """Tell whether a review may begin; else it waits for others, and the pull request's check says how many."""
    ahead = job.ledger.backlog.ahead(job.row, job.settings.reviews_per_installation, job.now())
    if not ahead:
        return True
    if job.key.automatic and job.publication().check_run_id is None:
        # Shown once: a write for each look would spend the installation's quota on waiting.
        with suppress(PermissionMissing):
            run = access.check_runs(job, pr.repository).queue(pr.head_sha, ahead)
            job.save(replace(job.publication(), check_run_id=run.id, writing=""))
    log.info("review %d waits for its turn: %d of its installation come first", job.id, ahead)
    job.held.wait_turn(TURN_SECONDS * (1 + jitter()), ahead)
    return False
