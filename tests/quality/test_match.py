from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from reviewer.quality.case import Golden
from reviewer.quality.match import Pair, by_words, is_near, likeness, one_to_one, possible_pairs
from reviewer.quality.outcome import Found


def found(title: str, path: str = "a.py", line: int = 10, body: str = "") -> Found:
    return Found(path, line, line, title, body, "high", "model:x", inline=True, anchored=True)


def test_the_same_problem_in_other_words_at_the_same_lines_is_put_to_the_judge() -> None:
    golden = Golden("Crashes for an empty list of orders", "a.py", 9, 9)
    assert possible_pairs([found("Division by zero")], [golden]) != ()


def test_a_problem_elsewhere_in_other_words_is_not() -> None:
    golden = Golden("Crashes for an empty list of orders", "a.py", 90, 92)
    assert possible_pairs([found("Division by zero")], [golden]) == ()
    assert possible_pairs([found("Division by zero", "b.py")], [golden]) == ()


def test_a_comment_without_a_place_is_compared_by_words() -> None:
    golden = Golden("get_item_key calls floor on a datetime key, causing TypeError")
    same = found("TypeError: floor of a datetime in get_item_key")
    assert is_near(same, golden) is None
    assert [pair.finding for pair in possible_pairs([found("Unused import os"), same], [golden])] == [1]


def test_names_are_split_into_words() -> None:
    assert likeness(found("getUserName may be null"), Golden("get_user_name can return null")) > 0.4


def test_words_decide_where_there_is_no_judge_but_not_across_files() -> None:
    golden = Golden("The file handle is never closed", "a.py", 10, 10)
    near, far = found("The file handle is never closed"), found("The file handle is never closed", "b.py")
    pairs = possible_pairs([near, far], [golden])
    assert [pair.finding for pair in by_words([near, far], [golden])(pairs)] == [0]


def test_repeating_a_finding_earns_nothing() -> None:
    pairs = [Pair(number, 0, 0.5) for number in range(4)]
    assert len(one_to_one(pairs)) == 1


def test_a_finding_that_fits_two_comments_leaves_room_for_the_other_finding() -> None:
    # Taking the likeliest pair first would leave comment 1 without a finding.
    assert len(one_to_one([Pair(0, 0, 0.9), Pair(0, 1, 0.8), Pair(1, 0, 0.7)])) == 2


@given(st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=10))
def test_as_many_as_possible_are_paired_and_nobody_twice(edges: set[tuple[int, int]]) -> None:
    dice = random.Random(len(edges))
    pairs = [Pair(finding, golden, dice.random()) for finding, golden in sorted(edges)]
    chosen = one_to_one(pairs)
    assert len({pair.finding for pair in chosen}) == len({pair.golden for pair in chosen}) == len(chosen)
    assert set(chosen) <= set(pairs)
    best = max(
        (
            size
            for size in range(len(edges) + 1)
            for some in itertools.combinations(edges, size)
            if len({finding for finding, _ in some}) == len({golden for _, golden in some}) == size
        ),
        default=0,
    )
    assert len(chosen) == best
