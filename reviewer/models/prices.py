"""What tokens cost: a price, the worst case of a call, and bounds on tokens. Unknown is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from reviewer.context.tokens import count_tokens
from reviewer.models.model import Usage

MILLION: Final = Decimal(1_000_000)
# Chat templates, tool preambles and role markers that a provider adds to what we send, in tokens.
PROMPT_OVERHEAD: Final = 1_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token. `above` holds other rows for prompts of more than so many tokens, lowest start first.

    Crossing a start re-prices the whole call, which is how the providers that do it bill.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    above: tuple[tuple[int, Price], ...] = ()

    @classmethod
    def per_million(
        cls,
        input: Decimal,  # noqa: A002 - the name of the field
        output: Decimal,
        cache_read: Decimal | None = None,
        cache_write: Decimal | None = None,
    ) -> Price:
        """Build a flat price from dollars per million tokens; caches without a price cost what input costs."""
        return cls(
            input / MILLION,
            output / MILLION,
            (input if cache_read is None else cache_read) / MILLION,
            (input if cache_write is None else cache_write) / MILLION,
        )

    def row(self, prompt_tokens: int) -> Price:
        """Return the row that applies to a prompt of so many tokens."""
        found = self
        for start, row in self.above:
            if prompt_tokens > start:
                found = row
        return found

    def cost(self, usage: Usage) -> Decimal:
        """Return what a call costs; `usage.input` is the total, cache reads and writes included."""
        row = self.row(usage.input)
        plain = max(0, usage.input - usage.cache_read - usage.cache_write)
        return (
            plain * row.input
            + usage.cache_read * row.cache_read
            + usage.cache_write * row.cache_write
            + usage.output * row.output
        )

    def worst_case(self, prompt_tokens: int, max_output_tokens: int) -> Decimal:
        """Return the most that a call of at most these sizes can cost, whatever the cache does."""
        rows = [self, *(row for start, row in self.above if prompt_tokens > start)]
        dearest_input = max(max(row.input, row.cache_write, row.cache_read) for row in rows)
        return prompt_tokens * dearest_input + max_output_tokens * max(row.output for row in rows)


FREE: Final = Price(Decimal(0), Decimal(0), Decimal(0), Decimal(0))


def most_tokens(body: bytes) -> int:
    """Return a number of tokens that no byte-level tokenizer passes for a request: its bytes, and overhead.

    A bound, not an estimate: a reservation must hold for hostile text too, and a token is at least a byte.
    """
    return len(body) + PROMPT_OVERHEAD


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, on the high side: for a window, and for calls whose usage never came."""
    return count_tokens(text, family="unknown")


def gateway_price(entry: Mapping[str, Any]) -> Price | None:
    """Read the `pricing` of a gateway's model list: numbers or strings, dollars per token; -1 means "varies".

    None where input or output is missing, negative or no number: one public client printed an estimated cost of
    $-40,508 from a -1.
    """
    values: dict[str, Decimal | None] = {}
    for ours, theirs in (
        ("input", "prompt"),
        ("output", "completion"),
        ("cache_read", "input_cache_read"),
        ("cache_write", "input_cache_write"),
    ):
        raw = entry.get(theirs)
        try:
            value = (
                Decimal(str(raw))
                if isinstance(raw, (int, float, str, Decimal)) and not isinstance(raw, bool)
                else None
            )
        except ArithmeticError:
            value = None
        values[ours] = value if value is not None and value.is_finite() and value >= 0 else None
    if values["input"] is None or values["output"] is None:
        return None
    return Price(
        values["input"],
        values["output"],
        values["input"] if values["cache_read"] is None else values["cache_read"],
        values["input"] if values["cache_write"] is None else values["cache_write"],
    )
