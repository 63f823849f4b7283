from __future__ import annotations

from reviewer.git.snapshot import Snapshot
from reviewer.github.contents import ContentsSnapshot
from tests.github.lab import REPOSITORY, Lab


def test_it_reads_the_commit_over_the_api(shop: Lab) -> None:
    snapshot: Snapshot = ContentsSnapshot(shop.github(), REPOSITORY, shop.pr.head_sha)
    assert set(snapshot.entries()) == {"README.md", "app/db.py", "app/new.py"}
    assert snapshot.read("README.md") == b"# Shop\n"
    assert snapshot.read("absent") is None
    assert snapshot.read("../etc/passwd") is None
    assert set(snapshot.read_many(["README.md", "absent"])) == {"README.md"}


def test_past_the_budget_files_are_absent_and_counted(shop: Lab) -> None:
    snapshot = ContentsSnapshot(shop.github(), REPOSITORY, shop.pr.head_sha, requests=2)
    assert snapshot.read("README.md") is not None
    assert snapshot.read("app/db.py") is None
    assert snapshot.read("README.md") is not None
    assert snapshot.refused == 1
    assert "1 files were not read" in snapshot.notice


def test_search_sees_the_files_that_were_read(shop: Lab) -> None:
    snapshot = ContentsSnapshot(shop.github(), REPOSITORY, shop.pr.head_sha)
    assert list(snapshot.search_words(["close"])) == []
    snapshot.read("app/db.py")
    found = snapshot.search_words(["close"])
    assert {(match.path, match.word) for match in found} == {("app/db.py", "close")}
    assert snapshot.search_words([]) == ()


def test_without_the_tree_there_is_no_context_and_no_error(shop: Lab) -> None:
    snapshot = ContentsSnapshot(shop.github(), REPOSITORY, "0" * 40)
    assert snapshot.entries() == {}
    assert snapshot.read("README.md") is None
    assert "only a part" in snapshot.notice
