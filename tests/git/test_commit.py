"""Snapshots read a commit, or uncommitted changes, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reviewer.context.secret_paths import is_secret_path
from reviewer.errors import GitFailed, NotFound
from reviewer.git.blobs import BlobReader
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, sentences, that_matter
from reviewer.git.places import Places
from reviewer.git.snapshot import Snapshot
from tests.context.repository import Repository

FILES = {
    "src/a.py": "def alpha():\n    return beta()\n",
    "src/b.py": "def beta():\n    return 1\n",
    "docs/näme.md": "beta is not betamax\n",
    "run.sh": "echo beta\n",
    "empty": "",
    "data.bin": b"\0beta\0" * 10,
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.commit(FILES, "first")
    return made


@pytest.fixture
def snapshot(repository: Repository) -> Iterator[GitSnapshot]:
    with GitSnapshot.open(repository.git_dir, "HEAD") as opened:
        yield opened


def test_a_commit_is_a_snapshot_of_its_full_id(repository: Repository) -> None:
    opened: Snapshot = GitSnapshot.open(repository.git_dir, "HEAD")
    assert opened.commit == repository.git("rev-parse", "HEAD")


def test_the_tree_lists_every_regular_file_with_its_size(snapshot: GitSnapshot) -> None:
    entries = snapshot.entries()
    assert set(entries) == set(FILES)
    assert entries["src/b.py"].size == len(FILES["src/b.py"])


def test_a_bare_clone_reads_the_same(repository: Repository, tmp_path: Path, snapshot: GitSnapshot) -> None:
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    with GitSnapshot.open(tmp_path / "bare.git", snapshot.commit) as bare:
        assert bare.read_many(FILES) == snapshot.read_many(FILES)
        assert bare.read("empty") == b""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "nope",
        "/etc/passwd",
        "../repo/src/a.py",
        "src/../src/a.py",
        "src",
        "/proc/self/environ",
        "src/a.py\n",
        "\0",
    ],
)
def test_what_is_not_in_the_tree_reads_as_none(snapshot: GitSnapshot, path: str) -> None:
    assert snapshot.read(path) is None


def test_links_and_submodules_read_as_none(repository: Repository) -> None:
    (repository.root / "link").symlink_to("/etc/passwd")
    (repository.root / "folder").symlink_to("/etc")
    repository.git("add", "link", "folder")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    repository.git("commit", "-q", "-m", "links")
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert [snapshot.read(path) for path in ("link", "folder", "folder/passwd", "sub")] == [None] * 4


def test_a_file_over_the_limit_reads_as_none(repository: Repository) -> None:
    repository.commit({"big.txt": "x" * 2000})
    with GitSnapshot.open(repository.git_dir, "HEAD", file_limit=1999) as snapshot:
        assert snapshot.read("big.txt") is None
        assert snapshot.read("run.sh") is not None


def test_an_unknown_commit_is_not_found(repository: Repository) -> None:
    for revision in ("f" * 40, "no-branch", "--help", "HEAD:src", ""):
        with pytest.raises(NotFound):
            GitSnapshot.open(repository.git_dir, revision)
    with pytest.raises(NotFound):
        GitSnapshot.open(repository.root / "nowhere", "HEAD")


def test_an_object_that_is_missing_reads_as_none(repository: Repository) -> None:
    blob = repository.git("rev-parse", "HEAD:src/a.py")
    (repository.git_dir / "objects" / blob[:2] / blob[2:]).unlink()
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert set(snapshot.read_many(["src/a.py", "src/b.py"])) == {"src/b.py"}
        assert [match.path for match in snapshot.search_words(["beta"])][:1] == ["docs/näme.md"]


def test_words_are_found_whole_with_their_lines(snapshot: GitSnapshot) -> None:
    found = {(match.path, match.line, match.word) for match in snapshot.search_words(["beta", "alpha", "no such"])}
    assert found == {
        ("src/a.py", 2, "beta"),
        ("src/a.py", 1, "alpha"),
        ("src/b.py", 1, "beta"),
        ("docs/näme.md", 1, "beta"),
        ("run.sh", 1, "beta"),
    }


def test_a_definition_is_found_behind_any_number_of_uses(repository: Repository) -> None:
    repository.commit(
        {"a/many.py": "x = omega()\n" * 50 + "y = omega\n" * 50, "z/last.py": "def omega():\n    pass\n"}
    )
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        found = snapshot.search_words(["omega"], limit_per_word=5)
    assert [match.path for match in found] == ["a/many.py"] * 3 + ["z/last.py"]


def test_a_word_that_looks_like_an_option_or_a_pattern_is_only_a_word(snapshot: GitSnapshot) -> None:
    assert list(snapshot.search_words(["--open-files-in-pager=touch", "-O", ".*", "", "("])) == []


def test_history_gives_what_changed_together(repository: Repository) -> None:
    repository.commit({"src/a.py": "1", "src/b.py": "1"})
    repository.commit({"run.sh": "1"})
    repository.commit({f"wide/{number}": "1" for number in range(90)} | {"src/a.py": "2"})
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        together = snapshot.co_changed(["src/a.py"])
    assert together[0] == ("src/a.py", "src/b.py")
    assert all(len(commit) < 90 for commit in together)


def test_many_threads_read_at_once(repository: Repository) -> None:
    names = {f"n{number}.txt": f"content {number}\n" * (number % 7 * 200) for number in range(120)}
    repository.commit(names)
    wrong: list[str] = []
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:

        def read(start: int) -> None:
            for offset in range(120):
                name = f"n{(start + offset) % 120}.txt"
                if snapshot.read(name) != names[name].encode():
                    wrong.append(name)

        threads = [threading.Thread(target=read, args=(start,)) for start in range(0, 120, 30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_reading_goes_on_after_its_process_is_killed(repository: Repository) -> None:
    reader = BlobReader(repository.git_dir, cache_bytes=0)
    blob = repository.git("rev-parse", "HEAD:src/b.py")
    try:
        assert reader.read([blob])[blob] == FILES["src/b.py"].encode()  # type: ignore[union-attr]
        assert reader._process is not None
        reader._process.kill()
        reader._process.wait()
        assert reader.read([blob])
    finally:
        reader.close()


def test_a_repository_that_is_gone_is_a_git_failure(tmp_path: Path) -> None:
    reader = BlobReader(tmp_path)
    with pytest.raises(GitFailed):
        reader.read(["1" * 40])
    reader.close()


def break_blob(repository: Repository, path: str) -> None:
    """Overwrite a blob of the object store with something that git cannot read."""
    blob = repository.git("rev-parse", f"HEAD:{path}")
    loose = repository.git_dir / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"no object")


def test_a_search_that_fails_is_noted_and_finds_nothing(repository: Repository) -> None:
    break_blob(repository, "src/b.py")
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert list(snapshot.search_words(["alpha"])) == []
        snapshot.sweep_words(["alpha"], Places(), limit_per_word=5, most=100)
        reached = snapshot.limits.all()
    assert {item.limit for item in reached} == {Limit.FAILED}
    assert that_matter(reached)
    (sentence,) = sentences(reached)
    assert sentence.startswith("context is missing because a read of the repository failed: git ")


def test_a_history_that_cannot_be_read_is_noted_and_empty(repository: Repository) -> None:
    repository.commit({"src/b.py": "b = 3\n"})
    parent = repository.git("rev-parse", "HEAD^")
    loose = repository.git_dir / "objects" / parent[:2] / parent[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"no object")
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert snapshot.co_changed(["src/b.py"]) == []
        assert [item.limit for item in snapshot.limits.all()] == [Limit.FAILED]


def test_of_a_tree_with_too_many_files_the_first_are_listed_and_every_one_can_be_read(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviewer.git.commit.TREE_LIMIT", 1)
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert len(snapshot.entries()) == 1
        assert snapshot.read("src/b.py") == FILES["src/b.py"].encode()  # type: ignore[union-attr]
        assert snapshot.read("no/such/file") is None
        (reached,) = snapshot.limits.all()
    assert (reached.limit, reached.most) == (Limit.TREE_FILES, 1)
    assert that_matter([reached])


@pytest.mark.parametrize(
    ("path", "secret"),
    [
        (".env", True),
        ("app/.env.production", True),
        (".env.example", False),
        ("src/env.py", False),
        ("certs/server.key", True),
        ("keys/id_ed25519", True),
        ("keys/id_ed25519.pub", False),
        (".aws/credentials", True),
        ("src/credentials.py", False),
        ("terraform.tfstate.backup", True),
        ("config/secrets.yml", True),
        ("src/secrets.py", False),
    ],
)
def test_files_that_hold_credentials_are_known_by_name(path: str, secret: bool) -> None:
    assert is_secret_path(path) is secret
