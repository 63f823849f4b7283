"""App: the WSGI application. Composes, never decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from flask import Flask, Response

from policies.caps import caps_of
from policies.policy import Policy
from policies.starting import may_review_drafts
from reviewer.errors import KiloReviewError
from reviewer.settings import Settings
from webhooks.intake import Intake, JobQueue, ReviewLedger
from webhooks.permission import AskPermission, Permissions
from webhooks.receiver import Receiver, explain
from webhooks.triggers import TriggerRules


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
    app = Flask("kilo-review", static_folder=None)
    intake = Intake(
        ledger.requests,
        queue,
        Permissions(ask_permission, now=now, least=policy.command_permission),
        caps=lambda outsider: caps_of(policy, outsider=outsider),
        now=now,
    )
    app.wsgi_app = Receiver(  # type: ignore[method-assign] # Flask's own way to wrap an application
        app.wsgi_app,
        intake,
        _rules(settings, policy, allowed_bots),
        secrets=tuple(secret.reveal() for secret in settings.webhook_secrets),
        body_limit=settings.body_limit,
    )

    @app.get("/healthz")
    def healthz() -> Response:
        return _json(200, {"state": "alive"})

    @app.get("/readyz")
    def readyz() -> Response:
        ledger.ready()
        # Deliveries are taken without a queue; they wait in the ledger.
        return _json(200, {"state": "ready", "ledger": "ok", "queue": "ok" if queue.ping() else "unreachable"})

    app.register_error_handler(KiloReviewError, _explained)
    app.register_error_handler(404, lambda _error: _json(404, {"error": "not-found"}))
    app.register_error_handler(405, lambda _error: _json(405, {"error": "method"}))
    return app


def _rules(settings: Settings, policy: Policy, allowed_bots: Sequence[int]) -> TriggerRules:
    return TriggerRules(
        app_id=int(settings.github_app_id) if settings.github_app_id.isdigit() else 0,
        allowed_bots=frozenset(allowed_bots),
        review_drafts=may_review_drafts(policy),
        review_forks=policy.review_forks,
        ignore_authors=frozenset(name.lower() for name in policy.ignore_authors),
        on=frozenset(policy.triggers),
    )


def _explained(error: KiloReviewError) -> Response:
    status, fields, headers = explain(error)
    response = _json(status, fields)
    response.headers.extend(headers)
    return response


def _json(status: int, fields: dict[str, object]) -> Response:
    return Response(json.dumps(fields) + "\n", status=status, mimetype="application/json")
