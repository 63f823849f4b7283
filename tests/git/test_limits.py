"""A limit that bites is said, with how much it leaves out; one that does not is not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.context import change_text, gather
from reviewer.context.gather import ContextGatherer
from reviewer.context.guidelines import FILE_CHARS, FILES
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, LimitsReached, Reached, sentences, that_matter, told
from tests.context.repository import Repository

reached = st.builds(
    Reached,
    st.sampled_from(Limit),
    st.integers(1, 9),
    st.none() | st.integers(1, 50),
    st.sampled_from(("", "a.py", "b.py")),
)


@given(st.lists(reached, max_size=12), st.randoms(use_true_random=False))
def test_what_is_told_does_not_depend_on_the_order_it_came_in(items: list[Reached], order: random.Random) -> None:
    def all_of(some: list[Reached]) -> tuple[Reached, ...]:
        limits = LimitsReached()
        for item in some:
            limits.note(item.limit, 5, item.left_out, where=item.where)
        return limits.all()

    mixed = items[:]
    order.shuffle(mixed)
    assert all_of(mixed) == all_of(items) == told(reversed(all_of(items)))
    assert len(sentences(all_of(items))) == len({item.limit for item in items})


def test_what_fits_is_not_reported() -> None:
    limits = LimitsReached()
    limits.note(Limit.GUIDELINE_FILES, 6, 0)
    limits.note(Limit.GUIDELINE_FILES, 6, -3)
    assert limits.all() == ()


def test_places_of_one_limit_share_a_sentence() -> None:
    limits = LimitsReached()
    for name in "abcdef":
        limits.note(Limit.PLACES, 400, None, where=name)
    limits.note(Limit.GUIDELINE_CHARS, 6000, 1500, where="AGENTS.md")
    limits.note(Limit.GUIDELINE_CHARS, 6000, 500, where="REVIEW.md")
    assert sentences(limits.all()) == [
        "places kept of one name: 400 at most, the rest is left out (a, b, c, d and 2 more)",
        "characters of a guideline file read: 6,000 at most, 2,000 left out (AGENTS.md, REVIEW.md)",
    ]
    assert {item.limit for item in that_matter(limits.all())} == {Limit.GUIDELINE_CHARS}


WORDS = "\n".join(f"    total = name_{number}(total) + other_{number}" for number in range(400))
BIG = "x = 1\n" * 500_000
LONG = "x = 1\n" * 200_000


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.commit({"a.py": "def a():\n    pass\n", "AGENTS.md": "rule\n" * 2000, "big.py": BIG})
    return made


@pytest.fixture
def opened(repository: Repository) -> Iterator[tuple[ContextGatherer, Change]]:
    deep = {f"{'d/' * depth}REVIEW.md": "Be brief.\n" for depth in range(1, FILES + 3)}
    base = repository.commit(deep)
    definitions = "".join(f"def edited_{number}():\n    return {number}\n" for number in range(20))
    wide = f"def wide(total):\n{WORDS}\n    return total\n{definitions}"
    head = repository.commit({"d/" * (FILES + 2) + "wide.py": wide, "big.py": BIG + "y = a()\n", "long.py": LONG})
    change = parse_diff(repository.diff(base, head), base=base, head=head)
    with GitSnapshot.open(repository.git_dir, head) as new, GitSnapshot.open(repository.git_dir, base) as old:
        yield ContextGatherer(head=new, base=old, change=change), change


def found(gatherer: ContextGatherer) -> dict[Limit, Reached]:
    return {item.limit: item for item in gatherer.limits_reached()}


def test_every_limit_that_a_change_reaches_is_named_with_its_value(
    opened: tuple[ContextGatherer, Change],
) -> None:
    gatherer, change = opened
    assert gatherer.limits_reached() == ()
    unit = Unit("the-unit", change.hunks, "")
    gatherer.guidelines(400)
    gatherer.for_unit(unit, budget=2000)
    gatherer.shared_items(500)
    limits = found(gatherer)
    names = limits[Limit.UNIT_NAMES]
    assert names.where == "the-unit"
    assert 0 < names.most <= gather.WORDS_PER_UNIT
    assert names.left_out is not None
    assert names.most + names.left_out > 800
    assert limits[Limit.CHANGE_NAMES].most == change_text.WORDS_OF_CHANGE
    assert limits[Limit.EDITED_NAMES] == Reached(Limit.EDITED_NAMES, 12, 9, "the-unit")
    assert limits[Limit.GUIDELINE_FILES] == Reached(Limit.GUIDELINE_FILES, FILES, 3)
    assert limits[Limit.FILE_BYTES].where == "big.py"
    assert limits[Limit.PARSED_BYTES].where == "long.py"
    assert Limit.COMMITS not in limits


def test_a_guideline_that_is_cut_is_reported(repository: Repository) -> None:
    base = repository.commit({"AGENTS.md": "rule\n" * 10_000})
    head = repository.commit({"a.py": "def a():\n    return 1\n"})
    change = parse_diff(repository.diff(base, head), base=base, head=head)
    with GitSnapshot.open(repository.git_dir, head) as new, GitSnapshot.open(repository.git_dir, base) as old:
        gatherer = ContextGatherer(head=new, base=old, change=change, count=len)
        (item,) = gatherer.guidelines(400)
        cut, short = gatherer.limits_reached()
        assert cut == Reached(Limit.GUIDELINE_CHARS, FILE_CHARS, 49_999 - FILE_CHARS, "AGENTS.md")
        assert short == Reached(Limit.GUIDELINE_TOKENS, 400, FILE_CHARS - 1 - len(item.text), "AGENTS.md")
        assert that_matter((cut, short)) == [cut, short]


def test_a_history_longer_than_is_compared_is_reported_and_one_as_long_is_not(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    for number in range(4):
        repository.commit({"a.py": f"{number}\n", "b.py": f"{number}\n"})
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert snapshot.co_changed(["a.py"], commits=4) == [("a.py", "b.py")] * 4
        assert snapshot.limits.all() == ()
        assert snapshot.co_changed(["a.py"], commits=3) == [("a.py", "b.py")] * 3
        assert snapshot.limits.all() == (Reached(Limit.COMMITS, 3),)
