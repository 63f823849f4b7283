"""Choose the wire protocol of a candidate, and the ways of structured output that are left to try."""

from __future__ import annotations

from reviewer.models.anthropic_messages import ANTHROPIC_MESSAGES
from reviewer.models.gemini import GEMINI
from reviewer.models.model import Candidate
from reviewer.models.openai_chat import OPENAI_CHAT
from reviewer.models.wire import WireProtocol

PROTOCOLS = {protocol.name: protocol for protocol in (OPENAI_CHAT, ANTHROPIC_MESSAGES, GEMINI)}


def protocol_of(candidate: Candidate) -> WireProtocol:
    """Return the protocol of a candidate; KeyError for a name that no table may hold."""
    return PROTOCOLS[candidate.protocol]


def modes_of(candidate: Candidate) -> tuple[str, ...]:
    """Return the modes from the candidate's own down to plain prompting."""
    known = protocol_of(candidate).modes
    return known[known.index(candidate.structured) :] if candidate.structured in known else known[-1:]
