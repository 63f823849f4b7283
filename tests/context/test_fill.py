"""A budget is filled by value per token, and never passed."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.context.fill import Offer, TextAlone, choice_of, fill
from reviewer.context.model import ContextItem, ContextKind
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


class Headed:
    """A tariff with a heading for each item and a frame, whose guess of one is off by `off`."""

    frame = 4
    heading = 6
    least = 0.0

    def __init__(self, off: int = 0) -> None:
        self.off = off

    def one(self, item: ContextItem) -> int:
        return max(1, len(item.text) + 6 + self.off)

    def all(self, items: Sequence[ContextItem]) -> int:
        return self.frame + sum(len(item.text) + 6 for item in items) if items else 0


TEXT = TextAlone(len)


@settings(max_examples=100, deadline=None)
@given(offers, st.integers(0, 300), st.sampled_from([TEXT, Headed(), Headed(-5), Headed(3)]))
def test_no_budget_is_passed_and_the_choice_is_repeatable(
    made: list[Offer], budget: int, tariff: TextAlone | Headed
) -> None:
    items = fill(made, budget=budget, tariff=tariff)
    assert tariff.all(items) <= budget
    assert items == fill(made, budget=budget, tariff=tariff)


def test_what_costs_more_than_was_guessed_gives_way_and_the_best_stays() -> None:
    made = [offer("a.py", 1, ("sig", "s" * 20), 0.9), offer("b.py", 1, ("t" * 20,), 0.1)]
    kept = fill(made, budget=4 + 2 * 26, tariff=Headed())
    assert [item.text for item in kept] == ["s" * 20, "t" * 20]
    pressed = fill(made, budget=4 + 2 * 26 - 5, tariff=Headed(-6))
    assert [item.text for item in pressed] == ["s" * 20]


def test_the_shortest_form_of_all_comes_before_the_longest_of_one() -> None:
    items = fill(
        [offer("a.py", 1, ("sig", "s" * 90), 0.5), offer("b.py", 1, ("sig", "s" * 90), 0.4)], budget=12, tariff=TEXT
    )
    assert [(item.path, item.text) for item in items] == [("a.py", "sig"), ("b.py", "sig")]


def test_a_longer_form_is_taken_as_the_budget_lasts() -> None:
    items = fill([offer("a.py", 1, ("sig", "s" * 20), 0.5)], budget=25, tariff=TEXT)
    assert [item.text for item in items] == ["s" * 20]
    assert items[0].tokens == 20


def test_a_form_that_says_more_for_its_price_comes_first_and_the_stub_where_only_that_fits() -> None:
    stub, whole = Snippet(1, 1, "s" * 8, 0.05), Snippet(1, 3, "w" * 60, 1.0)
    one = Offer("a.py", ContextKind.DEFINITION, "a reason", 0.5, (stub, whole))
    assert [item.text for item in fill([one], budget=60, tariff=TEXT)] == [whole.text]
    assert [item.text for item in fill([one], budget=59, tariff=TEXT)] == [stub.text]
    rival = offer("b.py", 1, ("r" * 60,), 0.1)
    assert [item.path for item in fill([one, rival], budget=60, tariff=TEXT)] == ["a.py"]


def test_what_says_less_than_its_heading_is_not_shown() -> None:
    class Prompted(Headed):
        least = 0.25

    stub, whole = Snippet(1, 1, "s" * 8, 0.2), Snippet(1, 3, "w" * 60, 1.0)
    one = Offer("a.py", ContextKind.DEFINITION, "a reason", 0.5, (stub, whole))
    assert fill([one], budget=60, tariff=Prompted()) == ()
    assert [item.text for item in fill([one], budget=90, tariff=Prompted())] == [whole.text]
    assert choice_of([one], (), budget=60, tariff=Prompted()).next[0].text == whole.text


def test_what_was_chosen_is_not_told_as_left_out_though_it_shows_a_line_outside_of_its_span() -> None:
    around = Snippet(10, 20, "class A:\n…\n    x", 0.7, spans=((1, 1), (12, 12)))
    one = Offer("a.py", ContextKind.CALLER, "the code around line 12", 0.5, (around,))
    items = fill([one], budget=100, tariff=TEXT)
    assert choice_of([one], items, budget=100, tariff=TEXT).left_out == 0


def test_a_form_that_does_not_fit_over_one_that_is_known_ends_the_search() -> None:
    stub, whole = Snippet(1, 1, "s" * 8, 0.05), Snippet(1, 30, "w" * 600, 1.0)
    one = Offer("a.py", ContextKind.DEFINITION, "a reason", 0.5, (stub, whole))
    assert fill([one], budget=60, tariff=TEXT, shown=[("a.py", 1, 1)]) == ()


def test_lines_that_are_shown_already_are_passed_over() -> None:
    one = offer("a.py", 10, ("x\ny\nz",), 0.9)
    assert fill([one], budget=100, tariff=TEXT, shown=[("a.py", 9, 13)]) == ()
    assert fill([one], budget=100, tariff=TEXT, shown=[("b.py", 9, 13)]) != ()
    assert len(fill([one, one], budget=100, tariff=TEXT)) == 1


def test_a_heading_is_part_of_the_price() -> None:
    one = offer("a.py", 1, ("sig",), 0.9)
    assert fill([one], budget=12, tariff=Headed()) == ()
    assert fill([one], budget=13, tariff=Headed())[0].tokens == 3 + 6


def test_nothing_worthless_is_shown() -> None:
    assert fill([offer("a.py", 1, ("sig",), 0.0)], budget=100, tariff=TEXT) == ()
