"""Tokens: how many a text costs, exactly for OpenAI's encodings where their vocabulary is installed.

The vocabulary (bpe-openai) is 75 MB and comes with the extra `tokens`; without it the count is an estimate, made
high. Other vendors publish no tokenizer that could be counted with offline, so theirs is OpenAI's count times
a factor that is chosen high: a budget that is a little too small costs nothing, one that is too large fails a call.
What the provider itself counted is in Usage and is what is billed.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import math
from functools import cache
from pathlib import Path
from typing import Final, Protocol, cast

from reviewer.context.token_estimate import estimate_tokens

# Longest prefix of a family's name wins; an unknown name gets the most careful factor.
FACTORS: Final = {
    "openai": 1.0,
    "gpt": 1.0,
    "o1": 1.0,
    "o3": 1.0,
    "o4": 1.0,
    "codex": 1.0,
    "anthropic": 1.25,
    "claude": 1.25,
    "google": 1.15,
    "gemini": 1.15,
    "gemma": 1.15,
    "mistral": 1.25,
    "mistralai": 1.25,
    "devstral": 1.25,
    "deepseek": 1.15,
    "qwen": 1.15,
    "meta-llama": 1.1,
    "llama": 1.1,
    "x-ai": 1.15,
    "grok": 1.15,
    "moonshotai": 1.15,
    "z-ai": 1.15,
    "minimax": 1.15,
}
UNKNOWN_FACTOR: Final = 1.25


class _Tokenizer(Protocol):
    def count(self, text: str) -> int: ...


def count_tokens(text: str, *, family: str = "openai") -> int:
    """Count the tokens of a text. `family` is a provider or model name ("openai", "anthropic/claude-x").

    Exact (o200k_base) for OpenAI where the extra `tokens` is installed, else an estimate; for others that count
    times the family's factor, rounded up. Words that are special to a tokenizer count as the plain text that they
    are here.
    """
    if not text:
        return 0
    count = _counted(text)
    factor = family_factor(family)
    return count if factor == 1.0 else math.ceil(count * factor)


@cache
def family_factor(family: str) -> float:
    """Return the factor that OpenAI's count is multiplied by for a provider or model."""
    for name in family.lower().split("/"):
        known = [prefix for prefix in FACTORS if name.startswith(prefix)]
        if known:
            return FACTORS[max(known, key=len)]
    return UNKNOWN_FACTOR


def _counted(text: str) -> int:
    tokenizer = _tokenizer()
    if tokenizer is None:
        return estimate_tokens(text)
    try:
        return tokenizer.count(text)
    except UnicodeEncodeError:
        # A lone surrogate (undecodable bytes) has no encoding; what is sent in its place is as long.
        return tokenizer.count(text.encode("utf-8", "replace").decode("utf-8"))


@cache
def _tokenizer() -> _Tokenizer | None:
    """Return the counter of the extra `tokens`, None where that is not installed."""
    # The package's __init__ builds every vocabulary as Python dictionaries: 1.2 s and 75 MB, measured, that
    # counting never uses. Its extension module alone loads in 0.1 s.
    package = importlib.util.find_spec("bpe_openai")
    if package is None or not package.origin:
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = Path(package.origin).parent / f"_bindings{suffix}"
        spec = importlib.util.spec_from_file_location("_bindings", path) if path.is_file() else None
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return cast("_Tokenizer", module.tokenizer_for_encoding("o200k_base"))
    return None
