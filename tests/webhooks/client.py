"""What GitHub does: sign a payload and post it; and the payloads to post."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reviewer.ledger.ledger import Ledger
from webhooks.signature import sign

SECRETS = ("It's a Secret to Everybody", "the one before")
SHA = "0123456789abcdef0123456789abcdef01234567"
BASE = "fedcba9876543210fedcba9876543210fedcba98"


@dataclass
class Answer:
    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Web:
    port: int
    ledger: Ledger
    pid: int = 0

    def get(self, path: str) -> Answer:
        return self._send("GET", path, b"", {})

    def post(
        self, event: str, payload: object, *, guid: str = "", secret: str = SECRETS[0], **headers: str | None
    ) -> Answer:
        """Post a payload, signed; a header given as None is left out."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        given: dict[str, str | None] = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid or str(uuid.uuid4()),
            "X-Hub-Signature-256": sign(body, secret),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self._send(
            "POST",
            "/webhooks/github",
            body,
            {name: value for name, value in given.items() if value is not None},
        )

    def _send(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body or None, headers=dict(headers))
            response = connection.getresponse()
            return Answer(response.status, json.loads(response.read()), dict(response.getheaders()))
        finally:
            connection.close()


def user(login: str = "ann", id: int = 7, type: str = "User") -> dict[str, Any]:  # noqa: A002
    return {"login": login, "id": id, "type": type}


def repository(**more: Any) -> dict[str, Any]:
    return {"id": 44, "full_name": "octo/shop", "private": False, **more}


def pull_request(
    action: str = "opened", *, number: int = 1, sha: str = SHA, sender: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {
        "action": action,
        "number": number,
        "installation": {"id": 5},
        "repository": repository(),
        "sender": sender or user(),
        "pull_request": {
            "number": number,
            "state": "open",
            "draft": False,
            "user": user(),
            "head": {"sha": sha, "repo": {"id": 44}},
            "base": {"sha": BASE},
            "updated_at": "2026-11-21T12:00:00Z",
            **more,
        },
    }


def comment(
    body: str = "/kilo review",
    *,
    number: int = 1,
    author: dict[str, Any] | None = None,
    action: str = "created",
    comment_id: int = 900,
    issue: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    who = author or user()
    return {
        "action": action,
        "installation": {"id": 5},
        "repository": repository(),
        "sender": who,
        "issue": issue or {"number": number, "state": "open", "pull_request": {"url": "x"}},
        "comment": {
            "id": comment_id,
            "body": body,
            "user": who,
            "author_association": "NONE",
            "performed_via_github_app": None,
            **more,
        },
    }


def rerun(**more: Any) -> dict[str, Any]:
    return {
        "action": "rerequested",
        "installation": {"id": 5},
        "repository": repository(),
        "sender": user(),
        "check_run": {
            "id": 3,
            "head_sha": SHA,
            "app": {"id": 12},
            "pull_requests": [{"number": 1}],
            **more,
        },
    }
