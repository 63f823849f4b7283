"""Alert sender: posts the ledger's budget alerts to the webhook that the operator named."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol

from reviewer.egress import EgressRefused
from reviewer.errors import ConfigurationError
from reviewer.ledger.alerts import Alert

TIMEOUT_SECONDS: Final = 5.0
JSON: Final = {"Content-Type": "application/json"}
AGAIN_AFTER: Final = timedelta(minutes=5)

Post = Callable[[Mapping[str, object]], bool]


class DueAlerts(Protocol):
    """What the sender needs of the ledger's alerts."""

    def due(self, now: datetime, limit: int = ...) -> tuple[Alert, ...]:
        """Return the alerts that were not sent yet."""

    def claim(self, alert: Alert, now: datetime, again_at: datetime) -> bool:
        """Take an alert before sending it; False where another clock was faster."""

    def sent(self, alert_id: int, now: datetime) -> None:
        """Record that the receiver took an alert."""


def send_alerts(alerts: DueAlerts, post: Post, now: datetime) -> int:
    """Send what is due, each once by one clock; return how many the receiver took."""
    taken = 0
    for alert in alerts.due(now):
        if alerts.claim(alert, now, now + AGAIN_AFTER) and post(alert.payload()):
            alerts.sent(alert.id, now)
            taken += 1
    return taken


def poster(url: str) -> Post:
    """Return what posts JSON to a URL and says whether it was taken; ConfigurationError for no http(s) URL."""
    if not url.startswith(("https://", "http://")):
        raise ConfigurationError(
            "KILO_REVIEW_ALERT_WEBHOOK is not an http(s) address",
            remedy="Set it to the address of an incoming webhook, or unset it.",
        )

    def post(payload: Mapping[str, object]) -> bool:
        from reviewer.github.connection import judged_session  # noqa: PLC0415 - 0.4 s of import, for what is rare

        try:
            with judged_session() as session:
                # Redirects are not followed: the operator named the receiver.
                answer = session.post(
                    url, data=json.dumps(payload), headers=JSON, timeout=TIMEOUT_SECONDS, allow_redirects=False
                )
                return 200 <= answer.status_code < 300
        except (OSError, ValueError, EgressRefused):
            return False

    return post
