"""The command line as a user meets it: real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from kilo_review import COMMANDS
from tests.git_folder import ENV
from tests.local.repo import Scratch

PROGRAM = str(Path(sys.executable).parent / "kilo-review")


def environment(home: Path) -> dict[str, str]:
    return {
        **ENV,
        "HOME": str(home),
        "KILO_REVIEW_CACHE_DIR": str(home / "cache"),
        "KILO_REVIEW_OFFLINE": "1",
    }


def run(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words],
        cwd=cwd,
        env={**environment(cwd), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_help_names_every_command_and_the_exit_statuses(tmp_path: Path):
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)
    assert "4 stopped by a spending limit" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own(command: str, tmp_path: Path):
    done = run(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert f"usage: kilo-review {command}" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "invalid choice"),
        (["local", "--staged", "--unpushed"], "exclude each other"),
        (["local", "--head", "x"], "--head goes with --base"),
        (["local", "--max-cost", "much"], "is not an amount"),
        (["local", "--base", "nowhere"], "is no commit"),
        (["local", "--model", "nobody/nothing"], "names no model"),
        (["explain", "change", "--diff", "missing.diff"], "cannot read missing.diff"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(words: list[str], says: str, tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("a.py", "a = 2\n")
    done = run(*words, cwd=scratch.root)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_a_repository_the_sentence_says_what_to_do(tmp_path: Path):
    done = run("local", cwd=tmp_path)
    assert (done.returncode, "Change into one" in done.stderr) == (2, True)


def test_a_server_without_its_settings_does_not_start_and_names_them(tmp_path: Path):
    done = run("web", cwd=tmp_path)
    assert done.returncode == 2
    assert all(name in done.stderr for name in ("GITHUB_APP_ID", "GITHUB_PRIVATE_KEY", "GITHUB_WEBHOOK_SECRET"))


def test_a_key_that_is_no_key_is_refused_without_being_shown(tmp_path: Path):
    done = run("web", cwd=tmp_path, GITHUB_PRIVATE_KEY="hunter2-not-a-key")
    assert done.returncode == 2
    assert "PEM" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{f"f{n}.py": "".join(f"x{i} = {i}\n" for i in range(400)) for n in range(8)})
    command = f"{PROGRAM} explain prompt --commit HEAD | head -n 1"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=scratch.root,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 1


def test_a_repository_policy_that_cannot_be_used_stops_the_review_and_names_the_line(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{".kilo-review.toml": 'strategy = "free"\nfail_on = = 3\n', "a.py": "a = 1\n"})
    scratch.write("a.py", "a = 2\n")
    done = run("local", cwd=scratch.root)
    assert done.returncode == 2
    assert ".kilo-review.toml at the base commit, line 2" in done.stderr


def test_output_in_a_pipe_has_no_colours(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("a.py", "def f(x):\n    return eval(x)\n")
    done = run("local", cwd=scratch.root)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "eval() runs text as code" in done.stdout
    assert "analysers only" in done.stderr
