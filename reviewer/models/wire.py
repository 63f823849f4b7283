"""What the three wire protocols share: a request to send, and a reader of what streams back."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from reviewer.models.model import Candidate, FinishReason, Prompt, Usage
from reviewer.models.table import Dialect


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request: path below the base URL, headers without the key, and a JSON body."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    key_header: str

    def encoded(self) -> bytes:
        """Return the body's bytes; equal prompts give equal bytes, so that provider caches hit."""
        text = json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))
        # File names that are no UTF-8 reach us with lone surrogates, which no JSON parser has to take.
        return text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Ask:
    """Everything that a protocol needs to write a request.

    `without` are fields that the model refused; `most_output` is the largest output limit that it takes, 0 where it
    refused none.
    """

    prompt: Prompt
    candidate: Candidate
    dialect: Dialect
    mode: str
    forbid_training: bool = False
    without: frozenset[str] = frozenset()
    most_output: int = 0

    @property
    def max_output_tokens(self) -> int:
        """The most that may be billed: the answer and room to reason, within what the model can give."""
        wanted = self.prompt.max_output_tokens + self.candidate.reasoning_tokens
        most = min(wanted, self.candidate.max_output_tokens)
        return min(most, self.most_output) if self.most_output else most

    @property
    def streams(self) -> bool:
        """True where the answer is asked for as a stream."""
        return "stream" not in self.without

    def allowed(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a request's fields without those that the model refused."""
        left_out = self.without if self.streams else self.without | {"stream_options"}
        return {name: value for name, value in body.items() if name not in left_out}

    def user_blocks(self) -> list[dict[str, Any]]:
        """Return the blocks of the user's message; what may be sent again ends at a breakpoint.

        Four breakpoints are the most that a request may have; with the system text's these are three.
        """
        prompt = self.prompt
        blocks = [self.cached(prompt.shared)] if prompt.shared else []
        blocks.append(self.cached(prompt.unit) if prompt.reusable else {"type": "text", "text": prompt.unit})
        return [*blocks, {"type": "text", "text": prompt.more}] if prompt.more else blocks

    def user_texts(self) -> list[str]:
        """Return the parts of the user's message, for providers that cache a beginning by themselves."""
        return [text for text in (self.prompt.shared, self.prompt.unit, self.prompt.more) if text]

    def cached(self, text: str) -> dict[str, Any]:
        """Return a block of text that ends at a cache breakpoint, where the model takes breakpoints."""
        block: dict[str, Any] = {"type": "text", "text": text}
        if "cache_control" not in self.without:
            block["cache_control"] = {"type": "ephemeral"}
        return block


class Reader(ABC):
    """Collects one answer. Fields hold what has been heard so far, so that a cut answer can be accounted for.

    `reasoning` is the text that a server marks as reasoning. `ended` says that the model has finished.
    """

    def __init__(self) -> None:
        self.reasoning = ""
        self.usage: Usage | None = None
        self.finish_reason: FinishReason | None = None
        self.model = ""
        self.answer_id = ""
        self.reported_cost: Decimal | None = None
        self.ended = False

    @abstractmethod
    def feed(self, event: str, data: Mapping[str, Any]) -> str:
        """Take one event of the stream; return the text that it adds. Raises ProviderFault for an error event."""

    @abstractmethod
    def whole(self, body: Mapping[str, Any]) -> str:
        """Take an answer that came in one piece, from a server that does not stream."""


@dataclass(frozen=True, slots=True)
class WireProtocol:
    """One protocol: how to write a request, how to read the answer, and the modes it knows."""

    name: str
    write: Callable[[Ask], WireRequest]
    reader: Callable[[], Reader]
    modes: tuple[str, ...]


def with_schema(system: str, ask: Ask) -> str:
    """Return the system text, with the schema spelled out where nothing else holds the model to it."""
    if not ask.prompt.schema or ask.mode in ("schema", "tool"):
        return system
    schema = json.dumps(ask.prompt.schema, ensure_ascii=False, separators=(",", ":"))
    rule = "Answer with one JSON object and nothing else: no prose, no code fence. It must fit this JSON Schema:\n"
    return f"{system}\n\n{rule}{schema}" if system else rule + schema


def count(value: object) -> int:
    """Read a token count; 0 for anything that is not a whole number of at least 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def money(value: object) -> Decimal | None:
    """Read a provider's own cost in US dollars; None for anything that is not a finite amount of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        amount = Decimal(str(value))
    except ArithmeticError:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def section(value: object) -> Mapping[str, Any]:
    """Read an object, or nothing."""
    return value if isinstance(value, Mapping) else {}
