"""Whether a server cut the prompt: local servers drop what passes their window and answer from the rest.

Nothing in such an answer says so; only the server's own count of the prompt does. An answer to half a question is
no answer: the unit counts as not reviewed.
"""

from __future__ import annotations

from typing import Final

from policies.words import Payment
from reviewer.context.tokens import count_tokens
from reviewer.models.model import Candidate
from reviewer.models.table import ENDPOINT, shipped_table
from reviewer.models.wire import Ask

# A prompt this small fits every window.
LEAST_JUDGED: Final = 1_000
# No tokenizer in use needs less than this share of the tokens that OpenAI's o200k needs for the same code.
LEAST_SHARE: Final = 0.6
# A count that is exactly a usual window is believed to be one up to this many times what the prompt should need:
# other tokenizers need more tokens than o200k.
MOST_SHARE: Final = 1.4
USUAL_WINDOWS: Final = frozenset(2**power for power in range(11, 20))


def cuts_silently(candidate: Candidate) -> bool:
    """Tell whether a candidate's server is of a kind that cuts prompts without a word."""
    if candidate.payment is Payment.LOCAL or candidate.provider == ENDPOINT:
        return True
    row = shipped_table().providers.get(candidate.provider)
    return row is not None and row.payment is Payment.LOCAL


def prompt_cut(ask: Ask, counted: int) -> str:
    """Say how a server cut a prompt, by the number of prompt tokens that it counted; "" where it did not."""
    if counted <= 0 or not cuts_silently(ask.candidate):
        return ""
    expected = count_tokens(ask.prompt.text)
    if expected < LEAST_JUDGED:
        return ""
    full = counted in USUAL_WINDOWS or counted + 1 in USUAL_WINDOWS or counted >= ask.candidate.context_window - 1
    if counted < expected * LEAST_SHARE or (full and counted <= expected * MOST_SHARE):
        return f"the server cut the prompt: it read {counted} of about {max(expected, counted)} tokens"
    return ""
