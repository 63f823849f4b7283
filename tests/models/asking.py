"""Model clients over simulated providers, for the tests of this folder."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from policies.words import Payment, Tier
from reviewer.models.ask import Answer, ModelClient
from reviewer.models.breaker import LocalBreaker
from reviewer.models.clocking import TimeLimits
from reviewer.models.meter import NullMeter
from reviewer.models.model import Candidate, Prompt, Stage
from reviewer.models.prices import Price
from reviewer.models.redact import redactor
from reviewer.models.send import Sender
from reviewer.settings import Secret
from tests.simulators.provider import KEY, ProviderSimulator

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "findings": {
            "type": "array",
            "maxItems": 20,
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "line": {"type": "integer", "minimum": 1},
                    "severity": {"enum": ["critical", "high", "medium", "low"]},
                    "title": {"type": "string", "maxLength": 120},
                    "confidence": {"type": "number", "minimum": 0, "maximum": 1},
                },
                "required": ["path", "line", "severity", "title", "confidence"],
                "additionalProperties": False,
            },
        },
        "uncertain": {"type": "boolean"},
    },
    "required": ["findings", "uncertain"],
    "additionalProperties": False,
}
PROMPT = Prompt(
    system="You review code.",
    shared="Shared context.",
    unit="@@ -1 +1 @@\n-a\n+b\n",
    schema=SCHEMA,
    schema_name="review",
    max_output_tokens=512,
)
PRICE = Price.per_million(Decimal(2), Decimal(10), Decimal("0.2"), Decimal("2.5"))
# Long enough for a busy machine to answer, short enough for a test of a hang.
LIMITS = TimeLimits(connect=5.0, write=5.0, first_token=8.0, between_tokens=8.0, total=20.0)
HASTY = TimeLimits(connect=5.0, write=5.0, first_token=0.4, between_tokens=0.4, total=1.5)


def candidate_of(simulator: ProviderSimulator, /, **changes: Any) -> Candidate:
    values: dict[str, Any] = {
        "tier": Tier.EFFICIENT,
        "provider": simulator.protocol if simulator.protocol != "gemini" else "google",
        "model": "simulated-model",
        "payment": Payment.OWN_KEY,
        "protocol": simulator.protocol,
        "base_url": simulator.base_url,
        "context_window": 100_000,
        "max_output_tokens": 4096,
    }
    return Candidate(**{**values, **changes})


def asker_of(
    *candidates: Candidate,
    meter: Any = None,
    limits: TimeLimits = LIMITS,
    price: Price | None = PRICE,
    sleeps: list[float] | None = None,
    key: str = KEY,
    answer_limit: int | None = None,
    **more: Any,
) -> ModelClient:
    """A ModelClient that notes its pauses in `sleeps` instead of sleeping."""
    tiers: dict[Tier, list[Candidate]] = {}
    for candidate in candidates:
        tiers.setdefault(candidate.tier, []).append(candidate)
    pauses: list[float] = [] if sleeps is None else sleeps
    sender_values: dict[str, Any] = {"limits": limits, "redact": redactor([key])}
    if answer_limit is not None:
        sender_values["answer_limit"] = answer_limit
    values: dict[str, Any] = {
        "breaker": LocalBreaker(),
        "rng": random.Random(7),
        "sleep": pauses.append,
        "sender": Sender(**sender_values),
    }
    return ModelClient(
        candidates_by_tier=tiers,
        keys={candidate.provider: Secret(key) for candidate in candidates},
        meter=NullMeter() if meter is None else meter,
        prices=_constant(price),
        **{**values, **more},
    )


def _constant(price: Price | None) -> Callable[[Candidate], Price | None]:
    return lambda _: price


def ask(asker: ModelClient, prompt: Prompt = PROMPT, tier: Tier = Tier.EFFICIENT) -> Answer:
    return asker.ask(prompt, tier=tier, unit="u1", stage=Stage.REVIEW)
