"""Check the GitHub App: the clock, its permissions, events and installations, and where its webhooks go."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import uuid4

from reviewer.egress import EgressRefused
from reviewer.errors import GitHubUnavailable
from reviewer.github.api import innermost
from reviewer.github.auth import AppAuth, AppIdentity
from reviewer.settings import Settings
from webhooks import signature
from webhooks.doctor.outcome import Outcome, broken, ok, warning
from webhooks.manifest import PERMISSIONS
from webhooks.receiver import WEBHOOK_PATH
from webhooks.triggers import EVENTS

SECONDS: Final = 8
# GitHub takes a JWT that was made up to 60 s ago by its own clock and runs out at most 10 minutes from now.
MOST_SKEW: Final = timedelta(seconds=60)
NOTICED_SKEW: Final = timedelta(seconds=10)
_RANK: Final = {"": 0, "read": 1, "write": 2, "admin": 3}


def check_clock(settings: Settings, now: datetime) -> Iterator[Outcome]:
    """Compare this machine's clock with the one of GitHub."""
    status, headers, _ = answer("GET", settings.github_api_url)
    if not status:
        raise GitHubUnavailable(f"GITHUB_API_URL does not answer: {headers.get('why', '')}")
    try:
        theirs = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        yield warning("clock", "GITHUB_API_URL says no time", "Check that it is the address of a GitHub API.")
        return
    skew = now - theirs.astimezone(UTC)
    side = "ahead of" if skew > timedelta(0) else "behind"
    ahead = f"this clock is {abs(skew.total_seconds()):.0f} s {side} GitHub's"
    remedy = "Let the machine keep its time by NTP (`timedatectl set-ntp true`)."
    if abs(skew) > MOST_SKEW:
        yield broken("clock", ahead, remedy)
    elif abs(skew) > NOTICED_SKEW:
        yield warning("clock", ahead, remedy)
    else:
        yield ok("clock", "as GitHub's")


def check_app(settings: Settings, auth: AppAuth) -> Iterator[Outcome]:
    """Check who the App is, and its permissions and events against what the code needs."""
    identity = auth.check()
    yield ok("app", f"{identity.name} ({identity.slug}, id {identity.id})")
    yield from check_grants(identity)


def check_grants(identity: AppIdentity) -> Iterator[Outcome]:
    """Compare the permissions and events of the App with those that the code needs."""
    page = "the App's settings page, Permissions & events"
    lacks = lacking(identity.permissions)
    if lacks:
        yield broken("permissions", f"the App lacks {', '.join(lacks)}", f"Grant them on {page}, and accept them.")
    else:
        yield ok("permissions", "all that the code needs")
    more = sorted(
        f"{name}: {level}"
        for name, level in identity.permissions.items()
        if _RANK.get(level, 0) > _RANK[PERMISSIONS.get(name, "")]
    )
    if more:
        yield warning(
            "permissions", f"the App may more than the code needs: {', '.join(more)}", f"Take it away on {page}."
        )
    unheard = sorted(set(EVENTS) - set(identity.events))
    if unheard:
        yield broken("events", f"the App does not subscribe to {', '.join(unheard)}", f"Tick them on {page}.")
    else:
        yield ok("events", "all that the code reads")


def lacking(permissions: Mapping[str, str]) -> list[str]:
    """Return what the code needs and these permissions do not grant, as `name: level`."""
    return [
        f"{name}: {level}"
        for name, level in sorted(PERMISSIONS.items())
        if _RANK.get(permissions.get(name, ""), 0) < _RANK[level]
    ]


def check_installations(auth: AppAuth) -> Iterator[Outcome]:
    """Check that the App is installed somewhere, and that each installation accepted its permissions."""
    rows: list[Any] = auth.api.pages("/app/installations", doing="list the installations")
    if not rows:
        slug = auth.identity().slug
        yield warning(
            "installations", "the App is installed nowhere", f"Install it: {auth.identity().html_url or slug}"
        )
        return
    for row in rows:
        name = str((row.get("account") or {}).get("login", row.get("id")))
        lacks = lacking({str(key): str(value) for key, value in (row.get("permissions") or {}).items()})
        if row.get("suspended_at"):
            yield warning(
                "installations", f"the one of {name} is suspended", f"Ask an owner of {name} to unsuspend it."
            )
        elif lacks:
            remedy = f"Ask an owner of {name} to accept the App's new permissions."
            yield broken("installations", f"the one of {name} lacks {', '.join(lacks)}", remedy)
    suspended = sum(bool(row.get("suspended_at")) for row in rows)
    yield ok("installations", f"{len(rows) - suspended} of {len(rows)} active")


def check_webhook(settings: Settings, auth: AppAuth) -> Iterator[Outcome]:
    """Check where deliveries go, that the address answers, and that it knows our secret: by a signed ping."""
    config: Any = auth.api.get("/app/hook/config", doing="say where webhooks go")
    url = str(config.get("url") or "")
    place = "the App's settings page, Webhook"
    if not url.endswith(WEBHOOK_PATH):
        where = f"go to {url}" if url else "go nowhere"
        yield broken("webhook", f"deliveries {where}", f"Set the URL to https://HOST{WEBHOOK_PATH} on {place}.")
        return
    if config.get("content_type") != "json":
        yield broken(
            "webhook", "deliveries are sent as a form", f"Set the content type to application/json on {place}."
        )
        return
    if not config.get("secret"):
        yield broken("webhook", "deliveries are not signed", f"Set the secret (GITHUB_WEBHOOK_SECRET) on {place}.")
        return
    status, headers, body = ping(url, settings.webhook_secrets[0].reveal())
    if status == HTTPStatus.OK and "pong" in body:
        yield ok("webhook", f"{url} answers a signed ping")
    elif status == HTTPStatus.UNAUTHORIZED:
        yield broken(
            "webhook",
            f"{url} refuses our signature",
            "The web process runs with another GITHUB_WEBHOOK_SECRET: give both the same one, and start it again.",
        )
    elif status:
        yield broken("webhook", f"{url} answers {status}", "Let the proxy pass POST requests to the web process.")
    else:
        yield broken(
            "webhook", f"{url} does not answer: {headers.get('why', '')}", "Start `kilo-review web`, or open it up."
        )


def ping(url: str, secret: str) -> tuple[int, Mapping[str, str], str]:
    """Return a signed ping as GitHub sends it."""
    body = json.dumps({"zen": "Keep it logically awesome.", "hook_id": 0}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid4()),
        signature.HEADER: signature.sign(body, secret),
        "User-Agent": "kilo-review-doctor",
    }
    return answer("POST", url, body, headers)


def answer(
    verb: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
) -> tuple[int, Mapping[str, str], str]:
    """Send a request; return status, headers in lower case and the beginning of the body. No redirect is followed.

    Where nobody answers the status is 0 and the header `why` says why.
    """
    from reviewer.github.connection import judged_session  # noqa: PLC0415 - 0.4 s of import: not for `--help`

    try:
        with (
            judged_session() as session,
            session.request(
                verb,
                url,
                data=body or None,
                headers=dict(headers or {}),
                timeout=SECONDS,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            text = (
                ""
                if response.status_code >= 300
                else next(response.iter_content(1000), b"").decode("utf-8", "replace")
            )
            return response.status_code, _lower(response.headers), text
    except EgressRefused as error:
        return 0, {"why": str(error)}, ""
    except (OSError, ValueError) as error:
        return 0, {"why": _why(innermost(error))}, ""


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _why(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({reason.verify_message})"
    strerror = reason.strerror if isinstance(reason, OSError) else ""
    return strerror or type(reason).__name__
