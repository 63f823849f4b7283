"""Delivery: one webhook POST as a value, read from headers and body and from nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn, Protocol

from reviewer.errors import DeliveryRefused

EVENT_HEADER: Final = "X-GitHub-Event"
GUID_HEADER: Final = "X-GitHub-Delivery"
JSON_TYPE: Final = "application/json"
# Ledger columns are 64 bits wide; GitHub's own ids are far below.
LARGEST_ID: Final = 2**63 - 1

_EVENT = re.compile(r"[a-z][a-z_]{0,63}")
_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Headers(Protocol):
    """Request headers by name, in any case."""

    def get(self, key: str, default: str, /) -> str:
        """Return a header's value."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook POST. `action` is "" and `installation_id` 0 where the event has none."""

    guid: str
    event: str
    action: str
    installation_id: int
    payload: Mapping[str, Any] = field(repr=False)


def read_delivery(headers: Headers, body: bytes) -> Delivery:
    """Return the Delivery of a request with a verified signature; DeliveryRefused says what is malformed."""
    event = headers.get(EVENT_HEADER, "")
    guid = headers.get(GUID_HEADER, "")
    if not _EVENT.fullmatch(event):
        raise DeliveryRefused(f"the header {EVENT_HEADER} is missing or no event name", rule="event-header")
    if not _GUID.fullmatch(guid):
        raise DeliveryRefused(f"the header {GUID_HEADER} is missing or no delivery id", rule="delivery-header")
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != JSON_TYPE:
        raise DeliveryRefused(
            f"the content type must be {JSON_TYPE}: choose it on the App's settings page",
            rule="content-type",
            status=415,
        )
    payload = _parse(body)
    action = payload.get("action", "")
    installation = payload.get("installation")
    return Delivery(
        guid=guid,
        event=event,
        action=action if isinstance(action, str) and _EVENT.fullmatch(action) else "",
        installation_id=whole(installation, "id") if isinstance(installation, Mapping) else 0,
        payload=payload,
    )


def whole(record: object, key: str) -> int:
    """Return a positive id of the payload; DeliveryRefused where it is absent, no whole number, or too large."""
    value = record.get(key) if isinstance(record, Mapping) else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= LARGEST_ID:
        raise DeliveryRefused(f"the payload has no usable {key!r}", rule="payload")
    return value


def word(record: object, key: str, pattern: re.Pattern[str]) -> str:
    """Return a text of the payload that matches the pattern as a whole; DeliveryRefused where it does not."""
    value = record.get(key) if isinstance(record, Mapping) else None
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise DeliveryRefused(f"the payload has no usable {key!r}", rule="payload")
    return value


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise DeliveryRefused("the JSON is nested too deeply", rule="json-depth") from None
    except ValueError:
        # Also: bytes that are no UTF-8, and whole numbers of more digits than Python reads.
        raise DeliveryRefused("the body is not JSON", rule="json") from None
    if not isinstance(payload, dict):
        raise DeliveryRefused("the body is not a JSON object", rule="json-object")
    return payload


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
