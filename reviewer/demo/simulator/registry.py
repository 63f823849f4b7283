"""Registering Apps: key pair, secrets, bot account."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reviewer.demo.simulator.state import App, State, User

PERMISSIONS: Mapping[str, str] = {
    "metadata": "read",
    "contents": "read",
    "pull_requests": "write",
    "issues": "write",
    "checks": "write",
    "merge_queues": "read",
}
EVENTS: Sequence[str] = (
    "pull_request",
    "issue_comment",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "check_run",
    "check_suite",
    "merge_group",
    "installation",
    "installation_repositories",
)


def key_pair() -> tuple[str, str]:
    """Return a fresh RSA key as two PEM texts: private, public."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


def register_app(
    state: State,
    *,
    name: str,
    owner: User,
    permissions: Mapping[str, str] = PERMISSIONS,
    events: Sequence[str] = EVENTS,
    webhook_url: str = "",
    external_url: str = "https://github.com/kilo-review/kilo-review",
) -> App:
    """Register an App; its bot is `<slug>[bot]`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "app"
    private, public = key_pair()
    with state.lock:
        app = App(
            id=state.next_id(),
            slug=slug,
            name=name,
            owner=owner,
            bot=state.user(f"{slug}[bot]", "Bot"),
            private_key=private,
            public_key=public,
            webhook_secret=secrets.token_hex(20),
            permissions=dict(permissions),
            events=list(events),
            created_at=state.now(),
            client_id="Iv1." + secrets.token_hex(8),
            client_secret=secrets.token_hex(20),
            webhook_url=webhook_url,
            hook_id=state.next_id(),
            external_url=external_url,
        )
        state.apps[app.id] = app
    return app
