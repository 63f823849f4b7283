"""Manifest: what GitHub is asked for when the App is made. app.yml says the same for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from webhooks.receiver import WEBHOOK_PATH
from webhooks.triggers import EVENTS

HOMEPAGE: Final = "https://github.com/kilo-review/kilo-review"
DESCRIPTION: Final = "Reviews pull requests with any model, a predictable bill and comments that hold."
# The union of what the tokens of the code ask for, and EVENT_PERMISSIONS; a test holds it to that.
PERMISSIONS: Final[Mapping[str, str]] = {
    "checks": "write",
    "contents": "read",
    "issues": "write",
    "merge_queues": "read",
    "metadata": "read",
    "pull_requests": "write",
}


# What GitHub wants before it sends an event, although no request needs it.
EVENT_PERMISSIONS: Final[Mapping[str, str]] = {"merge_queues": "read"}


def manifest(*, name: str, public_url: str, redirect_url: str) -> dict[str, object]:
    """Return the manifest of a private App whose deliveries go to `public_url`, the address of the web process.

    https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
    """
    return {
        "name": name,
        "url": HOMEPAGE,
        "description": DESCRIPTION,
        "public": False,
        "redirect_url": redirect_url,
        "hook_attributes": {"url": public_url.rstrip("/") + WEBHOOK_PATH, "active": True},
        "default_permissions": dict(PERMISSIONS),
        "default_events": list(EVENTS),
    }


def pages_url(api_url: str) -> str:
    """Return where GitHub's pages are for an API address: github.com, or the host of an Enterprise Server."""
    parts = urlsplit(api_url)
    if parts.hostname == "api.github.com":
        return "https://github.com"
    return f"{parts.scheme}://{parts.netloc}"
