"""Jobs: what RQ runs. A job is a review id; everything else is in the ledger."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reviewer.jobs.owner import lease_owner

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from reviewer.ledger.ledger import Ledger
    from reviewer.settings import Settings

_configured: Settings | None = None


def configure(settings: Settings) -> None:
    """Set the settings for the jobs of this process and of the work-horses that it forks."""
    global _configured  # noqa: PLW0603 - RQ calls a job with its id and nothing else
    _configured = settings


def current_settings() -> Settings:
    """Return the settings of this process: the configured ones, else those of the environment."""
    from reviewer.settings import Settings  # noqa: PLC0415 - as in `run_review`

    return _configured if _configured is not None else Settings.from_environ()


def run_review(review_id: int) -> None:
    """Run one review of the ledger; safe to run again, at once or later, whatever happened to the last run."""
    # Imported here: running a job loads everything, and a caller that only names this function needs none of it.
    from reviewer.jobs import run as service  # noqa: PLC0415

    service.run(review_id, current_settings())


def post_notice(review_id: int) -> None:
    """Tell a pull request that its review ended without one; safe to run again."""
    from reviewer.jobs.failure_notice import notice  # noqa: PLC0415 - as in `run_review`

    notice(review_id, current_settings())


def overdue(review_id: int, pid: int, by: timedelta) -> bool:
    """Return whether a work-horse of this machine holds a lease that ran out longer than `by` ago."""
    # A ledger that cannot be read cannot be renewed in either.
    return bool(_at_ledger(lambda ledger, now: ledger.reviews.ran_out(review_id, lease_owner(pid), now - by)))


def release_all(pid: int, *, tried: bool) -> None:
    """Give back every lease of a process of this machine that has ended; `tried` False where it was told to."""
    _at_ledger(lambda ledger, now: ledger.reviews.abandon_all(lease_owner(pid), now, tried=tried))


def release(review_id: int, pid: int, *, tried: bool) -> None:
    """Give back the lease of a work-horse of this machine that died, so that the retry need not wait for its end.

    `tried` False where its worker was told to stop: a deploy uses up no try.
    """
    # Without the ledger the lease runs out by itself.
    _at_ledger(lambda ledger, now: ledger.reviews.abandon(review_id, lease_owner(pid), now, tried=tried))


def _at_ledger(do: Callable[[Ledger, datetime], object]) -> object:
    """Return what the ledger of this process says to `do` now, None where it cannot be reached."""
    # Imported here, as in `run_review`.
    from reviewer.errors import LedgerUnavailable  # noqa: PLC0415
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415

    with contextlib.closing(Ledger.open(current_settings().database_url)) as ledger:
        try:
            return do(ledger, datetime.now(UTC))
        except LedgerUnavailable:
            return None
