"""What can go wrong with one attempt at a provider, and what each fault allows next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

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
# Faults after which the provider may bill: it accepted the request and may have worked on it.
MAY_BE_BILLED: Final = frozenset(
    {FaultKind.TIMEOUT, FaultKind.CUT, FaultKind.UNREADABLE, FaultKind.EMPTY, FaultKind.TOO_LARGE}
)


class ProviderFault(Exception):
    """One attempt failed. `retry_after` is in seconds; `sent` is False where no byte of the request left."""

    def __init__(
        self,
        kind: FaultKind,
        message: str,
        *,
        status: int = 0,
        retry_after: float | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.sent = sent

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
_TOO_LONG: Final = re.compile(
    r"context.{0,20}(length|window|size)|too many tokens|prompt is too long|exceeds? the (available )?context",
    re.IGNORECASE,
)
_UNSUPPORTED: Final = re.compile(
    r"response_?format|json_schema|output_config|response_?json_?schema|structured output|tool_choice|"
    r"unsupported (parameter|value)|unknown (parameter|name|field)",
    re.IGNORECASE,
)
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
}


def fault_of_answer(status: int, headers: Mapping[str, str], detail: str, now: datetime) -> ProviderFault:
    """Sort an answer that is not 200. `detail` is the provider's own words, already free of secrets."""
    if 300 <= status < 400:
        return ProviderFault(FaultKind.REDIRECT, f"answered {status}; redirects are not followed", status=status)
    # A gateway's own limits, balance and allow lists answer 402 or 403, some vendors 400 or 429: policy, no outage.
    if status in (400, 429) and _NO_CREDIT.search(detail):
        kind, words = _BY_STATUS[402]
    elif status in _BY_STATUS:
        kind, words = _BY_STATUS[status]
    elif status >= 500:
        kind, words = FaultKind.OVERLOADED, "is overloaded or down"
    elif _TOO_LONG.search(detail):
        kind, words = FaultKind.TOO_LONG, "says that the prompt is too long"
    elif _UNSUPPORTED.search(detail):
        kind, words = FaultKind.UNSUPPORTED, "does not support a part of the request"
    else:
        kind, words = FaultKind.BAD_REQUEST, "refused the request"
    said = one_line(detail) or "no explanation"
    return ProviderFault(
        kind, f"{words} ({status}): {said}", status=status, retry_after=retry_after_seconds(headers, now)
    )
