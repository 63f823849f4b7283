from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.context.model import ContextItem, ContextKind
from reviewer.prompts.snippets import context_texts, joined

FILE = [f"line {number}" for number in range(1, 31)]


def item(start, end, *, path="a/b.py", reason="calls it", lines=None, kind=ContextKind.CALLER, text=None):
    shown = "\n".join((lines or FILE)[start - 1 : end]) if text is None else text
    return ContextItem(path, start, end, shown, kind, reason, 5)


def one(given_item, **more):
    (text,), _found = context_texts([given_item], **more)
    return text


def test_snippets_that_share_lines_are_shown_once_with_both_reasons():
    (only,) = joined([item(3, 8, reason="one"), item(6, 12, reason="two")])
    assert (only.start_line, only.end_line, only.reason) == (3, 12, "one; two")
    assert only.text.split("\n") == FILE[2:12]


def test_a_snippet_inside_another_adds_nothing_but_its_reason():
    (only,) = joined([item(3, 12, reason="one"), item(5, 6, reason="two")])
    assert only.text.split("\n") == FILE[2:12]


def test_snippets_of_other_files_other_lines_and_other_commits_stay_apart():
    old = [line.upper() for line in FILE]
    assert len(joined([item(3, 8), item(3, 8, path="c.py"), item(9, 10), item(4, 5, lines=old)])) == 4


def test_a_snippet_with_lines_left_out_is_not_joined():
    assert len(joined([item(3, 20, text="def f():\n… (bodies left out)"), item(4, 6)])) == 2


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 8)), max_size=8))
@settings(max_examples=60)
def test_joining_loses_no_line_and_invents_none(spans):
    items = [item(start, min(30, start + more)) for start, more in spans]
    wanted = {number for given_item in items for number in range(given_item.start_line, given_item.end_line + 1)}
    shown = joined(items)
    for part in shown:
        assert part.text.split("\n") == FILE[part.start_line - 1 : part.end_line]
    got = {number for part in shown for number in range(part.start_line, part.end_line + 1)}
    assert got == wanted


def test_a_reason_names_a_file_of_the_diff_by_its_last_part():
    text = one(item(3, 4, reason="`f` is called at deep/down/x.py:7"), paths=["deep/down/x.py"])
    assert "a/b.py:3-4 `f` is called at x.py:7\n" in text


def test_two_files_of_the_same_name_keep_their_whole_paths():
    text = one(item(3, 4, reason="`f` is called at d/x.py:7"), paths=["d/x.py", "e/x.py"])
    assert "called at d/x.py:7\n" in text


def test_a_reason_in_the_same_file_names_only_the_line():
    assert "a/b.py:3-4 the code around line 9\n" in one(item(3, 4, reason="the code around a/b.py:9"))


def test_what_has_no_place_says_only_what_it_is():
    found = item(1, 2, path="", reason="references to `f`: 2", kind=ContextKind.LOOKUP)
    assert one(found).split("\n")[1] == "references to `f`: 2"
    refused = ContextItem("x.py", 0, 0, "", ContextKind.LOOKUP, "refused: no file 'x.py'", 0)
    assert one(refused).split("\n")[1:2] == ["x.py refused: no file 'x.py'"]
    assert len(one(refused).split("\n")) == 3


def test_guidelines_and_their_path_stand_between_the_marks():
    text = one(item(1, 2, path="x/REVIEW.md", kind=ContextKind.GUIDELINE))
    first, mark, path = text.split("\n")[:3]
    assert first == "Review guidelines of the project:"
    assert mark.startswith("<guidelines ")
    assert path == "x/REVIEW.md"
