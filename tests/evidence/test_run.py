from __future__ import annotations

import random
import string
from collections.abc import Mapping
from pathlib import Path

import pytest

from policies.words import Severity
from reviewer.change.parse import parse_diff
from reviewer.errors import PathRefused
from reviewer.evidence.run import run_analysers
from reviewer.evidence.sandbox import execute, lay_out
from reviewer.evidence.tools import TOOLS
from tests.evidence.snippets import Files, added
from tests.process_tree import wait_for

ALL = tuple(TOOLS)
TOKEN = "gh" + "p_" + "".join(random.Random(3).choices(string.ascii_letters + string.digits, k=36))


INJECTION = (
    "on: pull_request_target\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
    "      - run: echo ${{ github.event.pull_request.title }}\n"
)


def analyse(files: Mapping[str, str], tools: tuple[str, ...] = ALL):
    return run_analysers(added(files), Files(files), tools=tools)


def test_each_analyser_finds_its_planted_defect_and_says_so_once():
    evidence = analyse(
        {
            "app.py": "import subprocess\n\n\ndef run(cmd, seen=[]):\n    subprocess.call(cmd, shell=True)\n",
            "settings.txt": f"token = {TOKEN}\n",
            ".github/workflows/ci.yml": (
                "on: pull_request_target\npermissions: {}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
                "      - run: echo ${{ github.event.pull_request.title }}\n"
            ),
        }
    )
    found = {(item.path, item.line, item.source) for item in evidence.findings}
    assert ("app.py", 4, "ruff:B006") in found
    assert ("app.py", 5, "ruff:S602") in found
    assert ("settings.txt", 1, "gitleaks:github-pat") in found
    assert (".github/workflows/ci.yml", 7, "zizmor:template-injection") in found
    assert not any(source.startswith("bandit") for _path, _line, source in found), "bandit repeats ruff here"
    assert all(run.error == "" for run in evidence.runs), evidence.runs


def test_clean_code_gets_no_finding():
    assert (
        analyse({"ok.py": '"""A module."""\n\n\ndef add(a: int, b: int) -> int:\n    return a + b\n'}).findings
        == ()
    )


def test_a_hit_on_a_line_that_the_change_does_not_add_is_not_its_business():
    text = "import os\n\n\ndef f(x):\n    return eval(x)\n\n\ndef g():\n    return 2\n"
    change = parse_diff("--- a/x.py\n+++ b/x.py\n@@ -8,2 +8,2 @@\n def g():\n-    return 1\n+    return 2\n")
    assert run_analysers(change, Files({"x.py": text}), tools=ALL).findings == ()


def test_a_comment_in_the_code_does_not_silence_its_own_review():
    evidence = analyse({"x.py": "def f(x):\n    return eval(x)  # noqa # nosec\n"})
    assert [item.source for item in evidence.findings] == ["ruff:S307"]


def test_configuration_of_the_repository_steers_no_analyser():
    bad = "def f(x):\n    return eval(x)\n"
    evidence = analyse(
        {
            "ruff.toml": "lint.select = []\nexclude = ['*.py']\n",
            "pyproject.toml": "[tool.ruff]\nexclude = ['*.py']\n[tool.bandit]\nexclude_dirs = ['.']\n",
            ".gitleaks.toml": "[allowlist]\npaths = ['.*']\n",
            ".gitleaksignore": "conf.txt:github-pat:1\n",
            "zizmor.yml": "rules: {template-injection: {disable: true}}\n",
            "b.py": bad,
            "conf.txt": f"token = {TOKEN}\n",
            ".github/workflows/ci.yml": INJECTION,
        }
    )
    found = {(item.path, item.source) for item in evidence.findings}
    assert {
        ("b.py", "ruff:S307"),
        ("conf.txt", "gitleaks:github-pat"),
        (".github/workflows/ci.yml", "zizmor:template-injection"),
    } <= found


@pytest.mark.parametrize(
    "name",
    ["pyproject.toml", "setup.cfg", "tox.ini", ".gitignore", ".gitleaks.toml", ".gitleaksignore", "a/ruff.toml"],
)
def test_a_secret_is_found_in_a_file_of_any_name(name: str):
    evidence = analyse({name: f"# token = {TOKEN}\n", "b.py": "b = 1\n"})
    assert [(item.path, item.source) for item in evidence.findings] == [(name, "gitleaks:github-pat")]
    assert evidence.left_out == ()


