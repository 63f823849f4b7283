"""The command line as a user meets it: real processes."""

from __future__ import annotations

import json
import re
import shutil
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
        (["lokal"], "did you mean local?"),
        (["local", "--fial-on", "high"], "did you mean --fail-on?"),
        (["local", "--format", "jsn"], "did you mean json?"),
        (["help", "hok"], "did you mean hook?"),
        (["completion", "tcsh"], "invalid choice"),
        (["local", "typo.py"], "matches no file"),
        (["local", "--output", "no/such/folder/x.json"], "cannot write no/such/folder/x.json"),
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
    assert "usage:" not in done.stderr


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


def test_a_mistake_in_a_repositorys_policy_is_told_with_its_line_and_the_rest_of_the_file_works(tmp_path: Path):
    scratch = Scratch(tmp_path / "repo")
    policy = '[review]\nanalysers = []\nstyl = "strict"\n'
    scratch.commit(**{".kilo-review.toml": policy, "a.py": "a = 1\n"})
    scratch.write("a.py", "import os\n\nos.system(input())\n")
    done = run("local", cwd=scratch.root)
    said = " ".join((done.stdout + done.stderr).split())
    assert "line 3" in said
    assert "did you mean `review.style`" in said
    # The analysers would object to the shell: the line before the mistake holds.
    assert (done.returncode, "HIGH" in said) == (0, False)


