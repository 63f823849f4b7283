"""The shortest beginning of a prompt that a model's provider caches; a shorter one is billed whole, silently."""

from __future__ import annotations

from typing import Final

from reviewer.models.model import Candidate

# Longest beginning of a model's own name wins; what is not listed gets its family's most careful figure.
# https://platform.claude.com/docs/en/build-with-claude/prompt-caching (Sonnet 4.6 is documented with 1,024 and was
# seen to cache from 2,048 on), https://platform.openai.com/docs/guides/prompt-caching,
# https://ai.google.dev/gemini-api/docs/caching; read on 1 December 2026.
LEAST_CACHED: Final = {
    "claude": 4096,
    "claude-3-haiku": 2048,
    "claude-3-5-haiku": 2048,
    "claude-opus-4": 4096,
    "claude-opus-4-1": 1024,
    "claude-opus-4-7": 2048,
    "claude-opus-4-8": 1024,
    "claude-sonnet-4": 1024,
    "claude-sonnet-4-6": 2048,
    "gpt": 1024,
    "o1": 1024,
    "o3": 1024,
    "o4": 1024,
    "codex": 1024,
    "gemini": 4096,
    "gemini-2-5": 2048,
}
UNKNOWN: Final = 4096


def least_cached(candidate: Candidate) -> int:
    """Return the fewest tokens that are cached for a model; a careful figure where its provider names none."""
    name = candidate.model.rpartition("/")[2].lower().replace(".", "-")
    known = [family for family in LEAST_CACHED if name.startswith(family)]
    return LEAST_CACHED[max(known, key=len)] if known else UNKNOWN
