"""A policy value in plain types, as JSON and people read it."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any


def plain_value(value: Any) -> Any:
    """Return a policy value as JSON holds it."""
    if isinstance(value, Enum):
        return value.name.lower() if isinstance(value, IntEnum) else value.value
    if isinstance(value, Decimal):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain_value(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain_value(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        items = [plain_value(item) for item in value]
        return items if isinstance(value, tuple | list) else sorted(items, key=str)
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
