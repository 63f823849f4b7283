"""The search reads what git writes, in whatever pieces it comes, and tells definitions from uses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviewer.git import search
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.search import (
    Collector,
    defined_at_most,
    line_defines,
    looks_like_definition,
    search_tree,
)
from reviewer.git.searched_paths import is_searched
from tests.context.repository import Repository

WORDS = ("alpha", "beta", "$gamma", "_delta")
LINES = st.builds(
    lambda parts: "".join(parts).encode(),
    st.lists(
        st.sampled_from(
            (*WORDS, "def ", "class ", "const ", " = ", "(", ")", ": ", "{", "} ", ", ", ".", "x", "1", "é", "\t")
        ),
        max_size=12,
    ),
)
FILES = st.lists(st.lists(LINES, min_size=1, max_size=9), max_size=4)


def written(files: list[list[bytes]]) -> bytes:
    """Write as `git grep --heading -z -n` does."""
    return b"".join(
        b"HEAD:src/%d.py\n" % place + b"".join(b"%d\0%s\n" % numbered for numbered in enumerate(lines, 1))
        for place, lines in enumerate(files)
    )


@given(FILES, st.integers(1, 40))
def test_the_pieces_that_output_comes_in_change_nothing(files: list[list[bytes]], size: int) -> None:
    output = written(files)
    whole, cut = (Collector(WORDS, 5, skip=5) for _ in range(2))
    whole.feed(output)
    for at in range(0, len(output), size):
        cut.feed(output[at : at + size])
    for collector in (whole, cut):
        collector.end()
    assert [(match, match.defines) for match in cut.matches] == [(match, match.defines) for match in whole.matches]


@given(FILES)
def test_every_file_that_holds_a_word_is_found(files: list[list[bytes]]) -> None:
    collector = Collector(WORDS, 1000, skip=5)
    collector.feed(written(files))
    collector.end()
    assert {(match.path, match.word) for match in collector.matches} == {
        (f"src/{place}.py", word)
        for place, lines in enumerate(files)
        for line in lines
        for word in WORDS
        if word.encode() in search._WORDS_IN_LINE.findall(line)
        and word.encode() in line.translate(search._SPACED).split()
    }


@given(LINES)
def test_what_is_told_apart_at_once_defines_nothing(line: bytes) -> None:
    places = list(search._WORDS_IN_LINE.finditer(line))
    tokens = [place.group() for place in places]
    could = defined_at_most(set(tokens), tokens, line)
    for place in places:
        assert place.group() in could or not looks_like_definition(line, place.start(), place.end())


@pytest.mark.parametrize(
    "line",
    [
        *("name(args)", "name(args);", "store.name()", "store.name();", "    self.store.name(", "  .name(args)"),
        *("with name(args):", "while name(args) {", "for x in name(args):", "elif name(args):", "defer name()"),
        *("defer store.name()", "name('adds', () => {", "store.name('adds', function () {", "  name(lambda x:"),
    ],
)
def test_a_call_that_is_a_statement_defines_nothing(line: str) -> None:
    assert not line_defines(line, "name")


@pytest.mark.parametrize(
    "line",
    [
        *("int name(x) {", "static void name(int x)", "name() {", "name () {", "  name(options: Options): void {"),
        *("std::string Store::name(int x) {", "Store::name(int x) :", "List<String> name();", "int name(int a,"),
        *("void IStore.name()", "    public async Task<int> name(", "def name(x):", "func (s *Store) name() {"),
        *("name = 1", "exports.name = function () {", "} name;"),
    ],
)
def test_a_type_a_body_or_a_keyword_makes_a_definition(line: str) -> None:
    assert line_defines(line, "name")


def test_a_path_with_a_line_end_is_one_path(repository: Repository) -> None:
    commit = repository.commit({"a/b\n12\nc.py": "alpha = 1\n", "d.py": "alpha\n"})
    found = search_tree(repository.git_dir, commit, ["alpha"], limit_per_word=9)
    assert [(match.path, match.line, match.text) for match in found] == [
        ("a/b\n12\nc.py", 1, "alpha = 1"),
        ("d.py", 1, "alpha"),
    ]


def test_output_that_was_cut_is_said(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository.commit({"many.py": "alpha = 1\n" * 500})
    monkeypatch.setattr(search, "OUTPUT_LIMIT", 200)
    limits = LimitsReached()
    found = search_tree(repository.git_dir, commit, ["alpha"], limit_per_word=1000, limits=limits)
    assert len(found) > 1
    assert [reached.limit for reached in limits.all()] == [Limit.SEARCH_BYTES]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def test_pages_of_generated_documentation_are_not_searched_and_templates_are(repository: Repository) -> None:
    pages = ["docs/api/Job.html", "a/javadoc/x/y/Job.htm", "site/index.html"]
    files = {**dict.fromkeys(pages, "run_job\n"), "app/job.html": "run_job\n", "src/job.py": "run_job()\n"}
    head = repository.commit(files)
    found = search_tree(repository.git_dir, head, ["run_job"], limit_per_word=9)
    assert {match.path for match in found} == {"app/job.html", "src/job.py"}
    assert [is_searched(path) for path in pages] == [False] * 3
    assert is_searched("app/job.html")
