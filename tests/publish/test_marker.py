from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.publish.marker import Kind, Marker, fingerprint_in_marker, is_own, read_marker

OWN = {"login": "kilo-review[bot]", "type": "Bot", "id": 1}


@given(st.sampled_from(Kind), st.text(max_size=200))
def test_a_marker_reads_back(kind: Kind, fingerprint: str) -> None:
    line = Marker(kind, head="a" * 40, fingerprint=fingerprint).line()
    assert "\n" not in line
    assert line.count("-->") == 1
    found = read_marker(f"{line}\nbody")
    assert found == Marker(kind, head="a" * 40, fingerprint=fingerprint_in_marker(fingerprint))


def test_it_differs_from_the_other_apps() -> None:
    for kind in Kind:
        assert "<!-- kilo-review" not in Marker(kind, head="x", fingerprint="y").line()


@pytest.mark.parametrize(
    "body",
    ["", None, "text", "<!-- kilo-review -->", "x\n<!-- kilo-app:1 summary -->", " <!-- kilo-app:1 summary -->",
     "<!-- kilo-app:1 other -->\n", "<!-- kilo-app:2 summary -->\n", "<!-- kilo-app:1 summary --> trailing"],
)  # fmt: skip
def test_only_our_first_line_counts(body: str | None) -> None:
    assert read_marker(body) is None


def test_windows_line_ends_count_too() -> None:
    assert read_marker(Marker(Kind.SUMMARY, head="abc").line() + "\r\nbody") == Marker(Kind.SUMMARY, head="abc")


@pytest.mark.parametrize(
    "author",
    [None, {}, {"login": "kilo-review", "type": "User"}, {"login": "evil[bot]", "type": "Bot"},
     {"login": "kilo-review[bot]", "type": "User"}, {"login": "Kilo-Review[bot]", "type": "Bot"}],
)  # fmt: skip
def test_anybody_else_is_not_us(author: dict[str, str] | None) -> None:
    assert is_own(OWN, "kilo-review[bot]")
    assert not is_own(author, "kilo-review[bot]")
    assert not is_own(OWN, "")
