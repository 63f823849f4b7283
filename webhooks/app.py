"""App: the WSGI application. Composes, never decides."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from flask import Flask, Response, request

from policies.policy import Policy
from reviewer.errors import DeliveryRefused, KiloReviewError, LedgerUnavailable, RetryableError, SignatureRefused
from reviewer.settings import Settings
from webhooks import delivery, signature, triggers
from webhooks.body import Deadlines, read_body
from webhooks.intake import Intake, JobQueue, ReviewLedger
from webhooks.permission import AskPermission, Permissions
from webhooks.triggers import Ignored, TriggerRules

log = logging.getLogger(__name__)

WEBHOOK_PATH: Final = "/webhooks/github"
# What clients that GitHub asks again should wait, in seconds, where the fault does not say.
RETRY_AFTER: Final = 30


def create_app(
    settings: Settings,
    *,
    ledger: ReviewLedger,
    queue: JobQueue,
    ask_permission: AskPermission,
    policy: Policy,
    allowed_bots: Sequence[int] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Flask:
    """Return the application; ConfigurationError where the App is half set up, since unsigned means open.

    `policy` is the organisation's: no repository's file is read before a delivery is answered.
    """
    settings.require_github_app()
    rules = TriggerRules(
        app_id=int(settings.github_app_id) if settings.github_app_id.isdigit() else 0,
        allowed_bots=frozenset(allowed_bots),
        review_drafts=policy.review_drafts,
        review_forks=policy.review_forks,
        ignore_authors=frozenset(name.lower() for name in policy.ignore_authors),
        on=frozenset(policy.triggers),
    )
    intake = Intake(
        ledger,
        queue,
        Permissions(ask_permission, now=now, least=policy.command_permission),
        per_hour=policy.max_reviews_per_hour,
        now=now,
    )
    secrets = tuple(secret.reveal() for secret in settings.webhook_secrets)
    deadlines = Deadlines()
    app = Flask("kilo-review", static_folder=None)

    @app.post(WEBHOOK_PATH)
    def receive() -> Response:
        body = read_body(request.environ, settings.body_limit, deadlines)
        signature.verify(body, request.headers.get(signature.HEADER), secrets)
        decision = triggers.decide(delivery.read_delivery(request.headers, body), rules)
        taken = decision if isinstance(decision, Ignored) else intake.take(decision)
        if isinstance(taken, Ignored):
            return _answer(200, ignored=taken.reason)
        return _answer(202, review=taken.review_id, created=taken.created, queued=taken.queued)

    @app.get("/healthz")
    def healthz() -> Response:
        return _answer(200, state="alive")

    @app.get("/readyz")
    def readyz() -> Response:
        ledger.ready()
        # Deliveries are taken without a queue; they wait in the ledger.
        return _answer(200, state="ready", ledger="ok", queue="ok" if queue.ping() else "unreachable")

    app.register_error_handler(KiloReviewError, _explain)
    app.register_error_handler(500, lambda _error: _answer(500, error="internal", message="see the server's log"))
    app.register_error_handler(404, lambda _error: _answer(404, error="not-found"))
    app.register_error_handler(405, lambda _error: _answer(405, error="method", message="use POST"))
    return app


def _explain(error: KiloReviewError) -> Response:
    if isinstance(error, SignatureRefused):
        return _answer(401, error=error.rule, message=str(error))
    if isinstance(error, DeliveryRefused):
        answer = _answer(error.status, error=error.rule, message=str(error))
        # What is left of a refused body must not be read as the next request.
        answer.headers["Connection"] = "close"
        return answer
    if isinstance(error, RetryableError):
        kind = "ledger" if isinstance(error, LedgerUnavailable) else "github"
        log.error("delivery not taken: %s", error)
        answer = _answer(503, error=f"{kind}-unavailable", message=str(error))
        answer.headers["Retry-After"] = str(int(error.retry_after or RETRY_AFTER))
        return answer
    log.error("delivery not taken: %s", error)
    return _answer(503, error="configuration", message="the server's log says what has to be set")


def _answer(status: int, **fields: Any) -> Response:
    return Response(json.dumps(fields) + "\n", status=status, mimetype="application/json")
