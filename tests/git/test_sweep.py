"""A sweep finds what `git grep` finds, whatever the files hold, and gives up words before it fills the memory."""

from __future__ import annotations

import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reviewer.context.common import phrases
from reviewer.errors import GitFailed
from reviewer.git import search, sweep
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit
from reviewer.git.places import Places
from reviewer.git.search import SCAN_LIMIT, search_tree
from reviewer.git.snapshot import TreeEntry
from tests.context.repository import Repository

WORDS = ("alpha", "beta", "alpha2", "$gamma", "_delta", "pre$fix")
LONE = {"Request": phrases("Request", ["python", "go"]), "$shop": phrases("$shop", ["php"])}
PARTS = (
    *WORDS,
    *("Request", "$shop", "def ", "class ", "func (s *S) ", "const ", "return ", " = ", "(", ")", ": ", "{", "} "),
    *(", ", ".", "$", "_", "1", "é", "名", "\t", " ", "#", "x" * SCAN_LIMIT),
)
LINE = st.lists(st.sampled_from(PARTS), max_size=9).map("".join)
CONTENT = st.builds(
    lambda lines, end, last, encoding: (end.join(lines) + (end if last else "")).encode(encoding, "replace"),
    st.lists(LINE, max_size=30),
    st.sampled_from(("\n", "\r\n", "\n\n")),
    st.booleans(),
    st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "latin-1", "utf-16")),
)
NAMES = (
    "a.py",
    "a/b.go",
    "a.b/c.ts",
    "z/näme.rb",
    "z/line\nend.py",
    "lib.min.js",
    "go.sum",
    "x/.lock",
    "x/go.sum.py",
)
FILES = st.dictionaries(st.sampled_from(NAMES), CONTENT, min_size=1)


def both(
    git_dir: Path, commit: str, words: Sequence[str], limit: int, lone: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[object]], dict[str, list[object]]]:
    """Return what git grep and what a sweep finds, by word, every field of every match."""
    grepped = Places()
    for at in range(0, len(words), 300):
        some = words[at : at + 300]
        found = search_tree(git_dir, commit, some, limit_per_word=limit, phrases={} if at else lone)
        grepped.add(found, words=some)
    with GitSnapshot.open(git_dir, commit) as snapshot:
        swept = snapshot.sweep_words(words, Places(), limit_per_word=limit, most=10**9, phrases=lone)
    return tuple(  # type: ignore[return-value]
        {word: [(match, match.defines) for match in places.of(word)] for word in (*words, *lone)}
        for places in (grepped, swept)
    )


@settings(max_examples=40, deadline=None)
@given(FILES, st.integers(1, 6))
def test_a_sweep_finds_what_git_grep_finds(files: dict[str, bytes], limit: int) -> None:
    with TemporaryDirectory() as folder:
        repository = Repository(Path(folder))
        commit = repository.commit(files)
        grepped, swept = both(repository.git_dir, commit, WORDS, limit, LONE)
    assert swept == grepped


def test_a_sweep_finds_what_git_grep_finds_in_code_that_people_wrote(repository: Repository) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    files = {path.name: path.read_bytes() for path in sorted(library.glob("*.py"))[:80]}
    commit = repository.commit(files)
    tokens = {token for data in files.values() for token in search._WORDS_IN_LINE.findall(data)}
    words = sorted(token.decode() for token in tokens if len(token) > 3)[::7]
    lone = {name: phrases(name, ["python"]) for name in ("Error", "close", "read")}
    grepped, swept = both(repository.git_dir, commit, [word for word in words if word not in lone], 40, lone)
    assert sum(map(len, grepped.values())) > 2000
    assert any(grepped[name] for name in lone)
    assert swept == grepped


def test_the_last_words_are_given_up_when_there_are_too_many_places(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PACKED_AT", 1)
    text = "one = two + three\n" * 3
    commit = repository.commit({f"{number}.py": text for number in range(20)})
    with GitSnapshot.open(repository.git_dir, commit) as snapshot:
        places = snapshot.sweep_words(["one"], Places(), ahead=["two", "three"], limit_per_word=400, most=130)
    assert places.words() == ["one", "two"]
    assert [places.count_of(word) for word in places.words()] == [60, 60]
    assert {match.text for match in places.of("two")} == {"one = two + three"}


def test_a_file_of_many_megabytes_is_left_out_and_named(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "SWEPT_BYTES", 100)
    commit = repository.commit({"large.py": "alpha = 1\n" * 50, "small.py": "alpha\n"})
    with GitSnapshot.open(repository.git_dir, commit) as snapshot:
        places = snapshot.sweep_words(["alpha"], Places(), limit_per_word=400, most=1000)
        assert [match.path for match in places.of("alpha")] == ["small.py"]
        assert [(one.limit, one.where) for one in snapshot.limits.all()] == [(Limit.FILE_BYTES, "large.py")]


def test_a_blob_that_the_repository_lacks_is_passed_over(repository: Repository) -> None:
    commit = repository.commit({"a.py": "alpha\n"})
    with GitSnapshot.open(repository.git_dir, commit) as snapshot:
        entries = {"0.py": TreeEntry("0.py", "0" * 40, "100644", 5), **snapshot.entries()}
    places = sweep.sweep_tree(repository.git_dir, entries, ["alpha"], Places(), limit_per_word=9, most=9)
    assert [match.path for match in places.of("alpha")] == ["a.py"]


def test_a_git_that_takes_too_long_is_ended_and_named(repository: Repository) -> None:
    commit = repository.commit({f"{number}.py": f"alpha {number}\n" for number in range(300)})
    with GitSnapshot.open(repository.git_dir, commit) as snapshot:
        entries = snapshot.entries()
        with pytest.raises(GitFailed, match="too long"):
            sweep.sweep_tree(
                repository.git_dir, entries, ["alpha"], Places(), limit_per_word=9, most=9, timeout=0.0
            )


def test_no_process_is_left_behind(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository.commit({f"{number}.py": "alpha\n" * 20_000 for number in range(8)})
    with GitSnapshot.open(repository.git_dir, commit) as snapshot:
        blobs = {path: entry.blob for path, entry in snapshot.entries().items()}
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(self)

    monkeypatch.setattr(sweep.subprocess, "Popen", Noted)
    reader = sweep.read_all(repository.git_dir, blobs, timeout=60)
    assert next(reader)[0] == "0.py"
    assert [process.poll() for process in started] == [None]
    reader.close()
    assert [process.returncode is None for process in started] == [False]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")
