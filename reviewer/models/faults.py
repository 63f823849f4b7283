"""What can go wrong with one attempt at a provider, and what each fault allows next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from reviewer.models.error_body import ErrorBody, read_error
from reviewer.models.manner import named_fields

DETAIL_LIMIT: Final = 200


class FaultKind(StrEnum):
    """The faults that lead to different next steps."""

    RATE_LIMITED = "rate-limited"
    OVERLOADED = "overloaded"
    NETWORK = "network"
    TIMEOUT = "timeout"
    CUT = "cut"
    UNREADABLE = "unreadable"
    EMPTY = "empty"
    TOO_LARGE = "too-large"
    KEY_REFUSED = "key-refused"
    POLICY = "policy"
    NOT_FOUND = "not-found"
    TOO_LONG = "too-long"
    UNSUPPORTED = "unsupported"
    BAD_REQUEST = "bad-request"
    REDIRECT = "redirect"
    ADDRESS_REFUSED = "address-refused"
    PROMPT_CUT = "prompt-cut"


# Faults that may pass: the same request can be sent again, to the same model or another one.
PASSING: Final = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.OVERLOADED,
        FaultKind.NETWORK,
        FaultKind.TIMEOUT,
        FaultKind.CUT,
        FaultKind.UNREADABLE,
        FaultKind.EMPTY,
    }
)
# Faults that say something about the provider's health; a rate limit or a refused key does not.
UNHEALTHY: Final = frozenset({FaultKind.OVERLOADED, FaultKind.NETWORK, FaultKind.TIMEOUT, FaultKind.CUT})
# Faults after which the provider may bill: the whole request reached it and it may have worked on it.
MAY_BE_BILLED: Final = frozenset(
    {
        FaultKind.NETWORK,
        FaultKind.TIMEOUT,
        FaultKind.CUT,
        FaultKind.UNREADABLE,
        FaultKind.EMPTY,
        FaultKind.TOO_LARGE,
        FaultKind.PROMPT_CUT,
    }
)


class ProviderFault(Exception):
    """One attempt failed.

    `retry_after` is in seconds; `sent` is False where the request did not reach the provider whole. `named` holds
    the fields of the request that a refusal names. `error` is what the provider said inside an answer that began
    with 200.
    """

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
        sent: bool = True,
        named: frozenset[str] = frozenset(),
        error: ErrorBody | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.sent = sent
        self.named = named
        self.error = error

    @property
    def passing(self) -> bool:
        """True where trying again may work."""
        return self.kind in PASSING

    @property
    def may_be_billed(self) -> bool:
        """True where the provider may have worked on the request."""
        return self.sent and self.kind in MAY_BE_BILLED


def one_line(text: str, *, limit: int = DETAIL_LIMIT) -> str:
    """Squeeze white space and cut, for an error that is shown on one line."""
    squeezed = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return squeezed if len(squeezed) <= limit else squeezed[: limit - 1] + "…"


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read `retry-after-ms` or `retry-after` (seconds or an HTTP date, RFC 9110 10.2.3); None where unreadable."""
    milliseconds = headers.get("retry-after-ms", "")
    if re.fullmatch(r"\d{1,9}(\.\d+)?", milliseconds):
        return float(milliseconds) / 1000
    raw = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", raw):
        return float(raw)
    if not raw:
        return None
    # A rare form of a rare header: not worth its import at every start.
    from email.utils import parsedate_to_datetime  # noqa: PLC0415

    try:
        return max(0.0, (parsedate_to_datetime(raw) - now).total_seconds())
    except (ValueError, TypeError):
        return None


