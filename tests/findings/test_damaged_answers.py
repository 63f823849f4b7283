"""An answer that was damaged on its way is read whole, or fails a check: never clean, never short of a finding."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from reviewer.findings.parse import parse_answer
from tests.findings.builders import answer, stated, unit_of
from tests.findings.damage import WAYS, Damaged, damaged

UNIT = unit_of()
# `KILO_REVIEW_CAMPAIGN_REPEATS=10` makes 10,000 of them.
SEEDS = 1_000 * int(os.environ.get("KILO_REVIEW_CAMPAIGN_REPEATS", "1"))


def lost(case: Damaged) -> str:
    """Say what of a damaged answer was lost without a word, "" where nothing was."""
    parsed = parse_answer(case.text, UNIT)
    if parsed.failed is not None:
        return "" if parsed.detail else "no detail"
    read = len(parsed.findings) + len(parsed.malformed)
    if not read:
        return "read as clean"
    return f"{read} of {len(case.titles)} findings" if read < len(case.titles) else ""


@pytest.mark.parametrize("block", range(10))
def test_no_damaged_answer_is_clean_and_no_finding_of_one_is_lost_without_a_word(block):
    for seed in range(block, SEEDS, 10):
        case = damaged(seed)
        assert not lost(case), f"seed {seed}, {case.how}:\n{case.text}"


def test_damage_of_every_kind_is_tried_and_what_can_be_mended_is_read():
    kinds: Counter[str] = Counter()
    read: Counter[str] = Counter()
    for seed in range(1_500):
        case = damaged(seed)
        kinds[case.how] += 1
        read[case.how] += parse_answer(case.text, UNIT).failed is None
    assert set(kinds) == set(WAYS)
    shares = {how: read[how] / kinds[how] for how in kinds}
    for how in ("encoded", "tool call", "draft", "harmony", "twice", "example before", "example after"):
        assert shares[how] == 1, shares
    # The texts of these answers are hostile: quotes, brackets and comments inside strings.
    for how in ("comma missing", "comma too many", "python words", "comment"):
        assert shares[how] >= 0.6, shares
    for how in ("cut", "cut in fence", "draft never closed", "twice and cut"):
        assert shares[how] <= 0.05, shares


@pytest.mark.parametrize("letter", ['"', "\\", ",", "}", ""])
def test_one_character_too_many_or_too_few_anywhere_loses_nothing(letter):
    text = answer(stated(title="one"), stated(title="two", quote="re.match('\\d+', s)", body='It says "no".'))
    for place in range(len(text)):
        changed = text[:place] + letter + text[place + (0 if letter else 1) :]
        assert not lost(Damaged(changed, repr(letter), ("one", "two"))), changed
