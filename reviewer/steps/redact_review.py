"""Take secrets out of every text of a Review, before it is stored and before anything is rendered. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, Final

from reviewer.steps.result import Review

# Not texts: what these hold is compared, looked up or sent as it is. The change is redacted before the review.
KEPT: Final = frozenset(("change", "fingerprint", "unit", "anchor"))


def redact_review(review: Review, redact: Callable[[str], str]) -> Review:
    """Return the review with `redact` applied to every text in it, of whatever origin."""
    known: dict[str, str] = {}

    def clean(text: str) -> str:
        if text not in known:
            known[text] = redact(text)
        return known[text]

    redacted = _walk(review, clean)
    assert isinstance(redacted, Review)  # noqa: S101 - _walk keeps the kind
    return redacted


def _walk(value: Any, clean: Callable[[str], str]) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return clean(value) if value else value
    if isinstance(value, tuple):
        return tuple(_walk(item, clean) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {}
        for field in fields(value):
            old = getattr(value, field.name)
            new = old if field.name in KEPT else _walk(old, clean)
            if new is not old and new != old:
                changed[field.name] = new
        return replace(value, **changed) if changed else value
    return value
