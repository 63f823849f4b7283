"""A Review and its verdict as a JSON document and back: what the ledger keeps before anything is published."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from typing import Any, Final

from policies.gates import Verdict
from policies.policy import Policy
from reviewer.findings.code import ChangedCode
from reviewer.findings.memory import Memory
from reviewer.findings.model import Disposition
from reviewer.publish.check import verdict_of
from reviewer.publish.open_findings import standing
from reviewer.steps.redact_review import redact_review
from reviewer.steps.result import Review, ReviewStatus

VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Document:
    """What a publication needs: the review, and the gates' verdict on it under the policy of its time.

    `memory` is for the next review of the pull request.
    """

    review: Review
    verdict: Verdict
    memory: Memory = field(default_factory=Memory)


def document_of(
    review: Review, policy: Policy, redact: Callable[[str], str], memory: Memory | None = None
) -> Document:
    """Return what is stored and published of a review: without secrets, with the verdict of the policy's gates.

    `memory` is that of the reviews before.
    """
    redacted = redact_review(review, redact)
    verdict = verdict_of(redacted, fail_on=policy.fail_on, limit_conclusion=policy.limit_conclusion)
    complete = review.status is ReviewStatus.COMPLETE and review.coverage.complete
    told = [placed.finding for placed in standing(redacted)]
    after = (memory or Memory()).after(ChangedCode(redacted.change), told, complete=complete)
    return Document(redacted, verdict, after)


def dump_document(document: Document) -> str:
    """Return the document as one line of JSON.

    Of the change it keeps the hunks of files that carry an inline comment: that is what a later publication needs
    to place them, and a document should not grow with the diff.
    """
    review = document.review
    # By the anchor: the path of a finding may have been redacted.
    inline = review.by_disposition(Disposition.INLINE)
    kept = {placed.anchor.path if placed.anchor else placed.finding.path for placed in inline}
    files = tuple(file if file.path in kept else replace(file, hunks=()) for file in review.change.files)
    slim = replace(document, review=replace(review, change=replace(review.change, files=files)))
    value = {"version": VERSION, **_plain(slim)}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        # A path or a line that is not UTF-8: escaped, it passes through any store unharmed.
        text = json.dumps(value, separators=(",", ":"))
    return text


def load_document(text: str) -> Document:
    """Read a document; ValueError for one of another version or shape."""
    value = json.loads(text)
    if not isinstance(value, dict) or value.pop("version", None) != VERSION:
        raise ValueError("not a review document of this version")
    try:
        document = _typed(value, Document)
    except (KeyError, TypeError, InvalidOperation) as error:
        raise ValueError(f"a review document of another shape: {error}") from error
    assert isinstance(document, Document)  # noqa: S101 - _typed builds what it is asked for
    return document


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _typed(value: Any, kind: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        (inner,) = (part for part in typing.get_args(kind) if part is not type(None))
        return _typed(value, inner)
    if origin is tuple:
        _expect(value, list)
        inner = typing.get_args(kind)
        if len(inner) == 2 and inner[1] is Ellipsis:
            return tuple(_typed(item, inner[0]) for item in value)
        return tuple(_typed(item, part) for item, part in zip(value, inner, strict=True))
    if is_dataclass(kind) and isinstance(kind, type):
        _expect(value, dict)
        hints = _hints(kind)
        return kind(**{name: _typed(item, hints[name]) for name, item in value.items() if name in hints})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind[value]
    if kind is Decimal:
        _expect(value, str)
        return Decimal(value)
    if kind is float and isinstance(value, int):
        return float(value)
    _expect(value, kind)
    return value


def _expect(value: Any, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{type(value).__name__} where {kind.__name__} was expected")