def test_the_version_and_the_help_are_where_people_look_for_them(tmp_path: Path):
    for words in (["--version"], ["-V"], ["local", "--version"], ["ledger", "-V"]):
        done = run(*words, cwd=tmp_path)
        assert (done.returncode, done.stdout.split()[0]) == (0, "kilo-review")
    assert run("help", "local", cwd=tmp_path).stdout == run("local", "--help", cwd=tmp_path).stdout
    assert run("help", cwd=tmp_path).stdout == run("--help", cwd=tmp_path).stdout
    assert "examples:" in run("help", "local", cwd=tmp_path).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_knows_every_command_and_is_one_that_the_shell_reads(shell: str, tmp_path: Path):
    text = run("completion", shell, cwd=tmp_path).stdout
    assert all(name in text for name in COMMANDS)
    assert "fail-on" in text
    if program := shutil.which(shell):
        (tmp_path / "script").write_text(text)
        done = subprocess.run([program, "-n", tmp_path / "script"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_commands_options_and_their_values(tmp_path: Path):
    text = run("completion", "bash", cwd=tmp_path).stdout

    def completed(*words: str) -> set[str]:
        place = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}"
        asked = f'{place}; _kilo_review; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(["bash", "-c", f"{text}\n{asked}"], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert completed("kilo-review", "lo") == {"local"}
    assert completed("kilo-review", "local", "--fail") == {"--fail-on"}
    assert completed("kilo-review", "local", "--fail-on", "me") == {"medium"}
    assert completed("kilo-review", "hook", "inst") == {"install"}
    assert completed("kilo-review", "ledger", "spend", "--by", "mo") == {"model"}
    assert completed("kilo-review", "ledger", "spend", "--mon") == {"--month"}
    assert completed("kilo-review", "compl") == {"completion"}
    assert completed("kilo-review", "completion", "f") == {"fish"}
    assert completed("kilo-review", "help", "pol") == {"policy"}
    assert completed("kilo-review", "--vers") == {"--version"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_has_every_option_of_every_command(shell: str, tmp_path: Path):
    text = run("completion", shell, cwd=tmp_path).stdout
    for name in COMMANDS:
        for option in re.findall(
            r"(?m)^\s+(?:-\w(?: [A-Z_]+)?, )?--([\w-]+)", run(name, "--help", cwd=tmp_path).stdout
        ):
            assert f"-l {option}" in text if shell == "fish" else f"--{option}" in text, (name, option)
    assert all(word in text for word in ("completion", "help", "version"))


def test_the_result_goes_to_a_file_and_an_error_leaves_the_file_as_it_was(tmp_path: Path):
    scratch, target = changed_lua(tmp_path), tmp_path / "out.json"
    target.write_text("before")
    done = run("local", "-f", "json", "-o", str(target), cwd=scratch.root)
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(target.read_text())["status"] == "analysers-only"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_styles_are_written_where_they_are_asked_for_only(tmp_path: Path):
    scratch = changed_lua(tmp_path)
    scratch.write("b.py", "def f(x):\n    return eval(x)\n")
    assert "\x1b[" in run("local", "--color", "always", cwd=scratch.root).stdout
    assert "\x1b[" not in run("local", "--color", "never", cwd=scratch.root).stdout
    in_terminal = ["script", "-qec", f"{PROGRAM} local", "/dev/null"]
    if shutil.which("script"):
        env = {**environment(tmp_path), "TERM": "xterm", "NO_COLOR": "1"}
        done = subprocess.run(in_terminal, cwd=scratch.root, env=env, capture_output=True, text=True, check=False)
        assert "eval" in done.stdout
        assert "\x1b[1m" not in done.stdout


@pytest.mark.parametrize("form", ["text", "json", "sarif", "markdown", "github"])
def test_a_dry_run_has_every_form(form: str, tmp_path: Path):
    done = run("local", "--dry-run", "-f", form, cwd=changed_lua(tmp_path).root)
    assert done.returncode == 0, done.stderr
    if form in ("json", "sarif"):
        assert isinstance(json.loads(done.stdout), dict)
    elif form == "github":
        assert done.stdout.startswith("::notice ")
        assert len(done.stdout.splitlines()) == 1
    else:
        assert "nothing was asked" in done.stdout or "no model" in done.stdout
        assert done.stdout.startswith("```") == (form == "markdown")


def changed_lua(tmp_path: Path) -> Scratch:
    scratch = Scratch(tmp_path / "repo")
    scratch.commit(**{"a.lua": "local a = 0\n", "b.py": "b = 1\n"})
    scratch.write("a.lua", "local a = 0\n\nlocal x = 1\n")
    scratch.write("b.py", "b = 2\n")
    return scratch


@pytest.mark.parametrize(
    "words", [["--model", "openai/gpt-6-luna"], ["--strategy", "frontier"], ["--strategy", "free"]]
)
def test_a_review_that_a_named_model_could_not_make_is_incomplete(words: list[str], tmp_path: Path):
    done = run("local", *words, cwd=changed_lua(tmp_path).root)
    assert done.returncode == 3
    assert f"{' '.join(words)} cannot be asked" in done.stderr


def test_analysers_alone_end_in_0_and_say_last_how_much_nobody_read(tmp_path: Path):
    scratch = changed_lua(tmp_path)
    done = run("local", cwd=scratch.root)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "1 of 2 hunks were not read: no analyser reads .lua"
    assert "no issues found" not in done.stdout
    for form in ("json", "sarif", "markdown", "github"):
        done = run("local", "--format", form, cwd=scratch.root)
        assert (done.returncode, "not read" in done.stderr) == (0, True)
    assert run("local", "--require-coverage", cwd=scratch.root).returncode == 3
    assert run("local", "--require-coverage", "--", "b.py", cwd=scratch.root).returncode == 0


@pytest.mark.parametrize("name", ["KILO_REVIEW_MODEL_URL", "KILO_REVIEW_OLLAMA_BASE_URL"])
def test_an_address_without_a_scheme_is_wrong_use_and_the_right_one_is_named(name: str, tmp_path: Path):
    done = run("local", cwd=changed_lua(tmp_path).root, **{name: "localhost:11434/v1"})
    assert done.returncode == 2
    assert f"{name}=http://localhost:11434/v1" in done.stderr


def test_a_fault_of_the_program_has_a_status_of_its_own_and_says_where_to_report_it(capsys):
    commands = {"crash": Command("tests.crash_command", "crash")}
    assert cli.main(commands, ["crash"], program=["x"]) == cli.EXIT_FAULT == 70
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert cli.ISSUES in said


def test_a_full_temporary_folder_is_one_sentence(tmp_path: Path):
    done = run("local", cwd=changed_lua(tmp_path).root, TMPDIR="/proc")
    assert done.returncode in (0, 3)  # Python falls back to another folder where one can be written to
    assert "Traceback" not in done.stderr


def test_a_review_that_is_terminated_leaves_nothing_in_the_temporary_folder(tmp_path: Path):
    scratch, temporary = changed_lua(tmp_path), tmp_path / "tmp"
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
