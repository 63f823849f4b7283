"""Run the web process: the application, served until SIGTERM."""

from __future__ import annotations

import logging
import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from policies.policy import Policy
from reviewer.processes.address import check_address
from reviewer.processes.logs import configure_logging
from reviewer.processes.start import check_app
from reviewer.settings import Settings, organisation_policy
from webhooks.app import create_app
from webhooks.http_server import HTTPServer

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)


def build(settings: Settings, policy: Policy) -> Flask:
    """Compose the application from the real parts; nothing is connected before the first request."""
    from reviewer.github.auth import AppAuth  # noqa: PLC0415 - settings are checked first, which needs none of it
    from reviewer.github.user_access import SignIn  # noqa: PLC0415 - as above
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415 - as above
    from reviewer.metrics.read import Metrics  # noqa: PLC0415 - as above
    from reviewer.publish.redact_own_secrets import OwnSecrets  # noqa: PLC0415 - as above
    from reviewer.queue.address import queue_url  # noqa: PLC0415 - as above
    from reviewer.queue.queue import ReviewQueue  # noqa: PLC0415 - as above
    from webhooks.api.mount import by_token, mount  # noqa: PLC0415 - as above
    from webhooks.dashboard.mount import mount_dashboard  # noqa: PLC0415 - as above
    from webhooks.github_permission import TIMEOUT as ASK_SECONDS  # noqa: PLC0415 - as above
    from webhooks.github_permission import AskGitHub  # noqa: PLC0415 - as above

    def now() -> datetime:
        return datetime.now(UTC)

    auth = AppAuth(
        settings.github_app_id,
        settings.github_private_key,
        settings.github_api_url,
        now=now,
        timeout=ASK_SECONDS,
    )
    sign_in = SignIn(settings.github_api_url, settings.github_client_id, settings.github_client_secret)
    ledger = Ledger.open(settings.database_url, conceal=OwnSecrets(settings.secrets()))
    queue = ReviewQueue.open(queue_url(settings))
    return create_app(
        settings,
        ledger=ledger,
        queue=queue,
        ask_permission=AskGitHub(auth, now=now),
        policy=policy,
        allowed_bots=settings.allowed_bots,
        now=now,
        measure=lambda deliveries: Metrics(ledger.statistics, queue, deliveries, now=now).text,
        add_api=(lambda app: mount(app, ledger.db, by_token(settings.api_token), now))
        if settings.api_token
        else None,
        add_dashboard=(lambda app: mount_dashboard(app, ledger.db, sign_in, now))
        if settings.github_client_id and settings.github_client_secret
        else None,
    )


def main_web(settings: Settings) -> int:
    """Serve deliveries until SIGTERM; ConfigurationError before the port is opened."""
    check_app(settings)
    policy = organisation_policy(settings)
    check_address(settings)
    configure_logging(settings, "web")
    server = HTTPServer(build(settings, policy), (settings.host, settings.port), body_limit=settings.body_limit)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: server.stop())
    server.serve(bound=lambda: log.info("takes deliveries on %s port %d", settings.host, settings.port))
    return 0
