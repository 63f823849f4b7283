"""Receiver: the one address that GitHub posts to, as plain WSGI.

It is called for every event of every repository, nearly all of which are ignored: without the framework around it
an answer costs a third less processor time (`bench/webhook.py`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from reviewer.errors import DeliveryRefused, KiloReviewError, LedgerUnavailable, RetryableError, SignatureRefused
from reviewer.jobs.log_fields import log_fields
from webhooks import delivery, signature, triggers
from webhooks.body import read_body
from webhooks.delivery_counts import Answer, DeliveryCounts
from webhooks.triggers import Ignored

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from webhooks.delivery import Delivery
    from webhooks.intake import Intake
    from webhooks.triggers import TriggerRules

log = logging.getLogger(__name__)

WEBHOOK_PATH: Final = "/webhooks/github"
# What a client that is to ask again should wait, in seconds, where the fault does not say.
RETRY_AFTER: Final = 30


class _Headers:
    """Request headers of a WSGI environment by their own names."""

    def __init__(self, environ: Mapping[str, Any]) -> None:
        self._environ = environ

    def get(self, key: str, default: str, /) -> str:
        name = key.upper().replace("-", "_")
        return str(self._environ.get(name if name == "CONTENT_TYPE" else f"HTTP_{name}", default))


class Receiver:
    """WSGI middleware: answers POST /webhooks/github, hands everything else on."""

    def __init__(
        self,
        others: WSGIApplication,
        intake: Intake,
        rules: TriggerRules,
        *,
        secrets: tuple[str, ...],
        body_limit: int,
        counts: DeliveryCounts | None = None,
    ) -> None:
        self._others = others
        self._intake = intake
        self._rules = rules
        self._secrets = secrets
        self._limit = body_limit
        self._counts = counts or DeliveryCounts()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"] != WEBHOOK_PATH:
            return self._others(environ, start_response)
        status, fields, headers = self._answer(environ)
        body = json.dumps(fields).encode() + b"\n"
        start_response(
            f"{status} {HTTPStatus(status).phrase}",
            [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers],
        )
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        if environ["REQUEST_METHOD"] != "POST":
            return 405, {"error": "method", "message": "deliveries are POSTs"}, [("Allow", "POST")]
        received: Delivery | None = None
        with ExitStack() as stack:
            try:
                received = self._read(environ)
                stack.enter_context(log_fields(delivery=received.guid))
                answer = self._take(received)
            except KiloReviewError as error:
                answer = explain(error)
            except Exception:
                # A bug of ours: GitHub's log gets a failed delivery, and the scheduler asks for it again.
                log.exception("delivery not taken")
                answer = 500, {"error": "internal", "message": "the server's log says more"}, []
            log_delivery(received, answer)
        self._counts.add(received.event if received else "", answer)
        return answer

    def _read(self, environ: WSGIEnvironment) -> Delivery:
        headers = _Headers(environ)
        body = read_body(environ, self._limit)
        signature.verify(body, headers.get(signature.HEADER, ""), self._secrets)
        return delivery.read_delivery(headers, body)

    def _take(self, received: Delivery) -> Answer:
        ended = triggers.merged(received)
        if ended is not None:
            self._intake.merged(ended)
        decision = triggers.decide(received, self._rules)
        taken = decision if isinstance(decision, Ignored) else self._intake.take(decision)
        if isinstance(taken, Ignored):
            return 200, {"ignored": taken.reason}, []
        return 202, {"review": taken.review_id, "created": taken.created, "queued": taken.queued}, []


def log_delivery(received: Delivery | None, answer: Answer) -> None:
    """Log one delivery with what was decided; of one that was not signed, only why it was refused.

    Event, action and id have the forms that `read_delivery` holds them to; nothing else of a sender is logged.
    """
    status, fields, _headers = answer
    said = " ".join(f"{name}={value}" for name, value in fields.items() if name != "message")
    if received is None:
        log.info("delivery refused status=%d %s", status, said)
        return
    # Its id is on the line already: see `log_fields`.
    log.info("delivery event=%s action=%s status=%d %s", received.event, received.action, status, said)


def explain(error: KiloReviewError) -> Answer:
    """Return status, JSON and headers of a refusal or a fault: 4xx for what the sender can change, else 503."""
    if isinstance(error, SignatureRefused):
        return 401, {"error": error.rule, "message": str(error)}, []
    if isinstance(error, DeliveryRefused):
        return error.status, {"error": error.rule, "message": str(error)}, []
    log.error("not taken: %s", error)
    if isinstance(error, RetryableError):
        kind = "ledger" if isinstance(error, LedgerUnavailable) else "github"
        wait = str(int(error.retry_after or RETRY_AFTER))
        return 503, {"error": f"{kind}-unavailable", "message": str(error)}, [("Retry-After", wait)]
    return 503, {"error": "configuration", "message": "the server's log says what has to be set"}, []
