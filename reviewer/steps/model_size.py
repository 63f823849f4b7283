"""How much a model can read and write: which ones are small, and how long an answer may be."""

from __future__ import annotations

from typing import Final

from policies.policy import Policy
from policies.words import Payment
from reviewer.models.model import Candidate

# A model with a window like this reads a page and writes a paragraph.
SMALL_WINDOW: Final = 16_384
SMALL_OUTPUT: Final = 200


def is_small(candidate: Candidate | None) -> bool:
    """Tell whether this is a small local model, which needs a short schema and short instructions."""
    return candidate is not None and candidate.payment is Payment.LOCAL and candidate.context_window <= SMALL_WINDOW


def answer_room(candidate: Candidate | None, policy: Policy) -> int:
    """Return the most tokens that an answer may have: policy's figure, less where the model writes less."""
    if candidate is None:
        return policy.max_output_tokens
    most = min(policy.max_output_tokens, candidate.max_output_tokens)
    return min(most, SMALL_OUTPUT) if is_small(candidate) else most
