"""Which names a change asks for."""

from __future__ import annotations

from pathlib import Path

from reviewer.change.parse import parse_diff
from reviewer.context.needs import needs_of
from reviewer.context.sources import Sources
from reviewer.git.commit import GitSnapshot
from tests.context.repository import Repository


def names_of(tmp_path: Path, path: str, line: str) -> set[str]:
    repository = Repository(tmp_path / "repo")
    base = repository.commit({path: "one\n"})
    head = repository.commit({path: f"one\n{line}\n"})
    hunks = parse_diff(repository.diff(base, head)).hunks
    with GitSnapshot.open(repository.git_dir, head) as snapshot:
        return {need.name for need in needs_of(hunks, Sources(snapshot))}


def test_a_sentence_asks_for_what_looks_like_code_and_for_no_plain_word(tmp_path: Path) -> None:
    found = names_of(tmp_path, "README.md", "Wait for all signatures with wait_for_all, then call checkQuorum.")
    assert found == {"wait_for_all", "checkQuorum"}


def test_code_asks_for_plain_words_too(tmp_path: Path) -> None:
    assert {"wait", "signatures"} <= names_of(tmp_path, "run.py", "wait(signatures)")