def test_a_workflow_may_be_called_like_a_configuration():
    evidence = analyse({".github/workflows/zizmor.yml": INJECTION})
    assert "zizmor:template-injection" in {item.source for item in evidence.findings}


def test_a_file_that_is_too_large_is_told():
    evidence = analyse({"big.txt": "word\n" * 300_000, "b.py": "b = 1\n"})
    assert evidence.left_out == ("big.txt",)


def test_advice_to_pin_an_action_is_low():
    text = INJECTION.replace("pull_request_target", "push").partition("      - run")[0]
    evidence = analyse({".github/workflows/ci.yml": text + "      - uses: actions/checkout@v4\n"})
    assert {item.severity for item in evidence.findings} == {Severity.LOW}
    assert "zizmor:unpinned-uses" in {item.source for item in evidence.findings}


@pytest.mark.parametrize("path", ["tests/test_x.py", "test/helper.py", "src/x_test.py"])
def test_a_request_without_a_timeout_in_a_test_is_low(path: str):
    text = "import requests\n\nrequests.get('https://example.org')\n"
    assert {item.severity for item in analyse({path: text}).findings} == {Severity.LOW}
    assert {item.severity for item in analyse({"src/x.py": text}).findings} == {Severity.MEDIUM}


def test_a_fix_of_several_lines_quotes_all_that_it_replaces():
    text = "def f(a):\n    if not (\n        a in\n        b\n    ):\n        return a is 'x'\n"
    for item in analyse({"x.py": text}).findings:
        if item.suggestion is not None:
            assert len(item.quote.split("\n")) == item.line - (item.start_line or item.line) + 1


@pytest.mark.parametrize("path", ["../x.py", "/etc/x.py", "a/../../x.py", "a\0b.py"])
def test_a_path_that_leads_out_is_refused(path: str, tmp_path: Path):
    with pytest.raises(PathRefused):
        lay_out({path: b"x"}, tmp_path)


def test_a_leaked_secret_is_found_and_repeated_nowhere():
    evidence = analyse({"conf.py": f'KEY = "{TOKEN}"\n'})
    leak = next(item for item in evidence.findings if item.source.startswith("gitleaks"))
    assert leak.severity is Severity.CRITICAL
    assert TOKEN not in repr(evidence)
    assert TOKEN in evidence.secrets


def test_security_in_a_test_is_worth_less():
    evidence = analyse({"tests/test_x.py": "import subprocess\n\nsubprocess.call('ls', shell=True)\n"})
    assert {item.severity for item in evidence.findings if item.source == "ruff:S602"} <= {Severity.LOW}


def test_a_safe_fix_becomes_a_suggestion():
    evidence = analyse({"x.py": "def f(a):\n    return a is 'x'\n"})
    assert [(item.source, item.suggestion) for item in evidence.findings] == [("ruff:F632", "    return a == 'x'")]


def test_an_analyser_that_hangs_is_killed_with_all_that_it_started(tmp_path: Path):
    ran = execute(["/bin/sh", "-c", "sleep 60 & sleep 60"], cwd=tmp_path, home=tmp_path, seconds=0.3)
    assert ran.timed_out


def test_an_analyser_sees_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KILO_API_KEY", "canary-value")
    ran = execute(["/usr/bin/env"], cwd=tmp_path, home=tmp_path)
    assert b"canary-value" not in ran.output
    assert b"PATH=" in ran.output


def test_a_tool_that_fails_is_reported_and_the_others_go_on():
    files = {"x.py": f"TOKEN = '{TOKEN}'\n\n\ndef f(x):\n    return eval(x)\n"}

    def stopped() -> bool:
        evidence = run_analysers(added(files), Files(files), tools=("ruff", "gitleaks"), seconds=0.0)
        assert [run.tool for run in evidence.runs] == ["ruff", "gitleaks"]
        return all("stopped after" in run.error for run in evidence.runs) and evidence.findings == ()

    # On a busy machine a quick tool may be done before we look at the clock.
    wait_for(stopped)
