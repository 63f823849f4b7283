"""What the pre-push hook does: review each pushed ref, and let the push go or stop it."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from reviewer.errors import KiloReviewError
from reviewer.jobs.policy import run_limit
from reviewer.local.arguments import add_models, add_selection
from reviewer.local.command import EXIT_FINDINGS, exit_status, say, show
from reviewer.local.pushed_ref import PushedRef, new_since
from reviewer.local.repository import Repository
from reviewer.local.selection import Selection, Which, select
from reviewer.settings import Settings
from reviewer.steps.result import ReviewStatus

STOPPED: Final = 1


def review_push(repository: Repository, refs: Sequence[PushedRef], options: argparse.Namespace) -> int:
    """Review what a push would add to the remote; 1 stops the push, 0 lets it go.

    Whatever keeps a ref from being reviewed (no network, no key, a limit, a full disk) is one clear line, and then
    follows `--on-error`. `--max-cost` is for the whole push.
    """
    status = 0
    pushed: list[str] = []
    left = run_limit(options.max_cost)
    budget = None if left is None else left.amount
    for ref in refs:
        if ref.deletes:
            continue
        try:
            result = _review_ref(repository, ref, pushed, budget, options)
            status = max(status, result.status)
            if budget is not None:
                budget = max(Decimal(0), budget - (result.cost or Decimal(0)))
        except (KiloReviewError, OSError) as error:
            status = max(status, _unreviewed(ref, str(error), options))
        except Exception as error:  # noqa: BLE001 - a fault of ours follows --on-error too: it says nothing of the code
            traceback.print_exc()
            status = max(status, _unreviewed(ref, f"a fault of kilo-review: {type(error).__name__}", options))
        pushed.append(ref.local)
    if status:
        say("the push was stopped; `git push --no-verify` pushes anyway")
    return status


@dataclass(frozen=True, slots=True)
class _Result:
    """Whether to stop the push, and what the review cost (None: unknown)."""

    status: int = 0
    cost: Decimal | None = Decimal(0)


def _review_ref(
    repository: Repository,
    ref: PushedRef,
    pushed: Sequence[str],
    budget: Decimal | None,
    options: argparse.Namespace,
) -> _Result:
    from reviewer.local.progress import ProgressLine  # noqa: PLC0415 - a delete needs none of it
    from reviewer.local.session import open_session, review_selected  # noqa: PLC0415

    base = new_since(repository, ref, options.remote, pushed)
    if base is None:
        return _Result()
    flags = _flags(budget)
    with select(repository, Selection(Which.RANGE, base, ref.local)) as selected:
        if not selected.change.files:
            return _Result()
        say(f"{ref.remote_ref}: reviewing {len(selected.change.files)} changed file(s) before the push")
        session = open_session(flags, Settings.from_environ(), selected.base)
        try:
            no_model = session.models.reason
            if no_model:
                say(f"analysers only: {no_model}")
            with ProgressLine() as line:
                review = review_selected(flags, session, selected, watch=line)
        finally:
            session.ledger.close()
    if review.shown() or not review.coverage.complete:
        show(review, "text")
    if exit_status(review, options.fail_on) == EXIT_FINDINGS:
        return _Result(STOPPED, review.cost)
    if review.status in (ReviewStatus.INCOMPLETE, ReviewStatus.STOPPED_BY_LIMIT):
        return _Result(_unreviewed(ref, f"the review is {review.status.value}", options), review.cost)
    if review.status is ReviewStatus.ANALYSERS_ONLY and options.on_error == "block":
        return _Result(_unreviewed(ref, f"by no model: {no_model}", options), review.cost)
    return _Result(0, review.cost)


def _unreviewed(ref: PushedRef, why: str, options: argparse.Namespace) -> int:
    blocked = options.on_error == "block"
    all_the_same = "" if blocked else ", pushed all the same"
    say(f"{ref.remote_ref} was not fully reviewed ({' '.join(why.split())}){all_the_same}")
    return STOPPED if blocked else 0


def _flags(budget: Decimal | None) -> argparse.Namespace:
    """Return the options of a review that may cost what is left of the push's budget."""
    parser = argparse.ArgumentParser()
    add_selection(parser)
    add_models(parser)
    parser.add_argument("--no-cache", action="store_true")
    flags = parser.parse_args([])
    flags.max_cost = "" if budget is None else str(budget)
    return flags
