"""HunkRecord: what a review concluded on one hunk, as the store of results keeps it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from policies.words import Severity, Tier
from reviewer.change.identity import hunk_identity
from reviewer.change.model import Hunk, Side
from reviewer.findings.model import Category, Finding
from reviewer.steps.hunk_context import Block

_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class RecordedFinding:
    """A finding on the hunk: whether its evidence was in the context, and what verification said of it.

    `refuted` is why it is wrong, "" where it stands.
    """

    finding: Finding
    in_context: bool
    confirmed: bool
    refuted: str = ""


@dataclass(frozen=True, slots=True)
class HunkRecord:
    """What a model said of a hunk, and what it was shown beside it; where the hunk stood then, to move findings."""

    path: str
    model: str
    tier: Tier
    alone_inline: bool
    new_start: int
    old_start: int
    context: tuple[Block, ...]
    findings: tuple[RecordedFinding, ...]


def write_record(record: HunkRecord) -> str:
    """Return a record as one line of JSON."""
    value = {
        **asdict(record),
        "version": _VERSION,
        "tier": record.tier.label,
        "findings": [{**asdict(one), "finding": _plain(one.finding)} for one in record.findings],
    }
    return json.dumps(value)


def read_record(text: str) -> HunkRecord | None:
    """Read what `write_record` wrote; None where it is something else: the hunk is asked about then."""
    try:
        value = json.loads(text)
        if value["version"] != _VERSION:
            return None
        return HunkRecord(
            path=str(value["path"]),
            model=str(value["model"]),
            tier=next(tier for tier in Tier if tier.label == value["tier"]),
            alone_inline=value["alone_inline"] is True,
            new_start=int(value["new_start"]),
            old_start=int(value["old_start"]),
            context=tuple(Block(**row) for row in value["context"]),
            findings=tuple(
                RecordedFinding(
                    _finding(row["finding"]),
                    row["in_context"] is True,
                    row["confirmed"] is True,
                    str(row["refuted"]),
                )
                for row in value["findings"]
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        return None


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        **asdict(finding),
        "severity": finding.severity.label,
        "category": finding.category.value,
        "side": finding.side.value,
    }


def _finding(row: Mapping[str, Any]) -> Finding:
    known = {each.name: row[each.name] for each in fields(Finding) if each.name in row}
    return Finding(
        **{
            **known,
            "severity": Severity.parse(row["severity"]),
            "category": Category(row["category"]),
            "side": Side(row["side"]),
            "evidence": tuple(row["evidence"]),
        }
    )


def unique_hunks(hunks: Iterable[Hunk]) -> Mapping[str, Hunk]:
    """Return hunks by their identity; those that say the same as another are left out."""
    named = [(hunk_identity(hunk), hunk) for hunk in hunks]
    counts = Counter(identity for identity, _ in named)
    return {identity: hunk for identity, hunk in named if counts[identity] == 1}


def nameless_identity(hunk: Hunk) -> str:
    """Return the identity of a hunk whatever its file is called."""
    return hunk_identity(replace(hunk, path=""))


def record_key(identity: str, policy: str) -> str:
    """Return what a hunk's record is stored under, by the hunk's identity and the digest of the policy."""
    return hashlib.sha256(f"hunk\0{identity}\0{policy}".encode()).hexdigest()
