"""git is started so that nothing of the repository's, the user's or the system's configures it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reviewer.errors import GitFailed
from reviewer.git.commit import GitSnapshot
from reviewer.git.git import git_environment, run_git
from tests.context.repository import Repository
from tests.git_folder import ENV


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repo")
    made.commit({"a.py": "def alpha():\n    return beta()\n", "b.py": "def beta():\n    return 1\n"})
    return made


def test_output_comes_back_as_bytes(repository: Repository) -> None:
    assert (
        run_git(["rev-parse", "HEAD"], git_dir=repository.git_dir).strip()
        == repository.git("rev-parse", "HEAD").encode()
    )


def test_a_failure_carries_gits_own_words_and_status(repository: Repository) -> None:
    with pytest.raises(GitFailed) as failed:
        run_git(["rev-parse", "--verify", "no-such-branch"], git_dir=repository.git_dir)
    assert failed.value.status == 128
    assert "Needed a single revision" in failed.value.detail


def test_too_much_output_is_a_failure_or_is_cut(repository: Repository) -> None:
    blob = repository.commit({"big.txt": "x" * 300_000}) + ":big.txt"
    with pytest.raises(GitFailed, match="wrote more than"):
        run_git(["cat-file", "blob", blob], git_dir=repository.git_dir, limit=1000)
    assert len(run_git(["cat-file", "blob", blob], git_dir=repository.git_dir, limit=1000, cut=True)) == 1000


def test_a_git_that_hangs_is_killed_with_what_it_started(repository: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "child"
    # An alias is the only way here to make git hang for sure; ours to set, by -c on our own command line.
    script = f"!echo $$ > {mark}; sleep 60"
    began = time.monotonic()
    with pytest.raises(GitFailed, match="took longer than"):
        run_git(["hang"], git_dir=repository.git_dir, timeout=1.0, config=(("alias.hang", script),))
    assert time.monotonic() - began < 50
    child = int(mark.read_text())
    for _ in range(100):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split(")")[1]:
            break
        time.sleep(0.05)
    else:
        pytest.fail("the child of git still runs")


def test_the_environment_of_git_holds_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_PRIVATE_KEY", "canary")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch /tmp/owned")
    env = git_environment()
    assert "canary" not in str(env)
    assert not {"HOME", "XDG_CONFIG_HOME", "GIT_DIR", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF"} & set(env)


def test_a_token_for_a_fetch_is_not_on_the_command_line(repository: Repository) -> None:
    from reviewer.git.git import git_command

    secret = (("http.extraHeader", "Authorization: canary"),)
    assert "canary" not in " ".join(git_command(["fetch"], git_dir=repository.git_dir))
    seen = run_git(["config", "--get", "http.extraHeader"], git_dir=repository.git_dir, secret_config=secret)
    assert seen.decode().strip() == "Authorization: canary"


def test_no_transport_is_allowed_unless_it_is_named(repository: Repository, tmp_path: Path) -> None:
    other = Repository(tmp_path / "other")
    with pytest.raises(GitFailed, match="not allowed"):
        run_git(["fetch", str(repository.root), "main"], git_dir=other.git_dir)
    run_git(["fetch", "-q", str(repository.root), "main"], git_dir=other.git_dir, protocols=("file",))


def hostile(repository: Repository, mark: Path) -> None:
    """Configure everything that could run a program, each leaving a mark."""
    program = repository.root.parent / "program.sh"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {mark}\ncat\n")
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "core.askPass", "gpg.program"),
        *(
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.evil.process",
            "diff.evil.textconv",
            "credential.helper",
        ),
        *("diff.evil.command", "merge.evil.driver", "uploadpack.packObjectsHook", "core.editor", "core.gitProxy"),
        "core.alternateRefsCommand",
    ):
        repository.git("config", key, str(program))
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "core.hooksPath", str(repository.root / "hooks"))
    repository.write({"hooks/post-index-change": f"#!/bin/sh\necho hook >> {mark}\n"})
    (repository.root / "hooks" / "post-index-change").chmod(0o755)
    (repository.git_dir / "info").mkdir(exist_ok=True)
    (repository.git_dir / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")


def test_a_hostile_repository_configuration_runs_nothing(repository: Repository, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    base = repository.git("rev-parse", "HEAD")
    repository.write(
        {"a.py": "def alpha():\n    return beta() + 1\n", ".gitattributes": "* filter=evil diff=evil\n"}
    )
    hostile(repository, mark)
    with GitSnapshot.open(repository.git_dir, base) as commit:
        assert commit.read("a.py") is not None
        assert commit.search_words(["beta"])
        assert commit.co_changed(["a.py"])
    diff = run_git(["diff", "--no-ext-diff", "--no-textconv", base, base], git_dir=repository.git_dir)
    assert diff == b""
    assert not mark.exists(), mark.read_text()
    # The traps are live: plain git walks into them.
    subprocess.run(["git", "status"], cwd=repository.root, env=ENV, capture_output=True, check=False)
    assert mark.exists()


def test_a_repository_of_another_owner_is_read(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    for folder, _, files in os.walk(repository.root):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            os.lchown(path, 12345, 12345)
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        assert snapshot.read("a.py") is not None


def test_a_replace_ref_does_not_change_what_is_read(repository: Repository) -> None:
    first = repository.git("rev-parse", "HEAD")
    other = repository.commit({"a.py": "replaced = True\n"})
    repository.git("replace", first, other)
    with GitSnapshot.open(repository.git_dir, first) as snapshot:
        assert b"beta" in (snapshot.read("a.py") or b"")


@pytest.mark.skipif(sys.platform == "win32", reason="no POSIX paths")
def test_git_is_never_taken_from_a_relative_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from reviewer.git import git

    (tmp_path / "git").write_text("#!/bin/sh\necho owned\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.environ['PATH']}")
    git.git_program.cache_clear()
    try:
        assert Path(git.git_program()).is_absolute()
        assert Path(git.git_program()).parent != tmp_path
    finally:
        git.git_program.cache_clear()
