"""A hostile repository starts nothing: the processes of a whole run, watched from outside."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git_folder import ENV
from tests.local.repo import Scratch

BIN = Path(sys.executable).parent
ALLOWED = {"git", "ruff", "bandit", "gitleaks", "zizmor", Path(sys.executable).name, "python", "python3"}


def hostile(tmp_path: Path) -> tuple[Scratch, Path]:
    """A repository that tries to run a program at every door that git and the analysers have."""
    made = Scratch(tmp_path / "repo")
    witness = tmp_path / "witness"
    trap = tmp_path / "trap.sh"
    trap.write_text(f'#!/bin/sh\necho "$0 $*" >> {witness}\ncat\n')
    trap.chmod(0o755)
    made.commit(**{"a.py": "a = 1\n", "b.txt": "one\n"})
    for key, value in {
        "core.fsmonitor": str(trap),
        "core.hooksPath": str(made.root / "hooks"),
        "diff.external": str(trap),
        "diff.evil.textconv": str(trap),
        "diff.evil.command": str(trap),
        "filter.evil.clean": str(trap),
        "filter.evil.smudge": str(trap),
        "filter.evil.process": str(trap),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
        "core.alternateRefsCommand": str(trap),
        "gpg.program": str(trap),
        "credential.helper": f"!{trap}",
        "uploadpack.packObjectsHook": str(trap),
    }.items():
        made.git("config", key, value)
    for hook in ("post-index-change", "pre-commit", "post-checkout", "reference-transaction", "pre-push"):
        made.write(f"hooks/{hook}", trap.read_text())
        (made.root / "hooks" / hook).chmod(0o755)
    # A filtered file is not read at all: what git would commit is what the program makes of it.
    made.write(".gitattributes", "* diff=evil\n*.txt filter=evil\n")
    made.write("a.py", "a = 2\n\n\ndef f(x):\n    return eval(x)\n")
    made.write("b.txt", "two\n")
    made.write("ruff.toml", 'extend = "evil.toml"\n')
    made.write("pyproject.toml", "[tool.ruff]\nselect = []\n[tool.bandit]\nexclude_dirs = ['.']\n")
    made.write(".gitleaks.toml", "[allowlist]\npaths = ['.*']\n")
    made.write("conftest.py", f"import os\nos.system('{trap}')\n")
    made.write("setup.py", f"import os\nos.system('{trap}')\n")
    made.write("sitecustomize.py", f"import os\nos.system('{trap}')\n")
    made.write("subprocess.py", f"import os\nos.system('{trap}')\n")
    witness.unlink(missing_ok=True)
    return made, witness


def arguments(tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    env = {
        **ENV,
        "HOME": str(tmp_path),
        "KILO_REVIEW_CACHE_DIR": str(tmp_path / "cache"),
        "KILO_REVIEW_OFFLINE": "1",
    }
    return [str(BIN / "kilo-review-uncommitted"), "--format", "json"], env


def test_a_hostile_repository_is_reviewed_and_runs_nothing(tmp_path: Path):
    made, witness = hostile(tmp_path)
    command, env = arguments(tmp_path)
    done = subprocess.run(command, cwd=made.root, env=env, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 1, done.stderr
    assert "S307" in done.stdout
    assert "no filter is run here" in done.stdout
    assert not witness.exists(), witness.read_text()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not on this machine")
def test_no_process_starts_but_git_and_the_analysers(tmp_path: Path):
    made, _witness = hostile(tmp_path)
    command, env = arguments(tmp_path)
    trace = tmp_path / "trace"
    traced = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace), *command]
    done = subprocess.run(traced, cwd=made.root, env=env, capture_output=True, text=True, check=False, timeout=110)
    if "ptrace" in done.stderr:
        pytest.skip("this machine does not let strace trace")
    started = re.findall(r'execve\("([^"]+)".*= 0$', trace.read_text(), re.MULTILINE)
    names = {Path(path).name for path in started}
    assert names - {"kilo-review-uncommitted"} <= ALLOWED | {
        name for name in names if re.fullmatch(r"python3?\.?\d*", name)
    }
    assert not any(path.startswith(str(made.root)) for path in started)


def test_an_audit_of_every_process_names_only_git_and_the_analysers(tmp_path: Path):
    """The same without strace: Python's own audit hook sees each process that ours starts."""
    made, _witness = hostile(tmp_path)
    _command, env = arguments(tmp_path)
    script = (
        "import sys\n"
        "def see(event, args):\n"
        "    if event == 'subprocess.Popen':\n"
        "        sys.stderr.write(f'STARTED {args[1][0] if args[1] else args[0]}\\n')\n"
        "    elif event in ('os.system', 'os.exec', 'os.posix_spawn', 'os.fork', 'os.forkpty'):\n"
        "        sys.stderr.write(f'STARTED {event}\\n')\n"
        "sys.addaudithook(see)\n"
        "from kilo_review import uncommitted\n"
        "sys.exit(uncommitted(['--format', 'json']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        cwd=made.root,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    started = {Path(line.removeprefix("STARTED ")).name for line in done.stderr.splitlines() if "STARTED" in line}
    assert "git" in started
    assert {name for name in started if not re.fullmatch(r"python3?\.?\d*", name)} <= ALLOWED, started
