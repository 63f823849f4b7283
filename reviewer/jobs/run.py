"""One review of the ledger, from its lease to its publication: GitHub, pipeline and ledger, composed."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from policies.budgets import Account
from policies.policy import Policy
from policies.words import Strategy
from reviewer import pipeline
from reviewer.errors import (
    ConfigurationError,
    GitHubUnavailable,
    KiloReviewError,
    LeaseLost,
    LedgerUnavailable,
    NotFound,
    PermissionMissing,
    RateLimited,
    RetryableError,
)
from reviewer.git.snapshot import Snapshot
from reviewer.github.api import WRITE_PAUSE_S
from reviewer.github.auth import AppAuth, AppIdentity
from reviewer.github.change_source import fetch_change
from reviewer.github.client import GitHub
from reviewer.github.mirror import Mirrors
from reviewer.github.records import PullRequest
from reviewer.jobs.access import READ_PERMISSIONS, WRITE_PERMISSIONS, app_auth, client_for
from reviewer.jobs.command_reply import reply_once
from reviewer.jobs.commits import open_commits
from reviewer.jobs.correction import CORRECTION, correction
from reviewer.jobs.document import Document, dump_document, load_document
from reviewer.jobs.earlier_findings import earlier_findings, known_findings
from reviewer.jobs.lease import Heartbeat
from reviewer.jobs.models import Models, open_models
from reviewer.jobs.notice import end_checks
from reviewer.jobs.owner import lease_owner
from reviewer.jobs.policy import effective_policy, utc_now
from reviewer.ledger.keys import Lease, ReviewState, backoff
from reviewer.ledger.ledger import Ledger
from reviewer.ledger.meter import LedgerMeter
from reviewer.prompts.about import About
from reviewer.publish import sticky
from reviewer.publish.check import verdict_of
from reviewer.publish.conceal import Concealer
from reviewer.publish.cost import Totals
from reviewer.publish.publisher import Identity, publish
from reviewer.publish.settle import Settle
from reviewer.settings import Settings
from reviewer.steps.context import ReviewContext
from reviewer.steps.estimate import estimate_table, plan_review
from reviewer.steps.request import ReviewRequest

log = logging.getLogger(__name__)

LEASE: Final = timedelta(seconds=60)
# How long a review waits whose App GitHub does not let in: until somebody has corrected a setting.
OPERATOR_SECONDS: Final = 5 * 60.0
# And one that found another review of its pull request at work; drawn out at random, so that two do not meet again.
BUSY_SECONDS: Final = 10.0


def run(
    review_id: int,
    settings: Settings,
    *,
    now: Callable[[], datetime] = utc_now,
    write_pause: float = WRITE_PAUSE_S,
) -> None:
    """Run a review of the ledger to its publication, or leave it to a later run with the reason on record.

    Safe to call again at any time: the lease lets one through, stored answers and the stored review are not paid
    for again, and what is published already is found. `write_pause` is the seconds between two writes to GitHub.
    Raises only LedgerUnavailable.
    """
    ledger = Ledger.open(settings.database_url)
    try:
        lease = ledger.reviews.begin(review_id, lease_owner(), now(), LEASE)
        if lease is None:
            log.info("review %d is finished, not due or in other hands", review_id)
            return
        _Run(settings, ledger, lease, now, write_pause).run()
    finally:
        ledger.close()


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a review is made from."""

    request: ReviewRequest
    policy: Policy
    models: Models
    base: Snapshot
    head: Snapshot


class _NotLetIn(RetryableError):
    """The App's settings are missing or GitHub does not accept them."""


class _Busy(RetryableError):
    """Another review of the same pull request is at work: one after the other, so that nothing is said twice."""


