"""Error of the token estimate of a base installation, beside the exact count of the extra `tokens`.

On the sources of this project, its documentation, the planted samples of 15 languages and, where KILO_REVIEW_SHARED
names them, the diffs of 30 pull requests; none of it was fitted to.
"""

from __future__ import annotations

import gzip
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from bench.measure import ROOT
from reviewer.context.token_estimate import estimate_tokens
from reviewer.context.tokens import _tokenizer


def run() -> dict[str, object]:
    """Measure the error in per cent of the exact count, and the time for a megabyte."""
    tokenizer = _tokenizer()
    if tokenizer is None:
        return {"skipped": "needs the extra tokens, to count exactly: pip install -e '.[tokens]'"}
    report: dict[str, object] = {}
    for name, texts in samples().items():
        errors = sorted(100 * (estimate_tokens(text) / tokenizer.count(text) - 1) for text in texts)
        report[name] = {
            "texts": len(errors),
            "lowest_per_cent": round(errors[0], 1),
            "5_of_100_below_per_cent": round(errors[len(errors) // 20], 1),
            "median_per_cent": round(statistics.median(errors), 1),
            "95_of_100_below_per_cent": round(errors[-1 - len(errors) // 20], 1),
            "highest_per_cent": round(errors[-1], 1),
        }
    text = "".join(samples()["sources"])
    for name, count in (("estimate", estimate_tokens), ("exact", tokenizer.count)):
        report[f"{name}_ms_per_megabyte"] = round(1000 * _seconds(count, text) * 1e6 / len(text))
    return report


def samples() -> dict[str, Sequence[str]]:
    """Return texts of at least 400 characters by where they come from."""
    found = {
        "sources": [path.read_text("utf-8") for path in sorted((ROOT / "reviewer").rglob("*.py"))],
        "documentation": [path.read_text("utf-8") for path in sorted((ROOT / "docs").rglob("*.md"))],
        "planted": [_planted(path) for path in sorted((ROOT / "bench" / "data" / "planted").glob("*.yaml"))],
    }
    diffs = Path(os.environ.get("KILO_REVIEW_SHARED", ROOT.parent / "shared")) / "data" / "review-dev.jsonl.gz"
    if diffs.is_file():
        with gzip.open(diffs, "rt", encoding="utf-8") as rows:
            found["pull_requests"] = [json.loads(row)["diff"][:200_000] for row in rows]
    return {name: [text for text in texts if len(text) >= 400] for name, texts in found.items()}


def _planted(path: Path) -> str:
    strings: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, str):
            strings.append(value)
        elif isinstance(value, dict):
            for one in value.values():
                walk(one)
        elif isinstance(value, list):
            for one in value:
                walk(one)

    walk(yaml.safe_load(path.read_text("utf-8")))
    return "\n".join(strings)


def _seconds(count: Callable[[str], int], text: str) -> float:
    started = time.perf_counter()
    count(text)
    return time.perf_counter() - started
