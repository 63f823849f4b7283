"""Say which layer each value of a policy comes from: shipped, the organisation's file or the repository's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policies.keys import KEYS
from policies.policy import Policy


class Origin(StrEnum):
    """The layer that a value was taken from."""

    SHIPPED = "shipped"
    ORGANISATION = "organisation"
    REPOSITORY = "repository"


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of one policy key, and the last layer that changed it."""

    key: str
    value: Any
    origin: Origin


def settings_of(shipped: Policy, organisation: Policy, effective: Policy) -> tuple[Setting, ...]:
    """Return every key with its value in `effective`, in the order of the keys.

    `organisation` is the policy before the repository's file, `shipped` the one before both. A value that the
    organisation's file states counts as the organisation's also where it equals the default.
    """
    found = []
    for name, key in KEYS.items():
        value = field_of(effective, key.repository_field or key.field)
        before = field_of(organisation, key.repository_field or key.field)
        if value != before:
            origin = Origin.REPOSITORY
        elif name in organisation.stated or before != field_of(shipped, key.repository_field or key.field):
            origin = Origin.ORGANISATION
        else:
            origin = Origin.SHIPPED
        if origin is not Origin.REPOSITORY:
            value = field_of(effective, key.field)
        found.append(Setting(name, value, origin))
    return tuple(found)


def field_of(policy: Policy, name: str) -> Any:
    """Return a field of a policy; "paths.include" is a nested one."""
    value: Any = policy
    for part in name.split("."):
        value = getattr(value, part)
    return value
