"""Which lines of a body, a plan or an issue are acceptance criteria."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.prompts.criteria import MAX_CRITERIA, MAX_CRITERION, closes, criteria_of, points_of

BODY = """Fixes the cart.

- not a criterion

## Acceptance criteria
- [ ] Every export has a header line.
* [x] A total is never negative.
1. Rounded to cents.
```
- code
```
<!-- - hidden -->

## Notes
- not one either
"""
CRITERIA = ("Every export has a header line.", "A total is never negative.", "Rounded to cents.")


def test_criteria_are_the_list_items_under_a_heading_that_names_them() -> None:
    assert criteria_of(BODY) == CRITERIA
    assert criteria_of("**Definition of done**\n- It works.") == ("It works.",)
    assert criteria_of("- a point\n- another") == ()


def test_a_plan_without_such_a_heading_is_its_list_items() -> None:
    assert points_of(BODY) == CRITERIA
    assert points_of("Plan:\n- a point\n- another") == ("a point", "another")
    assert points_of("no list") == ()


def test_a_task_is_a_criterion_wherever_it_stands() -> None:
    assert criteria_of("Text\n- [ ] It is quick.\n- [x] It is small.\n- other") == ("It is quick.", "It is small.")


def test_issues_are_closed_by_githubs_words_and_of_this_repository_alone() -> None:
    body = (
        "Closes #1, FIXES: Acme/Shop#2, resolved other/place#3; see #4. <!-- closes #5 -->\nfixed #1 closed #6 #7"
    )
    assert closes(body, "acme/shop") == (1, 2, 6)
    assert closes("encloses #8 closes#9 " * 999, "acme/shop") == ()


def test_a_secret_in_a_criterion_is_taken_out() -> None:
    (point,) = points_of("- uses ghp_" + "a1B2" * 9)
    assert "ghp_a1B2" not in point


@given(
    st.text(max_size=300) | st.lists(st.sampled_from(["# Requirements", "- a", "```", "* b <!--"])).map("\n".join)
)
def test_criteria_are_few_short_and_of_one_line(text: str) -> None:
    for found in (criteria_of(text), points_of(text), points_of(text * 9)):
        assert len(found) <= MAX_CRITERIA
        assert all(0 < len(item) <= MAX_CRITERION and "\n" not in item for item in found)
