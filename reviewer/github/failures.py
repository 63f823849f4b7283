"""What a failed request means: GitHub's status, headers and words → one of our errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from reviewer.errors import (
    ConfigurationError,
    GitHubUnavailable,
    KiloReviewError,
    NotFound,
    PermissionMissing,
    RateLimited,
    RequestRejected,
)

# GitHub's own advice where a limit answer carries no header: "wait for at least one minute".
# https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api
DEFAULT_WAIT_S: Final = 60.0

# How long GitHub words may get inside our messages.
MAX_WORDS: Final = 300

_LIMIT_WORDS: Final = ("rate limit", "abuse detection", "submitted too quickly", "please wait a few minutes")


def explain(
    status: int,
    headers: Mapping[str, Any],
    body: object,
    *,
    doing: str,
    needs: str = "",
    now: datetime,
) -> KiloReviewError:
    """Return the error that an answer with `status` ≥ 400 stands for.

    `doing` completes "GitHub refused to …"; `needs` is the permission that the step takes ("checks: write"),
    used where GitHub does not name it itself in `X-Accepted-GitHub-Permissions`.
    """
    lowered = {str(name).lower(): str(value) for name, value in headers.items()}
    words = _words(body)
    if _is_limit(status, lowered, words):
        wait = wait_of(lowered, now)
        return RateLimited(f"GitHub asks to wait {wait:.0f} s before we {doing}", retry_after=wait)
    if status >= 500:
        return GitHubUnavailable(f"GitHub answered {status} when asked to {doing}", status=status)
    if status == 401:
        return ConfigurationError(
            f"GitHub does not accept the App's credentials ({words or 'bad credentials'})",
            remedy="Check that GITHUB_APP_ID and GITHUB_PRIVATE_KEY belong to the same App and that the key "
            "was not deleted on the App's settings page; check this machine's clock.",
        )
    if status == 403:
        permission = lowered.get("x-accepted-github-permissions", "").replace("=", ": ") or needs
        named = f"; the step needs the permission {permission}" if permission else ""
        return PermissionMissing(
            f"GitHub refused to {doing}: {words or 'forbidden'}{named}. "
            "Grant it on the App's settings page and accept it for the installation.",
            permission=permission,
        )
    if status in (404, 410, 451):
        return NotFound(f"GitHub does not show this installation what it takes to {doing}: {words or status}")
    return RequestRejected(
        f"GitHub refused to {doing}: {status} {words}".rstrip(), status=status, errors=errors_of(body)
    )


def wait_of(headers: Mapping[str, str], now: datetime) -> float:
    """Return how many seconds a limited answer asks to wait; header names in lower case."""
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "")
        if reset.isdigit():
            # One more second: the header does not say when within its second the window opens.
            seconds = (datetime.fromtimestamp(int(reset), UTC) - now).total_seconds() + 1
            return max(seconds, 1.0)
    return DEFAULT_WAIT_S


def errors_of(body: object) -> tuple[str, ...]:
    """Return the single complaints of a 422, each as one line."""
    if not isinstance(body, Mapping):
        return ()
    listed = body.get("errors")
    if not isinstance(listed, list):
        return ()
    lines = []
    for item in listed:
        if isinstance(item, Mapping):
            told = item.get("message") or " ".join(
                str(item[key]) for key in ("resource", "field", "code") if item.get(key)
            )
            lines.append(str(told))
        else:
            lines.append(str(item))
    return tuple(_line(text) for text in lines if text)


def _is_limit(status: int, headers: Mapping[str, str], words: str) -> bool:
    if status == 429:
        return True
    spoken = any(mark in words.lower() for mark in _LIMIT_WORDS)
    if status == 403:
        return spoken or "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    return status == 422 and "submitted too quickly" in words.lower()


def _words(body: object) -> str:
    if isinstance(body, Mapping):
        message = str(body.get("message") or body.get("data") or "")
        return _line("; ".join((message, *errors_of(body))) if message else "; ".join(errors_of(body)))
    return _line(str(body)) if body else ""


def _line(text: str) -> str:
    """One line without controls: these are another server's words on their way to a terminal or a comment."""
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return flat if len(flat) <= MAX_WORDS else flat[: MAX_WORDS - 1] + "…"
