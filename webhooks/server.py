"""Server: the web process, gunicorn around the application."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from policies.policy import Policy
from reviewer.processes.serve import check_address
from reviewer.settings import Settings, organisation_policy
from webhooks.app import create_app

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

# Deliveries wait for the ledger and for Redis, not for the processor.
THREADS: Final = 8
# Of a stop: deliveries that are being answered get this long.
GRACE_SECONDS: Final = 5
# Longer than the limit of a body, so that gunicorn never kills what we are still refusing politely.
TIMEOUT_SECONDS: Final = 30
LOG_FORMAT: Final = "%(asctime)s web %(levelname)s %(message)s"


def build(settings: Settings, policy: Policy) -> Flask:
    """Compose the application from the real parts; nothing is connected before the first request."""
    # Imported here: the master process checks settings and needs none of this.
    from reviewer.github.auth import AppAuth  # noqa: PLC0415
    from reviewer.ledger.ledger import Ledger  # noqa: PLC0415
    from reviewer.queue.address import queue_url  # noqa: PLC0415
    from reviewer.queue.queue import ReviewQueue  # noqa: PLC0415
    from webhooks.ask import TIMEOUT as ASK_SECONDS  # noqa: PLC0415
    from webhooks.ask import AskGitHub  # noqa: PLC0415

    def now() -> datetime:
        return datetime.now(UTC)

    auth = AppAuth(
        settings.github_app_id,
        settings.github_private_key,
        settings.github_api_url,
        now=now,
        timeout=ASK_SECONDS,
    )
    return create_app(
        settings,
        ledger=Ledger.open(settings.database_url),
        queue=ReviewQueue.open(queue_url(settings)),
        ask_permission=AskGitHub(auth, now=now),
        policy=policy,
        allowed_bots=settings.allowed_bots,
        now=now,
    )


class Server(BaseApplication):  # type: ignore[misc] # gunicorn has no types
    """Gunicorn with our options: one process, threads, no access log (it would repeat every address)."""

    def __init__(self, settings: Settings, policy: Policy, *, threads: int = THREADS) -> None:
        self._settings = settings
        self._policy = policy
        self._threads = threads
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        options: dict[str, Any] = {
            "bind": f"{host}:{self._settings.port}",
            "workers": 1,
            "threads": self._threads,
            "worker_class": "gthread",
            "keepalive": 15,
            "timeout": TIMEOUT_SECONDS,
            "graceful_timeout": GRACE_SECONDS,
            "loglevel": "warning",
            "limit_request_line": 2048,
            "limit_request_fields": 60,
            "control_socket_disable": True,
        }
        for name, value in options.items():
            # Older releases lack the newest options, which are off there anyway.
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application, in the worker process."""
        return build(self._settings, self._policy)


def main_web(settings: Settings) -> int:
    """Serve deliveries until SIGTERM; ConfigurationError before the port is opened."""
    settings.require_github_app()
    policy = organisation_policy(settings)
    check_address(settings)
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    Server(settings, policy).run()
    return 0
