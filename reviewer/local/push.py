"""What the pre-push hook does: review each pushed ref, and let the push go or stop it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from reviewer.errors import KiloReviewError
from reviewer.local.arguments import add_models, add_selection
from reviewer.local.command import EXIT_FINDINGS, exit_status, say, show
from reviewer.local.hook import PushedRef
from reviewer.local.repository import Repository
from reviewer.local.selection import Selection, Which, default_base, select
from reviewer.settings import Settings
from reviewer.steps.result import ReviewStatus

STOPPED: Final = 1


def review_push(repository: Repository, refs: Sequence[PushedRef], options: argparse.Namespace) -> int:
    """Review what a push would add to the remote; 1 stops the push, 0 lets it go.

    Whatever keeps a ref from being reviewed (no network, no key, a limit) is one clear line, and then follows
    `--on-error`.
    """
    status = 0
    for ref in refs:
        if ref.deletes:
            continue
        try:
            status = max(status, _review_ref(repository, ref, options))
        except KiloReviewError as error:
            status = max(status, _unreviewed(ref, str(error), options))
    if status:
        say("the push was stopped; `git push --no-verify` pushes anyway")
    return status


def _review_ref(repository: Repository, ref: PushedRef, options: argparse.Namespace) -> int:
    from reviewer.local.progress import ProgressLine  # noqa: PLC0415 - a delete needs none of it
    from reviewer.local.session import open_session, review_selected  # noqa: PLC0415

    base = _known_base(repository, ref)
    if base is None:
        say(f"{ref.remote_ref}: nothing to compare it with, not reviewed")
        return 0
    selection = Selection(Which.RANGE, base, ref.local)
    flags = _flags(options)
    with select(repository, selection) as selected:
        if not selected.change.files:
            return 0
        say(f"{ref.remote_ref}: reviewing {len(selected.change.files)} changed file(s) before the push")
        session = open_session(flags, Settings.from_environ(), selected.base)
        try:
            if session.models.reason:
                say(f"analysers only: {session.models.reason}")
            with ProgressLine() as line:
                review = review_selected(flags, session, selected, watch=line)
        finally:
            session.ledger.close()
    if review.shown() or not review.coverage.complete:
        show(review, "text")
    if exit_status(review, options.fail_on) == EXIT_FINDINGS:
        return STOPPED
    if review.status in (ReviewStatus.INCOMPLETE, ReviewStatus.STOPPED_BY_LIMIT):
        return _unreviewed(ref, f"the review is {review.status.value}", options)
    return 0


def _known_base(repository: Repository, ref: PushedRef) -> str | None:
    """Return what the remote has already: its old tip, else what a new branch leaves from."""
    if not ref.creates and repository.resolve(ref.remote) is not None:
        return ref.remote
    # A new branch, or a forced push over commits that were never fetched.
    return default_base(repository, ref.local)


def _unreviewed(ref: PushedRef, why: str, options: argparse.Namespace) -> int:
    blocked = options.on_error == "block"
    all_the_same = "" if blocked else ", pushed all the same"
    say(f"{ref.remote_ref} was not fully reviewed ({' '.join(why.split())}){all_the_same}")
    return STOPPED if blocked else 0


def _flags(options: argparse.Namespace) -> argparse.Namespace:
    """Return the options of a review with the hook's own on top."""
    parser = argparse.ArgumentParser()
    add_selection(parser)
    add_models(parser)
    parser.add_argument("--no-cache", action="store_true")
    flags = parser.parse_args([])
    flags.max_cost = options.max_cost
    return flags
