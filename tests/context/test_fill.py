"""A budget is filled by value per token, and never passed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.context.fill import Offer, fill
from reviewer.context.model import ContextKind
from reviewer.context.snippets import Snippet


def offer(path: str, start: int, texts: tuple[str, ...], value: float) -> Offer:
    forms = tuple(
        Snippet(start, start + text.count("\n"), text, (at + 1) / len(texts)) for at, text in enumerate(texts)
    )
    return Offer(path, ContextKind.DEFINITION, "a reason", value, forms)


offers = st.lists(
    st.builds(
        offer,
        path=st.sampled_from(["a.py", "b.py", "c.py"]),
        start=st.integers(1, 200),
        texts=st.lists(st.text("xy\n", min_size=1, max_size=60), min_size=1, max_size=3).map(
            lambda texts: tuple(sorted(texts, key=len))
        ),
        value=st.floats(0, 1),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(offers, st.integers(0, 300), st.sampled_from([None, 0, 7]))
def test_no_budget_is_passed_and_the_choice_is_repeatable(
    made: list[Offer], budget: int, frame: int | None
) -> None:
    items = fill(made, budget=budget, count=len, frame=frame)
    assert sum(item.tokens for item in items) <= budget
    assert items == fill(made, budget=budget, count=len, frame=frame)


def test_the_shortest_form_of_all_comes_before_the_longest_of_one() -> None:
    items = fill(
        [offer("a.py", 1, ("sig", "s" * 90), 0.5), offer("b.py", 1, ("sig", "s" * 90), 0.4)], budget=12, count=len
    )
    assert [(item.path, item.text) for item in items] == [("a.py", "sig"), ("b.py", "sig")]


def test_a_longer_form_is_taken_as_the_budget_lasts() -> None:
    items = fill([offer("a.py", 1, ("sig", "s" * 20), 0.5)], budget=25, count=len)
    assert [item.text for item in items] == ["s" * 20]
    assert items[0].tokens == 20


def test_lines_that_are_shown_already_are_passed_over() -> None:
    one = offer("a.py", 10, ("x\ny\nz",), 0.9)
    assert fill([one], budget=100, count=len, shown=[("a.py", 9, 13)]) == ()
    assert fill([one], budget=100, count=len, shown=[("b.py", 9, 13)]) != ()
    assert len(fill([one, one], budget=100, count=len)) == 1


def test_a_heading_is_part_of_the_price() -> None:
    one = offer("a.py", 1, ("sig",), 0.9)
    assert fill([one], budget=10, count=len, frame=5) == ()
    assert fill([one], budget=100, count=len, frame=5)[0].tokens == 3 + 5 + len("a.py:1000-1000 a reason")


def test_nothing_worthless_is_shown() -> None:
    assert fill([offer("a.py", 1, ("sig",), 0.0)], budget=100, count=len) == ()
