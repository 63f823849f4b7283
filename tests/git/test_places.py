"""Places give back the matches that they were given."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.git.places import Places
from reviewer.git.snapshot import Match

WORDS = ("alpha", "beta", "gamma")
MATCHES = st.lists(
    st.builds(
        Match,
        st.sampled_from(("a.py", "b.py", "näme.py")),
        st.integers(1, 2**31),
        st.text(st.characters(exclude_characters="\n", exclude_categories=()), max_size=9),
        st.sampled_from(WORDS),
        st.sampled_from((True, False, None)),
    ),
    max_size=60,
    # A line of a file has one text.
    unique_by=lambda match: (match.path, match.line),
)


def told(matches: list[Match], word: str) -> list[tuple[Match, bool | None]]:
    return [(match, match.defines) for match in matches if match.word == word]


@given(MATCHES, st.integers(0, 30), st.sets(st.sampled_from(WORDS)))
def test_what_is_kept_is_what_was_found(found: list[Match], cut: int, gone: set[str]) -> None:
    places, first, second = Places(), found[:cut], found[cut:]
    places.add(first, words=WORDS)
    places.add(second)
    for kept in (places, places.without(gone), places.without(gone).without(())):
        for word in kept.words():
            assert told(kept.of(word), word) == told(found, word)
            assert kept.count_of(word) == len(kept.of(word))
        assert kept.count == sum(kept.count_of(word) for word in kept.words())
    assert set(places.without(gone).words()) == set(WORDS) - gone
    assert all(word not in places.without(gone) and places.without(gone).of(word) == [] for word in gone)


def test_a_word_that_was_looked_for_in_vain_is_known() -> None:
    places = Places()
    places.add((), words=["alpha"])
    assert "alpha" in places
    assert places.of("alpha") == []
    assert "beta" not in places
