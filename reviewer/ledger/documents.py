"""A Review as JSON and back, so that a worker can publish what another one paid for."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from decimal import Decimal, InvalidOperation
from enum import Enum, IntEnum
from typing import Any, Final

from reviewer.review import Review

FORMAT: Final = 1


class DocumentUnreadable(ValueError):
    """The stored JSON is not a review of this version: the review has to be made again."""


def dump_review(review: Review) -> str:
    """Write a review as one line of JSON: amounts as decimal texts, severities and tiers as their words."""
    return json.dumps({"format": FORMAT, "review": _plain(review)}, separators=(",", ":"))


def load_review(text: str) -> Review:
    """Read a review back; DocumentUnreadable where the text is something else or of another version."""
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise DocumentUnreadable("not a stored review of this version")
        review = _typed(Review, document["review"])
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        if isinstance(error, DocumentUnreadable):
            raise
        raise DocumentUnreadable(f"not a stored review: {type(error).__name__}: {error}") from error
    if not isinstance(review, Review):
        raise DocumentUnreadable("not a stored review")
    return review


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, IntEnum) else value.value
    return format(value, "f") if isinstance(value, Decimal) else value


@functools.cache
def _fields(record: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}


def _typed(kind: Any, value: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        kinds = [it for it in typing.get_args(kind) if it is not types.NoneType]
        return None if value is None else _typed(kinds[0], value)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_typed(item, each) for each in value)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise TypeError(f"{value!r} is no record")
        fields = _fields(kind)
        return kind(
            # A field that was added since has its default; one that is gone is left out.
            **{name: _typed(fields[name], each) for name, each in value.items() if name in fields}
        )
    return _scalar(kind, value)


def _scalar(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return kind[str(value).upper()]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is Decimal:
        return Decimal(value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is not Any and type(value) is not kind:
        raise TypeError(f"{value!r} is not {kind}")
    return value
