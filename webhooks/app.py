"""App: the WSGI application. Composes, never decides."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from flask import Flask, Response, request

from policies.caps import caps_of
from policies.policy import Policy
from policies.starting import may_review_drafts
from reviewer.errors import KiloReviewError
from reviewer.settings import Secret, Settings
from webhooks.delivery_counts import DeliveryCounts
from webhooks.intake import Intake, JobQueue, ReviewLedger
from webhooks.permission import AskPermission, Permissions
from webhooks.receiver import Receiver, explain
from webhooks.triggers import TriggerRules

# Takes what counts deliveries, returns what writes all metrics.
Measure = Callable[[Callable[[], Mapping[tuple[str, ...], int]]], Callable[[], bytes]]
# Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats/
METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def create_app(
    settings: Settings,
    *,
    ledger: ReviewLedger,
    queue: JobQueue,
    ask_permission: AskPermission,
    policy: Policy,
    allowed_bots: Sequence[int] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    measure: Measure | None = None,
    add_api: Callable[[Flask], None] | None = None,
    add_dashboard: Callable[[Flask], None] | None = None,
) -> Flask:
    """Return the application; ConfigurationError where the App is half set up, since unsigned means open.

    /metrics exists only with a token (KILO_REVIEW_METRICS_TOKEN): it names models and spend. `measure` makes it.

    `add_api` mounts the read API (webhooks/api), where there is a token; `add_dashboard` the pages.

    `policy` is the organisation's: no repository's file is read before a delivery is answered.
    """
    settings.require_github_app()
    app = Flask("kilo-review", static_folder=None)
    counts = DeliveryCounts()
    intake = Intake(
        ledger.requests,
        queue,
        Permissions(ask_permission, now=now, least=policy.command_permission),
        caps=lambda outsider: caps_of(policy, outsider=outsider),
        now=now,
        findings=ledger.findings,
    )
    app.wsgi_app = Receiver(  # type: ignore[method-assign] # Flask's own way to wrap an application
        app.wsgi_app,
        intake,
        _rules(settings, policy, allowed_bots),
        secrets=tuple(secret.reveal() for secret in settings.webhook_secrets),
        body_limit=settings.body_limit,
        counts=counts,
    )
    if measure is not None and settings.metrics_token:
        _add_metrics(app, measure(counts.read), settings.metrics_token)

    if add_api is not None:
        add_api(app)
    if add_dashboard is not None:
        add_dashboard(app)

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


def _add_metrics(app: Flask, text: Callable[[], bytes], token: Secret) -> None:
    expected = f"Bearer {token.reveal()}".encode()

    @app.get("/metrics")
    def metrics() -> Response:
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, expected):
            response = _json(401, {"error": "token", "message": "send Authorization: Bearer and the token"})
            response.headers["WWW-Authenticate"] = "Bearer"
            return response
        return Response(text(), content_type=METRICS_TYPE)


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