class _Run:
    """One attempt at one review, under its lease."""

    def __init__(
        self, settings: Settings, ledger: Ledger, lease: Lease, now: Callable[[], datetime], write_pause: float
    ) -> None:
        self.settings = settings
        self.write_pause = write_pause
        self.ledger = ledger
        self.lease = lease
        self.superseded = False
        self.now = now
        row = ledger.reviews.get(lease.review_id)
        assert row is not None  # noqa: S101 - the lease was taken on it
        self.row = row
        self.payload: Mapping[str, object] = row.payload
        self.repository = str(self.payload["repository"])
        self.conceal = Concealer(settings.secrets())

    def run(self) -> None:
        try:
            with Heartbeat(lambda: self.ledger.reviews.renew(self.lease, self.now(), LEASE), every=LEASE / 3):
                self._review_and_publish()
        except LeaseLost:
            log.info("review %d went to another worker", self.lease.review_id)
        except LedgerUnavailable:
            raise
        except (GitHubUnavailable, RateLimited, _Busy, _NotLetIn) as error:
            self._later(error)
        except RetryableError as error:
            self._failed(error, retry=True)
        except KiloReviewError as error:
            self._failed(error, retry=False)
        except Exception as error:
            log.exception("review %d failed", self.lease.review_id)
            self._failed(error, retry=True)

    def _review_and_publish(self) -> None:
        auth, identity = self._let_in()
        with ExitStack() as stack:
            writer = self._client(auth, WRITE_PERMISSIONS, guard=self._guard_write)
            stack.callback(writer.close)
            if self.payload.get("verb") == CORRECTION:
                self._correct(writer, identity.login)
                return
            reader = self._client(auth, READ_PERMISSIONS)
            stack.callback(reader.close)
            pr = reader.pull_request(self.repository, self.row.key.number)
            if self._is_over(pr, writer, identity.id):
                return
            other = self.ledger.reviews.busy(self.lease, self.now())
            if other is not None:
                wait = BUSY_SECONDS * (1 + _jitter())
                raise _Busy(f"review {other} of this pull request comes first", retry_after=wait)
            if self.payload.get("verb") == "estimate":
                self._estimate(self._open(reader, auth, pr, stack), writer, identity.login)
                return
            if self.lease.state is not ReviewState.REVIEWED:
                self._start_check(writer, pr, identity.id)
                if self.lease.fence > 1:
                    # An attempt before this one may have died in the middle of a call.
                    self.ledger.money.expire(self.now(), review_id=self.lease.review_id)
                document = self._review(self._open(reader, auth, pr, stack))
                self.lease = self.ledger.reviews.save_result(self.lease, dump_document(document), self.now())
            else:
                document = self._stored()
            self._publish(document, pr, writer, Identity(identity.login, identity.id))

    def _let_in(self) -> tuple[AppAuth, AppIdentity]:
        """Say who we are. Where GitHub does not take it, nobody can be told there and nothing is lost: the review
        waits until the operator, who reads the log, has corrected the settings.
        """
        try:
            auth = app_auth(self.settings, self.now)
            return auth, auth.identity()
        except ConfigurationError as error:
            raise _NotLetIn(str(error), retry_after=OPERATOR_SECONDS) from None
        except NotFound:
            raise _NotLetIn(
                f"GitHub knows no App {self.settings.github_app_id!r}: set GITHUB_APP_ID to the App ID (or client "
                "id) on the App's settings page",
                retry_after=OPERATOR_SECONDS,
            ) from None

    def _client(self, auth: AppAuth, permissions: Mapping[str, str], **more: Callable[[], None]) -> GitHub:
        return client_for(auth, self.row.key, permissions, self.now, write_pause=self.write_pause, **more)

    def _estimate(self, inputs: _Inputs, gh: GitHub, login: str) -> None:
        """Answer `/kilo estimate` with one comment: posted once, whatever is tried again."""
        context = ReviewContext(inputs.policy, inputs.models.client, inputs.head, inputs.base)
        planned = plan_review(inputs.request, context)
        self._reply(gh, "estimate", self.conceal(estimate_table(planned)), login)

    def _correct(self, gh: GitHub, login: str) -> None:
        """Answer a command that does not exist with a reaction and one comment; nobody is told where that fails."""
        try:
            self._guard()
            gh.react(self.repository, int(str(self.payload["comment_id"])), "confused")
            self._reply(gh, CORRECTION, correction(str(self.payload.get("problem"))), login)
        except (NotFound, PermissionMissing) as error:
            self._finish(ReviewState.REFUSED, self._words(error))

    def _reply(self, gh: GitHub, kind: str, body: str, login: str) -> None:
        mark = f"{kind} {self.lease.review_id}"
        reply_once(gh, self.repository, self.row.key.number, body, mark=mark, login=login, guard=self._guard)
        self._finish(ReviewState.PUBLISHED, "")

    def _start_check(self, gh: GitHub, pr: PullRequest, app_id: int) -> None:
        """Show that the review is under way; an App that may not is told so when it publishes."""
        with suppress(PermissionMissing):
            self._guard()
            sticky.start_check(
                gh, self.repository, pr.head_sha, app_id=app_id, external_id=str(self.lease.review_id)
            )

    def _is_over(self, pr: PullRequest, gh: GitHub, app_id: int) -> bool:
        """End the review where the pull request has moved on; older reviews of it end in any case.

        Nobody else comes back to what they showed: their check runs are concluded here.
        """
        ended = self.ledger.reviews.supersede(pr.repo_id, pr.number, pr.head_sha, self.now())
        self.superseded = self.lease.review_id in ended
        heads = {row.key.head_sha for row in map(self.ledger.reviews.get, ended) if row is not None}
        moved = f"The pull request moved on to {pr.head_sha[:7]}; its review is the one that counts."
        for head in sorted(heads):
            end_checks(gh, self.repository, head, app_id, title="A newer commit has taken over", summary=moved)
        if self.superseded:
            return True
        if pr.state != "open":
            why = f"The pull request is {pr.state}."
            end_checks(gh, self.repository, pr.head_sha, app_id, title="Not reviewed", summary=why)
            self._finish(ReviewState.REFUSED, why)
            return True
        return False

    def _open(self, gh: GitHub, auth: AppAuth, pr: PullRequest, stack: ExitStack) -> _Inputs:
        """Fetch the change, open both commits, and read the policy at the base."""
        mirrors = Mirrors(
            self.settings.state_dir / "mirrors",
            limit=self.settings.mirror_limit,
            repository_limit=self.settings.mirror_repository_limit,
        )
        stack.callback(mirrors.close)
        key = self.row.key
        token = auth.installation_token(
            key.installation_id, repository_ids=(key.repo_id,), permissions=READ_PERMISSIONS
        )
        fetched = fetch_change(gh, pr, lambda: mirrors.ensure(pr, token.token, installation_id=key.installation_id))
        base, head = open_commits(gh, pr, fetched, stack)
        policy = effective_policy(self.settings, base=base, private=pr.private)
        models = self._models(policy, pr)
        request = ReviewRequest(
            change=fetched.change,
            about=About(pr.title, pr.body, pr.author),
            labels=pr.labels,
            private=pr.private,
            strategy=self._strategy(),
            earlier=earlier_findings(gh, self.ledger, pr, login=auth.identity().login, now=self.now),
            notices=(*policy.notices, *fetched.notices, *((models.reason,) if models.reason else ())),
        )
        return _Inputs(request, policy, models, base, head)

    def _review(self, inputs: _Inputs) -> Document:
        policy = inputs.policy
        context = ReviewContext(
            policy,
            inputs.models.client,
            inputs.head,
            inputs.base,
            frontier_price=inputs.models.frontier_price,
            store=self.ledger.results(self.now),
        )
        review = pipeline.review(inputs.request, context)
        self.ledger.calls.note_checks(str(self.lease.review_id), review.calls)
        # The ledger is the truth about money: calls of an attempt that died belong on the bill too.
        review = replace(review, calls=self.ledger.calls.of_review(self.lease.review_id))
        verdict = verdict_of(review, fail_on=policy.fail_on, limit_conclusion=policy.limit_conclusion)
        return Document(review, verdict)

    def _models(self, policy: Policy, pr: PullRequest) -> Models:
        key = self.row.key
        owner = pr.repository.partition("/")[0]
        account = Account(
            run=str(self.lease.review_id),
            pull_request=key.pull_request,
            user=self.row.actor,
            repository=pr.repository,
            organisation=owner,
        )
        meter = LedgerMeter(
            self.ledger,
            self.lease.review_id,
            policy.limits,
            account,
            self.now,
            lease=self.lease,
            allow_unknown_price=policy.unknown_price == "allow",
        )
        return open_models(
            self.settings,
            policy,
            meter,
            private=pr.private,
            model=str(self.payload.get("model") or ""),
            strategy=self._strategy(),
            discover_local=not self.settings.provider_keys and not self.settings.model_url,
        )

    def _strategy(self) -> Strategy | None:
        word = self.payload.get("strategy")
        return Strategy(str(word)) if word else None

    def _stored(self) -> Document:
        text = self.ledger.reviews.result(self.lease.review_id)
        if text is None:
            raise RetryableError("the ledger says reviewed and has no document")
        return load_document(text)

    def _publish(self, document: Document, pr: PullRequest, gh: GitHub, identity: Identity) -> None:
        spend = self.ledger.calls.totals(str(self.lease.review_id), self.row.key.pull_request)
        verbs = self.ledger.requests.verbs(pr.repo_id, pr.number)
        totals = Totals(
            reviews=verbs.get("review", 0) + verbs.get("", 0),
            calls=spend.pull_request.calls,
            cost=spend.pull_request.cost,
            known=spend.pull_request.known,
        )
        posted = publish(
            document.review,
            pr,
            gh,
            verdict=document.verdict,
            identity=identity,
            fence=self._guard,
            save=lambda publication: self.ledger.publications.save(self.lease, publication, self.now()),
            before=self.ledger.publications.get(self.lease.review_id),
            totals=totals,
            conceal=self.conceal,
            external_id=str(self.lease.review_id),
            settle=Settle(),
        )
        if posted.stale:
            self._finish(ReviewState.SUPERSEDED, "the head moved on during the review")
            return
        found = known_findings(posted.review, posted.urls)
        self.ledger.findings.save(self.lease, pr.repo_id, pr.number, found, self.now())
        self._finish(ReviewState.PUBLISHED, "; ".join(posted.problems))

    def _guard(self) -> None:
        self.lease = self.ledger.reviews.renew(self.lease, self.now(), LEASE)

    def _guard_write(self) -> None:
        # Whoever finds itself superseded still concludes the check runs of the old head: nobody else will.
        if not self.superseded:
            self._guard()

    def _finish(self, state: ReviewState, why: str) -> None:
        self.ledger.reviews.finish(self.lease, state, self.now(), error=self.conceal(why))

    def _later(self, error: RetryableError) -> None:
        # Waiting uses up no try, so the pause grows with the waits before.
        pause = backoff(self.row.deferrals + 1, _jitter())
        wait = timedelta(seconds=error.retry_after) if error.retry_after else pause
        log.warning("review %d waits %.0f s: %s", self.lease.review_id, wait.total_seconds(), self._words(error))
        self._unless_lost(
            lambda: self.ledger.reviews.defer(self.lease, self.now() + wait, self._words(error), self.now())
        )

    def _failed(self, error: Exception, *, retry: bool) -> None:
        wait = backoff(self.lease.attempt, _jitter())
        log.warning("review %d failed: %s", self.lease.review_id, self._words(error))
        at = self.now() + wait if retry else None
        self._unless_lost(lambda: self.ledger.reviews.fail(self.lease, at, self._words(error), self.now()))

    def _unless_lost(self, write: Callable[[], object]) -> None:
        try:
            write()
        except LeaseLost:
            log.info("review %d went to another worker meanwhile", self.lease.review_id)

    def _words(self, error: Exception) -> str:
        text = str(error) if isinstance(error, KiloReviewError) else f"{type(error).__name__}: {error}"
        return self.conceal(" ".join(text.split()))


def _jitter() -> float:
    return random.random()  # noqa: S311 - spreads retries, no secret
