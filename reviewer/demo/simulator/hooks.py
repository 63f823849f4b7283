"""Webhook deliveries: signed, sent in order by one thread, recorded, and sent again with the same GUID."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import queue
import threading
import time
import uuid
from typing import Any, Final
from urllib.parse import urlsplit

from reviewer.demo.simulator.state import App, Delivery, State

ANSWER_SECONDS: Final = 10.0
PAYLOAD_LIMIT: Final = 25 * 1024 * 1024
KEPT_BODY: Final = 64 * 1024


class Hooks:
    """Delivers events to the Apps' webhook addresses; an App with no address gets none."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.paused = threading.Event()
        self._queue: queue.Queue[tuple[Delivery, bytes] | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread that delivers."""
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop delivering; what is still queued is not sent."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout=ANSWER_SECONDS + 1)
            self._thread = None

    def send(
        self,
        app: App,
        event: str,
        action: str | None,
        payload: dict[str, Any],
        *,
        installation_id: int | None = None,
        repository_id: int | None = None,
        guid: str | None = None,
        redelivery: bool = False,
    ) -> Delivery | None:
        """Queue a delivery. None where the App has no address, or the payload passes GitHub's 25 MB."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        if not app.webhook_url or len(body) > PAYLOAD_LIMIT:
            return None
        with self.state.lock:
            delivery = Delivery(
                id=self.state.next_id(),
                guid=guid or str(uuid.uuid4()),
                app=app,
                event=event,
                action=action,
                payload=payload,
                installation_id=installation_id,
                repository_id=repository_id,
                redelivery=redelivery,
            )
            self.state.deliveries[delivery.id] = delivery
        self._queue.put((delivery, body))
        return delivery

    def redeliver(self, old: Delivery) -> Delivery | None:
        """Send a delivery again: a new id, the same GUID and payload."""
        return self.send(
            old.app,
            old.event,
            old.action,
            old.payload,
            installation_id=old.installation_id,
            repository_id=old.repository_id,
            guid=old.guid,
            redelivery=True,
        )

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until everything queued has been attempted; False at the time limit."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with self.state.lock:
                if all(item.delivered_at is not None for item in self.state.deliveries.values()):
                    return True
            time.sleep(0.005)
        return False

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            delivery, body = item
            while self.paused.is_set():
                time.sleep(0.01)
            started = time.monotonic()
            self._attempt(delivery, body)
            with self.state.lock:
                delivery.duration = round(time.monotonic() - started, 4)
                delivery.delivered_at = self.state.now()

    def _attempt(self, delivery: Delivery, body: bytes) -> None:
        headers = delivery.request_headers = signed_headers(delivery, body)
        target = urlsplit(delivery.app.webhook_url)
        kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
        connection = kind(target.hostname or "", target.port, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", target.path or "/", body=body, headers=headers)
            answer = connection.getresponse()
            delivery.response_body = answer.read(KEPT_BODY).decode("utf-8", "replace")
            delivery.response_headers = dict(answer.getheaders())
            delivery.status_code = answer.status
            delivery.status = "OK" if answer.status < 400 else f"Invalid HTTP Response: {answer.status}"
        except TimeoutError:
            delivery.status_code, delivery.status = 504, "timed out"
        except (OSError, http.client.HTTPException):
            delivery.status_code, delivery.status = 502, "failed to connect to host"
        finally:
            connection.close()


def signed_headers(delivery: Delivery, body: bytes) -> dict[str, str]:
    """Return the headers of a delivery, signed with the App's webhook secret."""
    secret = delivery.app.webhook_secret.encode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/simulator",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(delivery.app.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(delivery.app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if secret:
        headers["X-Hub-Signature"] = "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest()
        headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return headers
