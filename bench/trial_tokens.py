"""Count the input tokens of a trial's requests, by stage, at list price and with the provider's prefix cache.

    python -m bench.trial_tokens REQUESTS --diff TOKENS

REQUESTS holds one JSON body of OpenAI's chat protocol a file (`*.request.json`), in the order of their names. With
the cache, the longest beginning that an earlier request had too counts a tenth, from 1,024 tokens on. `--diff` is
`raw_diff_in_scope` of `python -m bench prompt_size` for the same changes. Requests of the plain prompt are told
apart and are in no total.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.trial import PLAIN
from reviewer.context.tokens import count_tokens
from reviewer.prompts.build import ADD
from reviewer.prompts.verification import SYSTEM

LEAST_CACHED: Final = 1024
CACHE_PRICE: Final = 0.1


def stage_of(texts: Sequence[str]) -> str:
    """Name what a request is for by its texts."""
    if texts and texts[0] == PLAIN:
        return "plain"
    if texts and texts[0] == SYSTEM:
        return "verification"
    if any(ADD in text for text in texts):
        return "look-up"
    return "repair" if any("Your answer cannot be used:" in text for text in texts) else "first"


def common_length(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def count(bodies: Iterable[Mapping[str, Any]]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Return requests, tokens, and tokens by what the cache leaves of them, each by stage."""
    calls, tokens, cached = Counter[str](), Counter[str](), Counter[str]()
    seen: list[str] = []
    for body in bodies:
        texts = [str(message["content"]) for message in body["messages"]]
        whole, stage = "\n\n".join(texts), stage_of(texts)
        size = count_tokens(whole)
        shared = whole[: max((common_length(whole, earlier) for earlier in seen), default=0)]
        read = count_tokens(shared)
        read = read if read >= LEAST_CACHED else 0
        calls[stage] += 1
        tokens[stage] += size
        cached[stage] += round(size - read * (1 - CACHE_PRICE))
        seen.append(whole)
    return calls, tokens, cached


def measure(folder: Path, diff: int) -> dict[str, object]:
    files = sorted(folder.glob("*.request.json"))
    calls, tokens, cached = count(json.loads(file.read_text("utf-8")) for file in files)
    ours = sum(tokens.values()) - tokens["plain"]
    return {
        "requests": dict(calls),
        "tokens": dict(tokens),
        "tokens_with_cache": dict(cached),
        "calls_per_first": round((calls["first"] + calls["look-up"] + calls["repair"]) / max(1, calls["first"]), 2),
        "over_diff": round(ours / diff, 2),
        "over_diff_with_cache": round((sum(cached.values()) - cached["plain"]) / diff, 2),
        "verification_share": round(tokens["verification"] / max(1, ours), 3),
    }


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.trial_tokens", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("requests", type=Path, help="folder of *.request.json")
    parser.add_argument("--diff", type=int, required=True, help="tokens of the diff in scope")
    options = parser.parse_args(argv)
    print(json.dumps(measure(options.requests, options.diff), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
