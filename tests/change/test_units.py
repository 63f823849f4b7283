from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.change.identity import hunk_identity
from reviewer.change.model import FileChange, FileStatus, Hunk, Line, LineKind
from reviewer.change.parse import parse_diff
from reviewer.change.relations import subject_of
from reviewer.change.render import render_hunk, render_unit
from reviewer.change.split import split_hunk
from reviewer.change.units import build_units
from tests.change.strategies import changes


def words(text: str) -> int:
    return len(text.split())


def added(path: str, *texts: str, start: int = 1, section: str = "") -> FileChange:
    lines = tuple(Line(None, start + index, LineKind.ADDED, text) for index, text in enumerate(texts))
    hunk = Hunk(path, 0, 0, start, len(texts), section, lines)
    return FileChange(path, None, FileStatus.ADDED, (hunk,))


def together(units, *paths):
    return any(set(paths) <= set(unit.paths) for unit in units)


def test_code_travels_with_its_test_and_a_caller_with_its_callee():
    files = [
        added("src/money.py", "def reserve_budget(amount):", "    return amount"),
        added("web/views.py", "total = reserve_budget(3)"),
        added("docs/readme.md", "some words about nothing"),
        added("tests/test_money.py", "assert True"),
    ]
    units = build_units(files, max_tokens=130, risk=lambda hunk: 0.0, count=words)
    assert together(units, "src/money.py", "web/views.py", "tests/test_money.py")
    assert not together(units, "src/money.py", "docs/readme.md")
    (unit,) = [unit for unit in units if "src/money.py" in unit.paths]
    assert "reserve_budget: defined and used" in unit.reason
    assert "money and its test" in unit.reason


def test_symbols_from_the_context_bring_hunks_together():
    files = [added(path, *("some words here",) * 4) for path in ("a/x.go", "b/y.go", "c/z.go")]
    assert len(build_units(files, max_tokens=100, risk=lambda hunk: 0.0, count=words)) == 3
    related = {(file.path, file.hunks[0].header): ["Client.Do"] for file in (files[0], files[2])}
    units = build_units(files, max_tokens=100, risk=lambda hunk: 0.0, count=words, relate=related)
    assert together(units, "a/x.go", "c/z.go")
    assert not together(units, "a/x.go", "b/y.go")


def test_a_risky_hunk_does_not_take_its_neighbours_to_the_dearer_model():
    long = ("one two three four",) * 20
    files = [added("p/a.py", *long), added("p/auth.py", "y = 2"), added("p/c.py", *long)]
    units = build_units(files, max_tokens=1000, risk=lambda hunk: float("auth" in hunk.path), count=words)
    assert [unit.paths for unit in units] == [("p/auth.py",), ("p/a.py", "p/c.py")]
    assert units[0].risk == 1.0


def test_hunks_too_small_for_a_call_of_their_own_join_the_riskier_unit():
    files = [added("p/a.py", "x = 1"), added("q/auth.py", *("y = 2 if z else 3",) * 30)]
    (only,) = build_units(files, max_tokens=1000, risk=lambda hunk: float("auth" in hunk.path), count=words)
    assert only.paths == ("p/a.py", "q/auth.py")
    assert only.risk == 1.0
    assert only.reason == "too small for a call of its own"


def test_small_hunks_join_the_unit_that_shares_their_file_before_any_other():
    long = ("one two three four",) * 30
    risky = [added("p/auth.py", *long), added("q/auth.py", *long)]
    rest = added("q/auth.py", "z = 3", start=200)
    files = [risky[0], replace(risky[1], hunks=(*risky[1].hunks, *rest.hunks))]
    units = build_units(files, max_tokens=300, risk=lambda hunk: float(len(hunk.lines) > 1), count=words)
    assert [len(unit.hunks) for unit in units if "q/auth.py" in unit.paths] == [2]


def test_small_hunks_join_a_unit_that_has_documentation_beside_its_code():
    long = ("y = reserve_budget(amount)",) * 30
    files = [added("q/auth.py", *long), added("q/auth.md", "words on auth"), added("p/a.py", "x = 1")]
    related = {(file.path, file.hunks[0].header): ["reserve_budget"] for file in files[:2]}
    (only,) = build_units(
        files, max_tokens=1000, risk=lambda hunk: float("auth" in hunk.path), count=words, relate=related
    )
    assert set(only.paths) == {"q/auth.py", "q/auth.md", "p/a.py"}


def test_a_file_is_not_torn_over_two_calls_for_a_few_routine_hunks():
    long = ("one two three four",) * 40
    routine = added("q/auth.py", *(("one two three four",) * 30), start=500)
    risky = added("q/auth.py", *long)
    files = [replace(risky, hunks=(*risky.hunks, *routine.hunks)), added("p/a.py", *long[:30])]
    units = build_units(files, max_tokens=600, risk=lambda hunk: float(len(hunk.lines) == 40), count=words)
    assert [(unit.paths, len(unit.hunks)) for unit in units] == [(("q/auth.py",), 2), (("p/a.py",), 1)]


def test_small_documentation_keeps_the_tier_that_costs_nothing():
    files = [added("docs/a.md", "some words"), added("q/auth.py", *("y = 2",) * 30)]
    units = build_units(files, max_tokens=1000, risk=lambda hunk: float("auth" in hunk.path), count=words)
    assert [unit.paths for unit in units] == [("q/auth.py",), ("docs/a.md",)]


def test_documentation_is_not_put_beside_code():
    files = [added("pkg/a.py", "x = 1"), added("pkg/notes.md", "words"), added("pkg/b.py", "y = 2")]
    units = build_units(files, max_tokens=1000, risk=lambda hunk: 0.0, count=words)
    assert [unit.paths for unit in units] == [("pkg/a.py", "pkg/b.py"), ("pkg/notes.md",)]


