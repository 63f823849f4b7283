"""Jobs: what RQ runs. A job is a review id; everything else is in the ledger."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from reviewer.jobs.owner import lease_owner

if TYPE_CHECKING:
    from collections.abc import Callable

    from reviewer.jobs.shared import Shared
    from reviewer.ledger.ledger import Ledger
    from reviewer.settings import Settings

_lock = threading.Lock()
_configured: Settings | None = None
_shared: Shared | None = None


def configure(settings: Settings) -> None:
    """Set the settings for the jobs of this process."""
    global _configured, _shared
    with _lock:
        _configured, _shared = settings, None


def current_settings() -> Settings:
    """Return the settings of this process: the configured ones, else those of the environment."""
    from reviewer.settings import Settings  # noqa: PLC0415 - as in `run_review`

    return _configured if _configured is not None else Settings.from_environ()


def shared() -> Shared:
    """Return what all reviews of this process use; opened with the first."""
    global _shared  # noqa: PLW0603 - as in `configure`
    from reviewer.jobs.shared import Shared  # noqa: PLC0415 - as in `run_review`

    with _lock:
        if _shared is None:
            _shared = Shared(current_settings())
        return _shared


def run_review(review_id: int) -> None:
    """Run one review of the ledger; safe to run again, at once or later, whatever happened to the last run.

    A review whose last try this would be, and whose earlier ones all ended with their process, runs beside no other
    of its kind: one that kills its process uses up the tries of the others otherwise.
    """
    # Imported here: running a job loads everything, and a caller that only names this function needs none of it.
    from reviewer.jobs import run as service  # noqa: PLC0415
    from reviewer.ledger.keys import MAX_TRIES  # noqa: PLC0415

    common = shared()
    row = common.ledger.reviews.get(review_id)
    suspect = row is not None and row.attempts == MAX_TRIES - 1 and not row.error
    with common.suspects if suspect else contextlib.nullcontext():
        service.run_shared(review_id, common)


def post_notice(review_id: int) -> None:
    """Tell a pull request that its review ended without one; safe to run again."""
    from reviewer.jobs.failure_notice import notice  # noqa: PLC0415 - as in `run_review`

    notice(review_id, shared())


def release_all(pid: int, *, tried: bool) -> None:
    """Give back every lease of a process of this machine; `tried` False where it was told to stop."""
    _at_ledger(lambda ledger, now: ledger.reviews.abandon_all(lease_owner(pid), now, tried=tried))


def release(review_id: int, pid: int, *, tried: bool) -> None:
    """Give back one lease of a process of this machine, so that the next try need not wait for its end."""
    _at_ledger(lambda ledger, now: ledger.reviews.abandon(review_id, lease_owner(pid), now, tried=tried))


def _at_ledger(do: Callable[[Ledger, datetime], object]) -> None:
    """Let `do` write to the ledger of this process; where it cannot be reached, leases run out by themselves."""
    # Imported here, as in `run_review`.
    from reviewer.errors import LedgerUnavailable  # noqa: PLC0415
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415

    with (
        contextlib.closing(Ledger.open(current_settings().database_url)) as ledger,
        contextlib.suppress(LedgerUnavailable),
    ):
        do(ledger, datetime.now(UTC))
