"""Anchoring on expert comments of real pull requests: how many get a place on the diff, and the right one.

`quote_right` is one line copied with slips (white space, a diff marker, a shown line number, an ellipsis) beside a
line number that is off by up to ten; the baseline trusts the number alone. The other figures are quotes as the
instructions ask for them: the commented lines, up to six, or two where the comment is on one, each with one kind of
slip and with the number of its first line. A place is right where its last line is the comment's.
"""

from __future__ import annotations

import gzip
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reviewer.change.anchor import Anchors
from reviewer.change.model import LineKind, Side
from reviewer.change.parse import parse_diff

SEED = 20261121
SLIP = 10
SHORT = 8
AIM = ">= 0.97"
_TURNED = str.maketrans({"'": '"', '"': "'"})


def run() -> dict[str, object]:
    rng = random.Random(SEED)
    names = ("comments", "line_in_hunk", "on_added_line", "range_accepted", "quote_right", "number_right", "quotes")
    counts = Counter(dict.fromkeys(names, 0))
    slips: dict[str, Counter[bool]] = defaultdict(Counter)
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
        shown = [
            anchors.line_at(path, number) for number in range(max(line - 5, min(start or line, line - 1)), line + 1)
        ]
        rows = [(number, row.text) for row in shown if row is not None and (number := row.new_no)]
        for slip, quote in _slips(rows, rng):
            number = rows[0][0] if slip != "without_a_number" else None
            found = anchors.by_quote(path, quote, number)
            right = found is not None and found.line == line
            slips[slip][right] += 1
    total, quotes = counts["comments"], counts["quotes"]
    return {
        "comments": total,
        "line_in_hunk": round(counts["line_in_hunk"] / total, 3),
        "on_added_line": round(counts["on_added_line"] / total, 3),
        "range_accepted": round(counts["range_accepted"] / counts["line_in_hunk"], 3),
        "quote_right": round(counts["quote_right"] / quotes, 3),
        "number_right": round(counts["number_right"] / quotes, 3),
        "quote_over_number": round(counts["quote_right"] / max(1, counts["number_right"]), 1),
    } | {
        name: value
        for slip, found in slips.items()
        for name, value in (
            (f"{slip}_right", round(found[True] / found.total(), 3)),
            (f"{slip}_cases", found.total()),
            (f"aim_{slip}_right", AIM),
        )
    }


def _slips(rows: list[tuple[int, str]], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Return the quote of these lines with each kind of slip that they allow."""
    texts = [text for _, text in rows]
    yield "range", "\n".join(texts)
    yield "without_a_number", "\n".join(texts)
    yield "numbered", "\n".join(f"{number} +{text}" for number, text in rows)
    yield "white_space", "\n".join(_respaced(text, rng) for text in texts)
    if any(mark in text for text in texts for mark in "'\""):
        yield "quote_marks", "\n".join(text.translate(_TURNED) for text in texts)
    at = next((at for at, text in enumerate(texts) if len(text.split()) > 4), None)
    if at is not None:
        words = texts[at].split()
        elided = [*texts[:at], f"{' '.join(words[:2])} … {' '.join(words[-2:])}", *texts[at + 1 :]]
        yield "elision", "\n".join(elided)
    if len(texts) > 2:
        skipped = rng.randrange(1, len(texts) - 1)
        yield "skipped_line", "\n".join([*texts[:skipped], *texts[skipped + 1 :]])
    if len(texts[-1].strip()) < SHORT:
        yield "short_last_line", "\n".join(texts)


def _respaced(text: str, rng: random.Random) -> str:
    """Return a line with its white space changed: other indentation, blanks doubled, blanks around brackets."""
    bare = text.strip()
    spread = rng.choice(
        (bare, bare.replace("(", "( ").replace(")", " )"), bare.replace(" ", "  "), bare.replace(", ", ","))
    )
    return rng.choice(("", "  ", "\t", "      ")) + spread


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
