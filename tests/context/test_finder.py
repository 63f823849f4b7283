"""A finder looks for each word once, by grep or by sweep, with the same result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from reviewer.context import finder as module
from reviewer.context.finder import Finder
from reviewer.context.needs import Need
from reviewer.git import sweep
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, LimitsReached
from reviewer.git.search import search_tree
from reviewer.git.snapshot import Match
from reviewer.syntax.uses import Role
from tests.context.repository import Repository

FILES = {f"app/part_{number}.py": f"def work_{number}(): return everywhere({number})\n" for number in range(40)}
FILES["app/base.py"] = "def everywhere(number):\n    return number\n"
WORDS = [f"work_{number}" for number in range(40)]
NEED = Need("everywhere", Role.CALL, 1.0, 1, "app/part_1.py", 1)


@pytest.fixture
def snapshot(tmp_path: Path) -> Iterator[GitSnapshot]:
    repository = Repository(tmp_path / "repo")
    with GitSnapshot.open(repository.git_dir, repository.commit(FILES)) as snapshot:
        yield snapshot


def finder_of(snapshot: GitSnapshot, limits: LimitsReached | None = None) -> Finder:
    return Finder(snapshot, families={"python"}, limits=limits or LimitsReached())


def told(found: Mapping[str, Sequence[Match]]) -> dict[str, list[tuple[Match, bool | None]]]:
    return {word: [(match, match.defines) for match in matches] for word, matches in found.items()}


def passes_of(snapshot: GitSnapshot, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count the passes over the tree by the way they are made; both are made as ever."""
    made: list[str] = []
    for name in ("search_words", "sweep_words"):
        real = getattr(GitSnapshot, name)

        def counted(
            self: GitSnapshot, *args: object, name: str = name, real: object = real, **more: object
        ) -> object:
            made.append(name)
            return real(self, *args, **more)  # type: ignore[operator]

        monkeypatch.setattr(GitSnapshot, name, counted)
    return made


def test_many_words_are_found_as_few_are(snapshot: GitSnapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    words = [*WORDS, "everywhere", "nowhere"]
    results = []
    for sweep_from in (0, 1000):
        monkeypatch.setattr(module, "SWEEP_FROM", sweep_from)
        results.append(told(finder_of(snapshot).find(words, needs=lambda: [NEED])))
    assert results[0] == results[1]
    assert [match.path for match, _ in results[0]["everywhere"]] == ["app/base.py"]
    assert results[0]["nowhere"] == []
    direct = search_tree(snapshot.git_dir, snapshot.commit, WORDS, limit_per_word=400)
    assert [match for word in WORDS for match, _ in results[0][word]] == sorted(
        direct, key=lambda match: WORDS.index(match.word)
    )


@pytest.mark.parametrize(("sweep_from", "way"), [(10, "sweep_words"), (100, "search_words")])
def test_the_words_ahead_are_found_in_the_same_pass(
    snapshot: GitSnapshot, monkeypatch: pytest.MonkeyPatch, sweep_from: int, way: str
) -> None:
    monkeypatch.setattr(module, "SWEEP_FROM", sweep_from)
    made = passes_of(snapshot, monkeypatch)
    finder = finder_of(snapshot)
    finder.find(WORDS[:3], ahead=lambda: WORDS[3:])
    assert made == [way]
    assert len(finder.find(WORDS)["work_39"]) == 1
    assert made == [way]


def test_words_that_were_given_up_are_looked_for_when_their_turn_comes(
    snapshot: GitSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PACKED_AT", 1)
    monkeypatch.setattr(module, "SWEEP_FROM", 10)
    monkeypatch.setattr(module, "MATCHES_KEPT", 20)
    made = passes_of(snapshot, monkeypatch)
    finder = finder_of(snapshot)
    found: dict[str, Sequence[Match]] = {}
    for at in range(0, 40, 5):
        found.update(finder.find(WORDS[at : at + 5], ahead=lambda at=at: WORDS[at + 5 :]))
    assert {word: [match.path for match in matches] for word, matches in found.items()} == {
        word: [f"app/part_{number}.py"] for number, word in enumerate(WORDS)
    }
    assert 1 < len(made) < 8


def test_a_common_name_that_nobody_calls_is_named(snapshot: GitSnapshot) -> None:
    limits = LimitsReached()
    assert finder_of(snapshot, limits).find(["everywhere"]) == {"everywhere": []}
    assert [(reached.limit, reached.where) for reached in limits.all()] == [(Limit.COMMON_NAMES, "everywhere")]
