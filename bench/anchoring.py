"""Anchoring on expert comments of real pull requests: how many get a place on the diff, and the right one.

Quotes are what a model gives: the commented line copied with slips (white space, a diff marker, a shown line
number, an ellipsis) beside a line number that is off by up to ten. The baseline trusts the number alone.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reviewer.change.anchor import Anchors
from reviewer.change.model import LineKind, Side
from reviewer.change.parse import parse_diff

SEED = 20261121
SLIP = 10


def run() -> dict[str, object]:
    rng = random.Random(SEED)
    counts = dict.fromkeys(
        ("comments", "line_in_hunk", "on_added_line", "range_accepted", "quote_right", "number_right", "quotes"), 0
    )
    for anchors, comment in _comments():
        counts["comments"] += 1
        path, line, start = comment["path"], comment["to_line"], comment["from_line"]
        if anchors.place(path, line) is None:
            continue
        counts["line_in_hunk"] += 1
        at = anchors.line_at(path, line)
        assert at is not None
        counts["on_added_line"] += at.kind is LineKind.ADDED
        counts["range_accepted"] += anchors.place(path, line, start) is not None
        if not at.text.strip():
            continue
        counts["quotes"] += 1
        near = line + rng.randint(-SLIP, SLIP)
        anchor = anchors.by_quote(path, _copied(at.text, line, rng), near, Side.RIGHT)
        counts["quote_right"] += anchor is not None and anchor.line == line
        counts["number_right"] += near == line
    total, quotes = counts["comments"], counts["quotes"]
    return {
        "comments": total,
        "line_in_hunk": round(counts["line_in_hunk"] / total, 3),
        "on_added_line": round(counts["on_added_line"] / total, 3),
        "range_accepted": round(counts["range_accepted"] / counts["line_in_hunk"], 3),
        "quote_right": round(counts["quote_right"] / quotes, 3),
        "number_right": round(counts["number_right"] / quotes, 3),
        "quote_over_number": round(counts["quote_right"] / max(1, counts["number_right"]), 1),
    }


def _comments() -> Iterator[tuple[Anchors, dict[str, Any]]]:
    folder = Path(os.environ.get("KILO_REVIEW_SHARED", Path(__file__).parent.parent.parent / "shared"))
    with gzip.open(folder / "data" / "review-dev.jsonl.gz", "rt", encoding="utf-8") as rows:
        for row in map(json.loads, rows):
            if row["base_from"] != "exact":
                continue
            anchors = Anchors.from_change(parse_diff(row["diff"]))
            for comment in row["comments"]:
                if comment["valid"] and comment["side"] == "right":
                    yield anchors, comment


def _copied(text: str, line: int, rng: random.Random) -> str:
    """Return the line as a model may copy it."""
    ways = [text, text.strip(), "  ".join(text.split(" ")), f"+{text}", f"{line} +{text}", f"`{text.strip()}`"]
    words = text.split()
    if len(words) > 6:
        ways.append(" ".join(words[:-2]) + " ...")
    return rng.choice(ways)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