def test_small_changes_of_many_folders_share_a_call_up_to_half_the_budget():
    files = [added(f"services/service{n:02}/limits.py", f"LIMIT_{n} = {n} # some words here") for n in range(30)]
    units = build_units(files, max_tokens=200, risk=lambda hunk: 0.0, count=words)
    assert len(units) < 20
    assert all(words(render_unit(unit)) <= 100 for unit in units)


def test_units_are_ordered_by_risk_then_by_place():
    files = [added(f"{name}/f.py", "x") for name in "abcd"]
    risks = {"a": 0.1, "b": 0.9, "c": 0.1, "d": 0.95}
    units = build_units(files, max_tokens=40, risk=lambda hunk: risks[hunk.path[0]], count=words)
    assert [unit.paths[0][0] for unit in units] == ["d", "b", "a", "c"]


def test_amending_one_hunk_changes_few_units():
    def change(edited: str) -> list[FileChange]:
        return [added(f"pkg/m{n}.py", f"value_{n} = {n}", edited if n == 7 else "same") for n in range(120)]

    def build(edited: str) -> set[str]:
        units = build_units(change(edited), max_tokens=200, risk=lambda hunk: 0.0, count=words)
        return {unit.identity for unit in units}

    before, after = build("first"), build("second and quite a few more words than there were before")
    assert len(before) > 8
    assert len(after - before) <= 3


def test_a_line_larger_than_the_budget_is_alone():
    file = added("min.js", "small", "word " * 500, "small again")
    units = build_units([file], max_tokens=100, risk=lambda hunk: 0.0, count=words)
    (big,) = [unit for unit in units if words(render_unit(unit)) > 100]
    assert [line.text.strip() for line in big.hunks[0].lines] == [("word " * 500).strip()]
    assert sum(len(hunk.lines) for unit in units for hunk in unit.hunks) == 3


def test_files_without_hunks_make_no_unit():
    binary = FileChange("a.png", "a.png", FileStatus.MODIFIED, binary=True)
    assert build_units([binary], max_tokens=10, risk=lambda hunk: 0.0, count=words) == ()


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="max_tokens"):
        build_units([], max_tokens=0, risk=lambda hunk: 0.0, count=words)


@settings(max_examples=40, deadline=None)
@given(changes(), st.integers(1, 120))
def test_every_line_is_in_exactly_one_unit_and_every_unit_fits(change, budget):
    units = build_units(change.files, max_tokens=budget, risk=lambda hunk: len(hunk.lines) / 10, count=len)
    lines = [(hunk.path, line) for unit in units for hunk in unit.hunks for line in hunk.lines]
    expected = [(hunk.path, line) for hunk in change.hunks for line in hunk.lines]
    assert sorted(map(repr, lines)) == sorted(map(repr, expected))
    for unit in units:
        alone = len(unit.hunks) == 1 and len(unit.hunks[0].lines) == 1
        assert alone or len(render_unit(unit)) <= budget + 24 * len(unit.paths)
    assert units == build_units(change.files, max_tokens=budget, risk=lambda hunk: len(hunk.lines) / 10, count=len)


@settings(max_examples=50, deadline=None)
@given(changes(), st.integers(1, 80))
def test_the_pieces_of_a_split_hunk_are_hunks_that_git_could_have_written(change, budget):
    for hunk in change.hunks:
        pieces = split_hunk(hunk, budget, len)
        assert tuple(line for piece in pieces for line in piece.lines) == hunk.lines
        for piece in pieces:
            text = f"--- a/x\n+++ b/x\n{render_hunk(piece, numbered=False)}\n"
            (again,) = parse_diff(text).hunks
            assert again.lines == piece.lines


@settings(max_examples=40, deadline=None)
@given(changes(), st.integers(1, 500))
def test_the_identity_of_a_hunk_survives_a_shift_and_not_an_edit(change, shift):
    for hunk in change.hunks:
        moved = tuple(
            replace(
                line,
                old_no=None if line.old_no is None else line.old_no + shift,
                new_no=None if line.new_no is None else line.new_no + shift,
            )
            for line in hunk.lines
        )
        shifted = replace(hunk, old_start=hunk.old_start + shift, new_start=hunk.new_start + shift, lines=moved)
        assert hunk_identity(replace(shifted, section="elsewhere")) == hunk_identity(hunk)
        edited = replace(hunk, lines=(replace(hunk.lines[0], text=hunk.lines[0].text + "!"), *hunk.lines[1:]))
        assert hunk_identity(edited) != hunk_identity(hunk)
        assert hunk_identity(replace(hunk, path=hunk.path + "x")) != hunk_identity(hunk)


def test_a_numbered_hunk_shows_the_base_number_of_what_is_gone_and_the_head_number_of_the_rest():
    hunk = parse_diff("--- a/x\n+++ b/x\n@@ -7,2 +8,2 @@ f()\n keep\n-gone\n+new\n").hunks[0]
    assert render_hunk(hunk) == "@@ -7,2 +8,2 @@ f()\n8  keep\n8 -gone\n9 +new"


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("src/user_store.py", ("userstore", False)),
        ("tests/test_user_store.py", ("userstore", True)),
        ("pkg/user_store_test.go", ("userstore", True)),
        ("src/UserStoreTest.java", ("userstore", True)),
        ("app/user-store.spec.ts", ("userstore", True)),
        ("spec/user_store_spec.rb", ("userstore", True)),
        ("src/latest.py", ("latest", False)),
    ],
)
def test_a_test_file_is_known_by_the_name_it_tests(path, subject):
    assert subject_of(path) == subject
