"""Which findings say what an expert said: pairs that could, and at most one of each side for the other. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from reviewer.quality.case import Golden
from reviewer.quality.outcome import Found

# Farther apart in the same file than this, only words can bring two together.
NEAR_LINES: Final = 12
# Shares of words in common: enough to be put to a judge, and enough to be the same without one.
PERHAPS: Final = 0.08
SURELY: Final = 0.22
# So many findings at most are put to the judge for one comment, the likeliest first.
MOST_FOR_ONE: Final = 8
_WORD: Final = re.compile(r"[a-z]{3,40}|\d{2,10}")
_COMMON: Final = frozenset(
    {
        *("the", "and", "for", "that", "this", "with", "not", "are", "was", "from", "have", "has", "its", "but"),
        *("should", "would", "could", "can", "may", "when", "which", "will"),
    }
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A finding and a comment by their places in their lists; `likeness` is from 0 to 1."""

    finding: int
    golden: int
    likeness: float


# Says of each pair whether both mean the same problem.
Judge = Callable[[Sequence[Pair]], Collection[Pair]]


def words_of(text: str) -> frozenset[str]:
    """Return the words that say what a text is about; names are split at their humps and underscores."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text[:4000]).lower()
    return frozenset(_WORD.findall(apart)) - _COMMON


def likeness(found: Found, golden: Golden) -> float:
    """Return the share of words that a finding and a comment have in common (Jaccard)."""
    ours, theirs = words_of(f"{found.title} {found.body}"), words_of(golden.text)
    return len(ours & theirs) / len(ours | theirs) if ours and theirs else 0.0


def is_near(found: Found, golden: Golden) -> bool | None:
    """Tell whether both are about the same lines; None where the comment names none."""
    if not golden.path:
        return None
    if found.path != golden.path:
        return False
    if not golden.start:
        return True
    return found.start <= golden.end + NEAR_LINES and golden.start <= found.end + NEAR_LINES


def possible_pairs(findings: Sequence[Found], goldens: Sequence[Golden]) -> tuple[Pair, ...]:
    """Return the pairs that a judge should see: near by place, or alike by words."""
    pairs = []
    for at, golden in enumerate(goldens):
        found = []
        for number, finding in enumerate(findings):
            like, near = likeness(finding, golden), is_near(finding, golden)
            if near or like >= (PERHAPS if near is None else SURELY):
                found.append(Pair(number, at, round(like + (0.5 if near else 0.0), 4)))
        pairs += sorted(found, key=lambda pair: (-pair.likeness, pair.finding))[:MOST_FOR_ONE]
    return tuple(pairs)


def by_words(findings: Sequence[Found], goldens: Sequence[Golden]) -> Judge:
    """Return a judge that counts words: for a run without a model. It misses what is said in other words."""

    def judge(pairs: Sequence[Pair]) -> list[Pair]:
        return [
            pair
            for pair in pairs
            if likeness(findings[pair.finding], goldens[pair.golden]) >= SURELY
            and is_near(findings[pair.finding], goldens[pair.golden]) is not False
        ]

    return judge


def one_to_one(pairs: Collection[Pair]) -> tuple[Pair, ...]:
    """Return as many of the pairs as possible so that each finding and each comment is in one at most.

    Several findings that say the same thing count once: repetition earns nothing. Of equally many the likelier
    are kept where the order of search meets them first (augmenting paths).
    """
    by_golden: dict[int, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: (-pair.likeness, pair.golden, pair.finding)):
        by_golden.setdefault(pair.golden, []).append(pair)
    taken: dict[int, Pair] = {}

    def place(golden: int, seen: set[int]) -> bool:
        for pair in by_golden[golden]:
            if pair.finding in seen:
                continue
            seen.add(pair.finding)
            if pair.finding not in taken or place(taken[pair.finding].golden, seen):
                taken[pair.finding] = pair
                return True
        return False

    for golden in by_golden:
        place(golden, set())
    return tuple(sorted(taken.values(), key=lambda pair: (pair.golden, pair.finding)))
