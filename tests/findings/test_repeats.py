"""What an analyser says of several lines in the same words is one comment that names them all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reviewer.findings.model import Disposition, PlacedFinding
from reviewer.findings.repeats import fold_repeats
from tests.findings.builders import finding


def hit(line: int, disposition: Disposition = Disposition.INLINE, **fields: object) -> PlacedFinding:
    found = finding("Weak hash", body="Use SHA-256.", line=line, source="ast-grep:weak")
    return PlacedFinding(replace(found, **fields), disposition)  # type: ignore[arg-type]


def test_the_first_names_the_lines_of_the_others_which_move_to_the_summary():
    folded = fold_repeats([hit(9), hit(2), hit(5)])
    assert [(found.finding.line, found.disposition) for found in folded] == [
        (9, Disposition.SUMMARY),
        (2, Disposition.INLINE),
        (5, Disposition.SUMMARY),
    ]
    assert folded[1].finding.body == "Use SHA-256.\n\nThe same on lines 5, 9."
    assert folded[0].reason == "the comment at shop/cart.py:2 is about it too"


@pytest.mark.parametrize(
    "other",
    [
        {"path": "b.py"},
        {"source": "ast-grep:other"},
        {"body": "Other words."},
        {"suggestion": "x = 1"},
        {"source": "model:one"},
    ],
)
def test_another_file_rule_or_text_and_what_can_be_applied_stay_beside_their_line(other: dict[str, object]):
    placed = [hit(2), hit(5, **other)]
    assert fold_repeats(placed) == tuple(placed)


def test_leaked_secrets_are_each_told_beside_their_line():
    placed = [hit(line, source="gitleaks:github-pat") for line in (1, 2)]
    assert fold_repeats(placed) == tuple(placed)


@pytest.mark.parametrize("known", [Disposition.DUPLICATE, Disposition.SUPPRESSED])
def test_what_a_thread_says_already_is_not_raised_again_at_another_line(known: Disposition):
    thread, other = fold_repeats([hit(5, known), hit(2)])
    assert thread == hit(5, known)
    assert (other.disposition, other.finding.body) == (Disposition.SUMMARY, "Use SHA-256.")


def test_many_lines_are_counted_after_the_first():
    first = fold_repeats([hit(line) for line in range(1, 40)])[0]
    assert first.finding.body.endswith("20, 21 and 18 more.")
