"""Read what a provider's error says: its words, its HTTP status, when to come back, which field it names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

# Error words of the vendors and the HTTP status that each stands for.
# https://platform.openai.com/docs/guides/error-codes https://platform.claude.com/docs/en/api/errors
# https://cloud.google.com/apis/design/errors
_STATUS_OF_WORD: Final = {
    **dict.fromkeys(("invalid_request_error", "invalid_argument", "failed_precondition", "badrequesterror"), 400),
    **dict.fromkeys(("authentication_error", "invalid_api_key", "unauthenticated"), 401),
    **dict.fromkeys(("billing_error", "insufficient_quota", "insufficient_credits"), 402),
    **dict.fromkeys(("permission_error", "permission_denied"), 403),
    **dict.fromkeys(("not_found_error", "not_found", "model_not_found"), 404),
    **dict.fromkeys(("request_too_large", "context_length_exceeded"), 413),
    **dict.fromkeys(("rate_limit_error", "rate_limit_exceeded", "resource_exhausted", "too_many_requests"), 429),
    **dict.fromkeys(("api_error", "server_error", "internal_server_error", "internal"), 500),
    **dict.fromkeys(("unavailable", "service_unavailable", "engine_overloaded"), 503),
    **dict.fromkeys(("timeout_error", "deadline_exceeded", "timeout"), 504),
    **dict.fromkeys(("overloaded_error", "overloaded"), 529),
}
_WAIT: Final = re.compile(
    r"(?:try again|retry|wait)[^.]{0,40}?\b(?:in|after|for) "
    r"((?:\d{1,6}(?:\.\d{1,6})? ?(?:ms|h|m(?:in(?:utes?)?)?|s(?:ec(?:onds?)?)?) ?){1,4})",
    re.IGNORECASE,
)
_SPAN: Final = re.compile(r"(\d{1,6}(?:\.\d{1,6})?) ?(ms|h|m|s)", re.IGNORECASE)
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """An error as it was said.

    `status` is the HTTP status that the body itself means, 0 where it means none. `retry_after` is in seconds.
    `field` is the request's field that it names as wrong, "" where it names none. `generation` is what a model
    wrote before the provider's own check of the JSON refused it.
    """

    text: str
    status: int = 0
    retry_after: float | None = None
    field: str = ""
    generation: str = ""


def parse_error(raw: str) -> ErrorBody:
    """Read the body of an answer that is not 200; text that is no JSON is taken as it is."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return ErrorBody(raw, retry_after=_wait_in_words(raw))
    return read_error(data) if isinstance(data, (dict, list)) else ErrorBody(raw)


def read_error(data: object) -> ErrorBody:
    """Read an error object in any of the shapes that providers use, with or without its `error` key around it."""
    if isinstance(data, list):
        data = data[0] if data else {}
    if isinstance(data, Mapping) and data.get("error"):
        data = data["error"]
    if not isinstance(data, Mapping):
        return ErrorBody(str(data), retry_after=_wait_in_words(str(data)))
    text = " ".join(_unique(_words(data))) or json.dumps(data, ensure_ascii=False, default=str)
    generation = data.get("failed_generation")
    return ErrorBody(
        text=text,
        status=_status(data),
        retry_after=_retry_delay(data, text),
        field=_field(data),
        generation=generation if isinstance(generation, str) else "",
    )


def _words(data: Mapping[str, Any]) -> Iterable[str]:
    for key in ("code", "type", "message", "detail", "msg"):
        value = data.get(key)
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _words(value)
        elif isinstance(value, list):
            yield from (_complaint(item) for item in value[:5])
    # A gateway puts what the vendor said into its metadata (https://openrouter.ai/docs/api-reference/errors).
    raw = _object(data.get("metadata")).get("raw")
    if isinstance(raw, str) and raw:
        yield parse_error(raw).text
    elif isinstance(raw, Mapping):
        yield read_error(raw).text


def _complaint(item: object) -> str:
    """Return one entry of FastAPI's list of validation errors: where, and what."""
    entry = _object(item)
    place = entry.get("loc")
    where = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return f"{where}: {entry.get('msg', '')}" if where else str(entry.get("msg") or item)


def _status(data: Mapping[str, Any]) -> int:
    for key in ("code", "status", "type", "http_code", "status_code"):
        value = data.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
        if isinstance(value, str) and (known := _STATUS_OF_WORD.get(value.lower())):
            return known
    return 0


def _field(data: Mapping[str, Any]) -> str:
    param = data.get("param")
    if isinstance(param, str):
        return param
    details = data.get("detail")
    first = _object(details[0]).get("loc") if isinstance(details, list) and details else None
    return ".".join(str(part) for part in first if part != "body") if isinstance(first, list) else ""


def _retry_delay(data: Mapping[str, Any], text: str) -> float | None:
    """Return the wait that a body asks for: Google's `retryDelay`, a number of seconds, or words."""
    details = data.get("details")
    for item in details if isinstance(details, list) else ():
        delay = _object(item).get("retryDelay")
        if isinstance(delay, str) and (found := re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)s", delay)):
            return float(found[1])
    for key in ("retry_after", "retry_after_seconds"):
        for holder in (data, _object(data.get("metadata"))):
            value = holder.get(key)
            if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e9:
                return float(value)
    return _wait_in_words(text)


def _wait_in_words(text: str) -> float | None:
    """Read "try again in 7m12.5s"; None where a text asks for no wait."""
    found = _WAIT.search(text[:4000])
    if not found:
        return None
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in _SPAN.findall(found[1]))


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(word for word in words if word))
