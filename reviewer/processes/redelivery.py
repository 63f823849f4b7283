"""Redelivery: which webhook deliveries GitHub has to send again. GitHub itself tries once and never again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reviewer.github.records import HookDelivery

# github.com keeps deliveries for three days (Enterprise Server for seven); older ones cannot be sent again.
# https://docs.github.com/en/webhooks/using-webhooks/handling-failed-webhook-deliveries
RETENTION: Final = timedelta(days=3)
# Rows may show up in GitHub's list later than rows that are younger.
OVERLAP: Final = timedelta(minutes=5)
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
# Sent again per look at the list, at one write per second: three quarters of the minute between two looks.
BATCH: Final = 45
# Answers of ours that the same body gets again: malformed, no length, too large, wrong type. A 401 is not among
# them: what GitHub lists is GitHub's own, so there our secret was wrong.
HOPELESS: Final = frozenset({400, 411, 413, 415})


@dataclass(frozen=True, slots=True)
class Missing:
    """A delivery that was not answered: its latest attempt, how often it was asked for, when it may be next."""

    attempt_id: int
    since: datetime
    count: int
    next_at: datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the last look at the list stopped, and what is missing by GUID. Survives restarts as JSON."""

    since: datetime
    missing: Mapping[str, Missing] = field(default_factory=dict)

    @classmethod
    def start(cls, now: datetime) -> Cursor:
        """Return the cursor of a first run: everything that GitHub still has."""
        return cls(since=now - RETENTION)

    def to_json(self) -> str:
        """Write the cursor as JSON."""
        missing = {
            guid: [each.attempt_id, each.since.isoformat(), each.count, each.next_at.isoformat()]
            for guid, each in self.missing.items()
        }
        return json.dumps({"since": self.since.isoformat(), "missing": missing})

    @classmethod
    def from_json(cls, text: str, now: datetime) -> Cursor:
        """Read a cursor; one that cannot be read starts again, which repeats no delivery that was taken."""
        try:
            row = json.loads(text)
            return cls(
                since=_time(row["since"]),
                missing={
                    guid: Missing(int(attempt_id), _time(since), int(count), _time(next_at))
                    for guid, (attempt_id, since, count, next_at) in row["missing"].items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls.start(now)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which attempts to ask for again now, those that miss longest first, and the cursor to keep."""

    again: tuple[int, ...]
    cursor: Cursor


def look_back(cursor: Cursor, now: datetime) -> str:
    """Return the moment from which the list has to be read, as GitHub writes moments."""
    return max(cursor.since - OVERLAP, now - RETENTION).strftime("%Y-%m-%dT%H:%M:%SZ")


def taken(attempt: HookDelivery) -> bool:
    """Return whether we answered that we have a delivery, or that we never will."""
    return attempt.ok or attempt.status_code in HOPELESS


def plan(attempts: Iterable[HookDelivery], cursor: Cursor, now: datetime, *, batch: int = BATCH) -> Plan:
    """Decide which deliveries are sent again: those that no attempt brought here, each with growing pauses."""
    missing = dict(cursor.missing)
    newest = cursor.since
    home: set[str] = set()
    for attempt in sorted(attempts, key=lambda each: each.id):
        moment = _time(attempt.delivered_at)
        newest = max(newest, moment)
        if taken(attempt):
            home.add(attempt.guid)
            continue
        known = missing.get(attempt.guid, Missing(attempt.id, since=moment, count=0, next_at=now))
        missing[attempt.guid] = replace(known, attempt_id=max(attempt.id, known.attempt_id))
    missing = {guid: each for guid, each in missing.items() if guid not in home and each.since > now - RETENTION}
    due = sorted((each.since, guid) for guid, each in missing.items() if each.next_at <= now)[:batch]
    again: list[int] = []
    for _, guid in due:
        each = missing[guid]
        again.append(each.attempt_id)
        pause = min(FIRST_PAUSE * 2 ** min(each.count, 10), LONGEST_PAUSE)
        missing[guid] = replace(each, count=each.count + 1, next_at=now + pause)
    return Plan(tuple(again), Cursor(since=newest, missing=missing))


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
