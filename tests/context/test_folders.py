"""Where files lie, and how near to each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.context.folders import folder_of, places_of, shared_folders

PATHS = st.lists(st.sampled_from(("a", "b", "src")), min_size=1, max_size=5).map("/".join)


def test_a_file_at_the_top_is_in_no_folder() -> None:
    assert folder_of("setup.py") == ""
    assert list(places_of("setup.py")) == ["setup.py", ""]


@given(PATHS)
def test_the_places_of_a_file_are_itself_and_every_folder_up_to_the_top(path: str) -> None:
    places = list(places_of(path))
    assert places[0] == path
    assert places[-1] == ""
    assert [folder_of(place) for place in places[:-1]] == places[1:]


@given(PATHS, PATHS)
def test_nearness_is_a_share_and_the_same_both_ways(path: str, other: str) -> None:
    assert 0 <= shared_folders(path, other) == shared_folders(other, path) <= 1
    assert shared_folders(path, path) == float("/" in path)
