from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.demo.git import Git
from reviewer.demo.simulator.gitdata import GitData, places
from tests.demo.world import commit, repository


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[GitData, Path]:
    folder = tmp_path_factory.mktemp("git")
    source = repository(folder / "source", {"a.txt": "a\n"}, {"a.txt": "b\n"})
    return GitData(Git(folder / "config"), source), source


def test_every_kind_of_change_is_one_row_with_its_own_patch(data: tuple[GitData, Path]) -> None:
    reader, source = data
    base = commit(
        source,
        "before",
        {"same": "1\n" * 9, "mode": "m\n", "typed": "t\n", "rename me": "r\n" * 9, "bin": b"\0\1", "gone": "g\n"},
    )
    (source / "mode").chmod(0o755)
    (source / "typed").unlink()
    (source / "typed").symlink_to("same")
    files = {"same": "1\n" * 8 + "2\n", "rename me": None, "renamed ü": "r\n" * 9, "bin": b"\0\2", "gone": None}
    head = commit(source, "after", {**files, "zz new": "diff --git a/x b/x\n@@ -1 +1 @@\n"})
    rows = {row.path: row for row in reader.files(base, head)}
    assert {path: row.status for path, row in rows.items()} == {
        "same": "modified",
        "mode": "modified",
        "typed": "changed",
        "renamed ü": "renamed",
        "bin": "modified",
        "gone": "removed",
        "zz new": "added",
    }
    assert rows["renamed ü"].previous == "rename me"
    assert rows["renamed ü"].patch is None
    assert rows["bin"].patch is None
    assert rows["mode"].patch is None
    assert rows["zz new"].patch == "@@ -0,0 +1,2 @@\n+diff --git a/x b/x\n+@@ -1 +1 @@"
    assert rows["gone"].patch == "@@ -1 +0,0 @@\n-g"
    assert (rows["same"].additions, rows["same"].deletions) == (1, 1)


LINES = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", ""]), min_size=1, max_size=12)


@settings(max_examples=25, deadline=None)
@given(before=LINES, after=LINES)
def test_places_and_moved_lines_agree_with_the_files(
    data: tuple[GitData, Path], before: list[str], after: list[str]
) -> None:
    reader, source = data
    old = commit(source, "old", {"x.txt": "".join(f"{line}\n" for line in before)})
    new = commit(source, "new", {"x.txt": "".join(f"{line}\n" for line in after)})
    for row in reader.files(old, new):
        found = places(row.patch or "")
        for number, place in found.right.items():
            assert found.texts[place.position][1:] == after[number - 1]
        for number, place in found.left.items():
            assert found.texts[place.position][1:] == before[number - 1]
    for number, text in enumerate(before, start=1):
        moved = reader.line_now("x.txt", number, old, new)
        assert moved is None or after[moved - 1] == text


def test_a_line_of_a_deleted_file_is_gone(data: tuple[GitData, Path]) -> None:
    reader, source = data
    old = commit(source, "there", {"d.txt": "d\n"})
    new = commit(source, "gone", {"d.txt": None})
    assert reader.line_now("d.txt", 1, old, new) is None
    assert reader.line_now("a.txt", 1, old, new) == 1
