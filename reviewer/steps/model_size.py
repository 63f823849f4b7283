"""How much a model can read and write: which ones are small, and how long an answer may be."""

from __future__ import annotations

from typing import Final

from policies.policy import Policy
from policies.words import Payment, Tier
from reviewer.models.model import Candidate

# What is asked of a small local model: one finding in a sentence.
SMALL_OUTPUT: Final = 200
# A local server counts the answer into its window: the answer gets one part in so many.
ANSWER_SHARE: Final = 4


def is_small(candidate: Candidate | None) -> bool:
    """Tell whether this is a small local model, which needs a short schema and short instructions.

    The size of the model decides, not its window: a large model with a short window writes as well as with a long
    one, and a model that thinks first needs the room for it.
    """
    return candidate is not None and candidate.small


def may_stand_alone(candidate: Candidate | None, tier: Tier) -> bool:
    """Tell whether what this model finds may be shown beside a line with nothing else that raises the same.

    A free-tier model may not: its stated confidence was never measured. A larger model of one's own is verified
    like a paid one, and who runs it chose it.
    """
    own = candidate is not None and candidate.payment is Payment.LOCAL and not is_small(candidate)
    return tier > Tier.FREE or own


def answer_room(candidate: Candidate | None, policy: Policy) -> int:
    """Return the most tokens that an answer may have: policy's figure, less where the model writes less."""
    if candidate is None:
        return policy.max_output_tokens
    most = min(policy.max_output_tokens, candidate.max_output_tokens)
    if candidate.payment is Payment.LOCAL:
        most = min(most, max(SMALL_OUTPUT, candidate.context_window // ANSWER_SHARE))
    return min(most, SMALL_OUTPUT) if is_small(candidate) else most
