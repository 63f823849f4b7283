"""The pre-push hook, with the real `git push` to a real bare remote."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from reviewer.local.hook import CHAINED, MARK
from reviewer.local.pushed_ref import PushedRef, read_pushed
from tests.git_folder import ENV
from tests.local.repo import Scratch

BIN = Path(sys.executable).parent
BAD = "import subprocess\n\n\ndef run(cmd):\n    subprocess.call(cmd, shell=True)\n"
GOOD = "def run(cmd):\n    return cmd\n"
ZERO = "0" * 40


@pytest.fixture
def cloned(tmp_path: Path) -> Scratch:
    made = Scratch(tmp_path / "repo")
    made.commit(**{"a.py": "a = 1\n"})
    made.git("init", "--quiet", "--bare", str(tmp_path / "remote.git"))
    made.git("remote", "add", "origin", str(tmp_path / "remote.git"))
    made.git("push", "--quiet", "-u", "origin", "main")
    return made


def environment(tmp: Path) -> dict[str, str]:
    return {
        **ENV,
        "PATH": f"{BIN}{os.pathsep}{ENV['PATH']}",
        "HOME": str(tmp),
        "KILO_REVIEW_CACHE_DIR": str(tmp / "cache"),
        "KILO_REVIEW_OFFLINE": "1",
    }


def run(scratch: Scratch, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=scratch.root,
        env={**environment(scratch.root.parent), **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def install(scratch: Scratch, *flags: str) -> None:
    done = run(scratch, "kilo-review", "hook", "install", *flags)
    assert done.returncode == 0, done.stderr


def test_a_push_with_a_grave_finding_is_stopped_and_no_verify_passes(cloned: Scratch):
    install(cloned, "--fail-on", "high")
    cloned.commit(**{"run.py": BAD})
    stopped = run(cloned, "git", "push")
    assert stopped.returncode != 0
    assert "Command goes through a shell" in stopped.stdout + stopped.stderr
    assert "--no-verify" in stopped.stderr
    assert run(cloned, "git", "push", "--no-verify").returncode == 0


def test_a_clean_push_goes_through(cloned: Scratch):
    install(cloned)
    cloned.commit(**{"run.py": GOOD})
    done = run(cloned, "git", "push")
    assert done.returncode == 0, done.stderr


def test_a_new_branch_is_compared_with_the_default_branch_and_a_delete_is_not_reviewed(cloned: Scratch):
    install(cloned)
    cloned.git("checkout", "--quiet", "-b", "side")
    cloned.commit(**{"run.py": BAD})
    assert run(cloned, "git", "push", "-u", "origin", "side").returncode != 0
    assert run(cloned, "git", "push", "--no-verify", "-u", "origin", "side").returncode == 0
    deleted = run(cloned, "git", "push", "origin", "--delete", "side")
    assert deleted.returncode == 0, deleted.stderr


def test_a_hook_that_was_there_runs_first_and_comes_back(cloned: Scratch):
    hook = cloned.root / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ncat > seen.txt\nexit 7\n")
    hook.chmod(0o755)
    install(cloned)
    assert (hook.parent / CHAINED).exists()
    cloned.commit(**{"run.py": GOOD})
    assert run(cloned, "git", "push").returncode != 0
    assert "refs/heads/main" in (cloned.root / "seen.txt").read_text()
    assert run(cloned, "kilo-review", "hook", "uninstall").returncode == 0
    assert MARK not in hook.read_text()
    assert not (hook.parent / CHAINED).exists()


def test_hooks_path_of_the_configuration_is_where_the_hook_goes(cloned: Scratch):
    cloned.git("config", "core.hooksPath", "my-hooks")
    install(cloned)
    assert MARK in (cloned.root / "my-hooks" / "pre-push").read_text()
    assert run(cloned, "kilo-review", "hook", "status").returncode == 0


def test_status_of_no_hook_is_one(cloned: Scratch):
    assert run(cloned, "kilo-review", "hook", "status").returncode == 1


def test_a_hook_that_cannot_review_lets_the_push_go_with_one_line_or_blocks_it(cloned: Scratch):
    # A policy of the organisation that is not there; a repository's own mistakes end no review.
    broken = {"KILO_REVIEW_POLICY": str(cloned.root.parent / "nowhere.toml")}
    install(cloned)
    cloned.commit(**{"run.py": BAD})
    allowed = run(cloned, "git", "push", **broken)
    assert allowed.returncode == 0
    assert "was not fully reviewed" in allowed.stderr
    install(cloned, "--on-error", "block")
    cloned.commit(**{"run.py": GOOD})
    assert run(cloned, "git", "push", **broken).returncode != 0


def another_remote(cloned: Scratch, name: str) -> None:
    place = cloned.root.parent / f"{name}.git"
    cloned.git("init", "--quiet", "--bare", str(place))
    cloned.git("remote", "add", name, str(place))


def test_what_the_remote_has_already_is_not_reviewed_again(cloned: Scratch):
    """A stacked branch, a tag, a second remote, a branch that catches up: the bad commit was pushed before."""
    install(cloned)
    cloned.git("checkout", "--quiet", "-b", "below")
    cloned.commit(**{"run.py": BAD})
    assert run(cloned, "git", "push", "origin", "below").returncode != 0
    assert run(cloned, "git", "push", "--no-verify", "origin", "below").returncode == 0
    cloned.git("checkout", "--quiet", "-b", "above")
    cloned.commit(**{"more.py": GOOD})
    cloned.git("tag", "-a", "v1", "-m", "one", "below")
    another_remote(cloned, "backup")
    for words in (["origin", "above"], ["origin", "v1"], ["backup", "below"], ["origin", "below:main"]):
        done = run(cloned, "git", "push", *words)
        assert done.returncode == 0, done.stderr


def test_the_first_push_to_an_empty_remote_is_reviewed_whole(tmp_path: Path):
    made = Scratch(tmp_path / "repo")
    made.commit(**{"run.py": BAD})
    made.commit(**{"more.py": GOOD})
    another_remote(made, "origin")
    install(made)
    stopped = run(made, "git", "push", "origin", "main")
    assert stopped.returncode != 0
    assert "Command goes through a shell" in stopped.stdout + stopped.stderr


def test_two_refs_of_one_push_are_reviewed_once(cloned: Scratch):
    install(cloned)
    cloned.commit(**{"run.py": GOOD})
    cloned.git("branch", "twin")
    done = run(cloned, "git", "push", "origin", "main", "twin")
    assert done.returncode == 0
    assert done.stderr.count("before the push") == 1


def test_without_a_model_a_push_goes_and_where_errors_block_it_does_not(cloned: Scratch):
    cloned.commit(**{"run.py": GOOD})
    install(cloned, "--on-error", "block")
    stopped = run(cloned, "git", "push")
    assert stopped.returncode != 0
    assert "no model configured" in stopped.stderr
    install(cloned)
    assert run(cloned, "git", "push").returncode == 0


def test_the_installed_program_is_found_without_its_environment(cloned: Scratch):
    install(cloned)
    cloned.commit(**{"run.py": BAD})
    env = {**environment(cloned.root.parent), "PATH": ENV["PATH"]}
    assert shutil.which("kilo-review", path=ENV["PATH"]) is None
    done = subprocess.run(
        ["git", "push"], cwd=cloned.root, env=env, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode != 0
    assert "Command goes through a shell" in done.stdout + done.stderr


def test_status_tells_a_program_that_is_gone(cloned: Scratch, monkeypatch):
    install(cloned)
    hook = cloned.root / ".git" / "hooks" / "pre-push"
    hook.write_text(hook.read_text().replace(f"program={BIN}", "program=/gone"))
    env = {**environment(cloned.root.parent), "PATH": ENV["PATH"]}
    done = subprocess.run(
        [BIN / "kilo-review", "hook", "status"],
        cwd=cloned.root,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is gone" in done.stderr


@pytest.mark.parametrize("amount", ["much", "-1", "$(touch x)", "NaN"])
def test_a_wrong_amount_is_refused_when_the_hook_is_installed(cloned: Scratch, amount: str):
    done = run(cloned, "kilo-review", "hook", "install", f"--max-cost={amount}")
    assert done.returncode == 2
    assert "is not an amount" in done.stderr
    assert not (cloned.root / ".git" / "hooks" / "pre-push").exists()


def test_a_chained_hook_is_given_exactly_what_git_gives(cloned: Scratch):
    hook = cloned.root / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncat > seen.txt\necho "$@" > words.txt\n')
    hook.chmod(0o755)
    install(cloned)
    cloned.commit(**{"run.py": GOOD})
    assert run(cloned, "git", "push").returncode == 0
    assert (cloned.root / "seen.txt").read_text().count("\n") == 1
    assert (cloned.root / "words.txt").read_text().split()[0] == "origin"
    assert run(cloned, "git", "push").returncode == 0
    assert (cloned.root / "seen.txt").read_text() == ""


def test_a_shared_folder_of_hooks_is_written_with_a_word(cloned: Scratch, tmp_path: Path):
    cloned.git("config", "core.hooksPath", str(tmp_path / "shared-hooks"))
    done = run(cloned, "kilo-review", "hook", "install")
    assert done.returncode == 0
    assert "runs for every repository" in done.stderr


def test_the_lines_of_git_are_read_as_git_documents_them():
    new, gone, odd = f"refs/heads/a {'1' * 40} refs/heads/a {ZERO}", f"(delete) {ZERO} refs/heads/b {'2' * 40}", "x"
    refs = read_pushed("\n".join((new, gone, odd)))
    assert refs == (
        PushedRef("refs/heads/a", "1" * 40, "refs/heads/a", ZERO),
        PushedRef("(delete)", ZERO, "refs/heads/b", "2" * 40),
    )
    assert (refs[0].creates, refs[0].deletes) == (True, False)
    assert (refs[1].creates, refs[1].deletes) == (False, True)