_NO_CREDIT: Final = re.compile(r"insufficient_quota|credit balance|out of credit", re.IGNORECASE)
# Google answers 400 where everybody else answers 401.
_BAD_KEY: Final = re.compile(r"api.?key.{0,20}(not valid|invalid|expired)|invalid.{0,10}api.?key", re.IGNORECASE)
_TOO_LONG: Final = re.compile(
    r"context.{0,20}(length|window|size)|too many tokens|prompt is too long|exceeds? the (available )?context",
    re.IGNORECASE,
)
_SUPPORT: Final = re.compile(r"support|unavailable|not available|no endpoints|grammar", re.IGNORECASE)
_BY_STATUS: Final = {
    401: (FaultKind.KEY_REFUSED, "refused the key"),
    402: (FaultKind.POLICY, "has no credit left or reached a limit of its own"),
    403: (FaultKind.POLICY, "forbids this"),
    404: (FaultKind.NOT_FOUND, "has no such model or address"),
    408: (FaultKind.OVERLOADED, "gave up waiting"),
    409: (FaultKind.OVERLOADED, "is busy"),
    413: (FaultKind.TOO_LONG, "says that the request is too long"),
    425: (FaultKind.OVERLOADED, "is not ready"),
    429: (FaultKind.RATE_LIMITED, "asked us to wait"),
    # A gateway gave up waiting for the vendor behind it, which may have worked on the request and bill it.
    504: (FaultKind.TIMEOUT, "gave up waiting for its model"),
    524: (FaultKind.TIMEOUT, "gave up waiting for its model"),
}
# Statuses under which a refusal may be about one field of the request.
_ABOUT_A_FIELD: Final = frozenset({400, 404, 415, 422, 500, 501})


def fault_of_answer(
    status: int, headers: Mapping[str, str], error: ErrorBody, now: datetime, body: Mapping[str, Any] | None = None
) -> ProviderFault:
    """Sort an answer that is not 200. `error` is free of secrets; `body` is the request that was sent."""
    if 300 <= status < 400:
        return ProviderFault(FaultKind.REDIRECT, f"answered {status}; redirects are not followed", status=status)
    named = named_fields(error, body or {}) if status in _ABOUT_A_FIELD else frozenset()
    kind, words = _kind(status, error.text, named)
    retry_after = retry_after_seconds(headers, now)
    return ProviderFault(
        kind,
        f"{words} ({status}): {one_line(error.text) or 'no explanation'}",
        status=status,
        retry_after=error.retry_after if retry_after is None else retry_after,
        named=named if kind is FaultKind.UNSUPPORTED else frozenset(),
    )


def _kind(status: int, text: str, named: frozenset[str]) -> tuple[FaultKind, str]:
    # A gateway's own limits, balance and allow lists answer 402 or 403, some vendors 400 or 429: policy, no outage.
    if status in (400, 429) and _NO_CREDIT.search(text):
        return _BY_STATUS[402]
    if status == 400 and _BAD_KEY.search(text):
        return _BY_STATUS[401]
    unsupported = FaultKind.UNSUPPORTED, "does not support a part of the request"
    # "No endpoints found that support tool use" is about the request, "no such model" is not.
    if named and (status in (404, 500)) and _SUPPORT.search(text):
        return unsupported
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500 and status != 501:
        return FaultKind.OVERLOADED, "is overloaded or down"
    if _TOO_LONG.search(text):
        return FaultKind.TOO_LONG, "says that the prompt is too long"
    return unsupported if named else (FaultKind.BAD_REQUEST, "refused the request")


def error_event(detail: object, *, where: str, body: Mapping[str, Any] | None = None) -> ProviderFault:
    """Sort an error that arrives inside an answer that began with 200, as its HTTP status would be sorted.

    `detail` is the error object or an ErrorBody; `body` is the request that was sent. Where the error means no
    status, the answer counts as cut off.
    """
    error = detail if isinstance(detail, ErrorBody) else read_error(detail)
    said = one_line(error.text)
    if not error.status:
        return ProviderFault(FaultKind.CUT, f"stopped with an error, {where}: {said}", error=error)
    named = named_fields(error, body or {}) if error.status in _ABOUT_A_FIELD else frozenset()
    kind, words = _kind(error.status, error.text, named)
    return ProviderFault(
        kind,
        f"{words}, {where}: {said}",
        status=error.status,
        retry_after=error.retry_after,
        named=named if kind is FaultKind.UNSUPPORTED else frozenset(),
        error=error,
    )
