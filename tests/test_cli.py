"""The command line as a user meets it: real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kilo_review import COMMANDS
from reviewer import cli
from reviewer.cli import Command
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


def changed_go(tmp_path: Path) -> Scratch:
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.go": "package a\n", "b.py": "b = 1\n"})
    scratch.write("a.go", "package a\n\nvar x = 1\n")
    scratch.write("b.py", "b = 2\n")
    return scratch


@pytest.mark.parametrize(
    "words", [["--model", "openai/gpt-6-luna"], ["--strategy", "frontier"], ["--strategy", "free"]]
)
def test_a_review_that_a_named_model_could_not_make_is_incomplete(words: list[str], tmp_path: Path):
    done = run("local", *words, cwd=changed_go(tmp_path).root)
    assert done.returncode == 3
    assert f"{' '.join(words)} cannot be asked" in done.stderr


def test_analysers_alone_end_in_0_and_say_last_how_much_nobody_read(tmp_path: Path):
    scratch = changed_go(tmp_path)
    done = run("local", cwd=scratch.root)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "1 of 2 hunks were read by nobody: no analyser reads .go"
    assert "no issues found" not in done.stdout
    for form in ("json", "sarif", "markdown", "github"):
        done = run("local", "--format", form, cwd=scratch.root)
        assert (done.returncode, "read by nobody" in done.stderr) == (0, True)
    assert run("local", "--require-coverage", cwd=scratch.root).returncode == 3
    assert run("local", "--require-coverage", "--", "b.py", cwd=scratch.root).returncode == 0


@pytest.mark.parametrize("name", ["KILO_REVIEW_MODEL_URL", "KILO_REVIEW_OLLAMA_BASE_URL"])
def test_an_address_without_a_scheme_is_wrong_use_and_the_right_one_is_named(name: str, tmp_path: Path):
    done = run("local", cwd=changed_go(tmp_path).root, **{name: "localhost:11434/v1"})
    assert done.returncode == 2
    assert f"{name}=http://localhost:11434/v1" in done.stderr


def test_a_fault_of_the_program_has_a_status_of_its_own_and_says_where_to_report_it(capsys):
    commands = {"crash": Command("tests.crash_command", "crash")}
    assert cli.main(commands, ["crash"], program=["x"]) == cli.EXIT_FAULT == 70
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert cli.ISSUES in said


def test_a_full_temporary_folder_is_one_sentence(tmp_path: Path):
    done = run("local", cwd=changed_go(tmp_path).root, TMPDIR="/proc")
    assert done.returncode in (0, 3)  # Python falls back to another folder where one can be written to
    assert "Traceback" not in done.stderr


def test_a_review_that_is_terminated_leaves_nothing_in_the_temporary_folder(tmp_path: Path):
    scratch, temporary = changed_go(tmp_path), tmp_path / "tmp"
    temporary.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        env = {
            **environment(tmp_path),
            "TMPDIR": str(temporary),
            "KILO_REVIEW_MODEL_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/v1",
            "KILO_REVIEW_MODEL": "m",
        }
        process = subprocess.Popen([PROGRAM, "local"], cwd=scratch.root, env=env, stderr=subprocess.PIPE, text=True)
        connection, _address = silent.accept()
        assert list(temporary.iterdir()) != []
        process.terminate()
        _out, said = process.communicate(timeout=60)
        connection.close()
    assert process.returncode == 143
    assert "terminated" in said
    assert list(temporary.iterdir()) == []


def test_output_in_a_pipe_has_no_colours(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.py": "a = 1\n"})
    scratch.write("a.py", "def f(x):\n    return eval(x)\n")
    done = run("local", cwd=scratch.root)
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "eval() runs text as code" in done.stdout
    assert "analysers only" in done.stderr
